"""Tag-lists, the form of DKIM signatures, their keys, DMARC records and ARC fields (RFC 6376 section 3.2)."""

from __future__ import annotations

import re

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_SPACE = re.compile(r"[ \t\r\n]+")
_VALUE = re.compile(r"[!-:<-~\u0080-\U0010ffff \t\r\n]*\Z")


def parse_tags(text: str) -> dict[str, str]:
    """The tags in their order; values without outer white space. Raises ValueError, which says what is wrong."""
    specs = text.split(";")
    if not specs[-1].strip():
        specs.pop()
    tags: dict[str, str] = {}
    for spec in specs:
        name, equals, value = spec.partition("=")
        name, value = name.strip(" \t\r\n"), value.strip(" \t\r\n")
        if not equals or not _NAME.match(name):
            raise ValueError(f"{spec.strip()[:40]!r} is not of the form tag=value")
        if name in tags:
            raise ValueError(f"the tag {name}= stands there twice")
        if not _VALUE.match(value):
            raise ValueError(f"the value of {name}= has a control character")
        tags[name] = value
    if not tags:
        raise ValueError("there is no tag")
    return tags


def squeeze(value: str) -> str:
    """A value without any white space, as base64 wants it."""
    return _SPACE.sub("", value)


def colon_list(value: str) -> tuple[str, ...]:
    """A value such as h=, split at its colons, in lower case."""
    return tuple(item.strip(" \t\r\n").lower() for item in value.split(":"))
