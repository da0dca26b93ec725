"""Text from outside made safe to show: no controls, no hidden direction changes, harmless file names (RFC 2183 2.3)."""

from __future__ import annotations

import re

_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
_SPACES = re.compile(r"[\t\u2028\u2029]")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_OVERRIDES = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_DIRECTIONS = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")

FILENAME_CHARACTERS = 200


def scrub(text: str) -> str:
    """``text`` with halves of surrogate pairs replaced, so that it can be encoded."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def clean_line(text: str) -> str:
    """One line: controls (CR, LF and NUL among them) removed, tabs and line separators made spaces, ends stripped."""
    if text.isascii() and text.isprintable():
        return text.strip()
    return scrub(_SPACES.sub(" ", _CONTROLS.sub("", text))).strip()


def show_overrides(text: str) -> str:
    """Characters that reorder what follows, as visible escapes: U+202E becomes ``[U+202E]``."""
    return text if text.isascii() else _OVERRIDES.sub(_escape, text)


def clean_filename(name: str) -> str:
    """The last segment of a path, on one line, without direction controls, at most 200 characters; "" for no name."""
    name = clean_line(name).replace("\\", "/").rpartition("/")[2].strip()
    name = _DIRECTIONS.sub(_escape, name)
    if len(name) > FILENAME_CHARACTERS:
        stem, dot, extension = name.rpartition(".")
        kept = dot + extension if stem and len(extension) <= 16 else ""
        name = name[: FILENAME_CHARACTERS - len(kept)] + kept
    return "" if name in (".", "..") else name


def _escape(match: re.Match[str]) -> str:
    return f"[U+{ord(match.group()):04X}]"
