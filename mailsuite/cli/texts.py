"""Texts that a command is given, and those that it shows."""

from __future__ import annotations

import sys
from pathlib import Path


def read_text(file: Path, most: int) -> str:
    """The UTF-8 text in it; "-" is standard input. Raises ValueError for what is no text, or above ``most`` octets."""
    try:
        if str(file) == "-":
            octets = sys.stdin.buffer.read(most + 1)
        else:
            with file.open("rb") as opened:
                octets = opened.read(most + 1)
        if len(octets) > most:
            raise ValueError(f"{file} is too large: {most:,} octets at most")
        return octets.decode("utf-8")
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} cannot be read: octet {error.start} is no UTF-8") from None


def printable(text: str) -> str:
    """As it is shown: strangers wrote parts of it, and nothing of theirs steers a terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)
