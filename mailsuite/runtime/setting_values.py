"""The values that settings are made of, and their readers.

A reader takes what TOML gave and returns the value, or raises ValueError with the rule that was broken.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import idna

from mailsuite.model.address import Address

T = TypeVar("T")
Reader = Callable[[object], T]

_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_SIZES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_LONGEST = 100 * 365 * _UNITS["d"]
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\Z")


def text(value: object) -> str:
    """A string of one line, without control characters."""
    if not isinstance(value, str):
        raise ValueError("must be a string")
    if any(ord(c) < 32 or ord(c) == 127 for c in value):
        raise ValueError("must not hold line ends or control characters")
    return value


def whole(minimum: int, because: str = "") -> Reader[int]:
    """Reads an integer that is not smaller than ``minimum``."""

    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
            raise ValueError(f"must be a whole number, at least {minimum}{because}")
        return value

    return read


def yes_no(value: object) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def one_of(*choices: str) -> Reader[str]:
    """Reads one of a few words."""

    def read(value: object) -> str:
        if value not in choices:
            raise ValueError(f"must be one of {', '.join(repr(c) for c in choices)}")
        return str(value)

    return read


def many(reader: Reader[T], least: int = 0) -> Reader[tuple[T, ...]]:
    """Reads a list; what is wrong with an element is told with its place in the list."""

    def read(value: object) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise ValueError("must be a list")
        if len(value) < least:
            raise ValueError("must not be empty")
        found = []
        for place, element in enumerate(value, 1):
            try:
                found.append(reader(element))
            except ValueError as error:
                raise ValueError(f"entry {place}, {element!r}: {error}") from None
        return tuple(found)

    return read


def duration(value: object) -> int:
    """Milliseconds of a text such as "90s", "5m", "4h" or "5d"."""
    match = re.fullmatch(r"([0-9]{1,9})(ms|s|m|h|d|w)", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('must be a time such as "90s", "5m", "4h" or "5d"')
    length = int(match[1]) * _UNITS[match[2]]
    if not 0 < length <= _LONGEST:
        raise ValueError("must be longer than nothing and not longer than a hundred years")
    return length


def duration_or_never(value: object) -> int:
    """As ``duration``, or 0: never."""
    if value == 0 and isinstance(value, int) and not isinstance(value, bool):
        return 0
    try:
        return duration(value)
    except ValueError as error:
        raise ValueError(f"{error}, or 0 for never") from None


def size(least: int, because: str) -> Reader[int]:
    """Reads octets: an integer, or a text such as "35MB" (10^6) or "32MiB" (2^20)."""

    def read(value: object) -> int:
        octets = value if isinstance(value, int) and not isinstance(value, bool) else -1
        if isinstance(value, str) and (match := re.fullmatch(r"([0-9]{1,12}) ?(B|kB|MB|GB|KiB|MiB|GiB)", value)):
            octets = int(match[1]) * _SIZES[match[2]]
        if octets < 0:
            raise ValueError('must be a number of octets or a size such as "35MB"')
        if octets < least:
            raise ValueError(f"must be at least {least} octets ({because})")
        return octets

    return read


def domain_name(value: object) -> str:
    """A domain name: lower case, A-labels, no final dot."""
    name = text(value).strip().rstrip(".")
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except idna.IDNAError as error:
            raise ValueError(f"is not a domain name: {error}") from None
    labels = name.lower().split(".")
    # A last label of digits would be read as an IPv4 address (RFC 1123 section 2.1).
    if len(name) > 253 or not all(_LABEL.match(label) for label in labels) or labels[-1].isdigit():
        raise ValueError("is not a domain name")
    return ".".join(labels)


def host_name(value: object) -> str:
    """The full name of a machine: a domain name of at least two labels (RFC 5321 section 2.3.5)."""
    name = domain_name(value)
    if "." not in name:
        raise ValueError(f"{name!r} is not the full name of a machine, such as mail.example.org")
    return name


def address(value: object) -> Address:
    """An address such as postmaster@example.org."""
    return Address.parse(text(value))


def separator(value: object) -> str:
    """One character that can stand in a local part, or none."""
    mark = text(value)
    if len(mark) > 1 or mark not in "+-=_#~!%":
        raise ValueError('must be one of the characters +-=_#~!% or ""')
    return mark


def absolute_path(value: object) -> Path:
    """The path of a file or directory, from the root."""
    path = Path(text(value))
    if not path.is_absolute():
        raise ValueError("must be an absolute path")
    return path


def readable_file(value: object) -> Path:
    """The path of a file that this process can read."""
    path = absolute_path(value)
    if not path.is_file() or not os.access(path, os.R_OK):
        raise ValueError(f"{path} is not a file that can be read")
    return path


def file_pair(value: object) -> tuple[Path, Path]:
    """Two files that this process can read: a certificate chain and its key."""
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError('must be a certificate and its key: ["/path/cert.pem", "/path/key.pem"]')
    return readable_file(value[0]), readable_file(value[1])


def web_origin(value: object) -> str:
    """``https://mail.example.org``: scheme, host and port, nothing behind them."""
    url = urlsplit(text(value))
    try:
        fine = url.scheme in ("https", "http") and url.hostname and url.port != 0
    except ValueError:
        fine = False
    if not fine or url.username is not None or url.path not in ("", "/") or url.query or url.fragment:
        raise ValueError("must be the address of a site such as https://mail.example.org, without a path")
    return f"{url.scheme}://{url.netloc}"


def redis_url(value: object) -> str:
    """``redis://host:port/db``, ``unix:///path?db=n``, or nothing. No error shows it: it may hold a password."""
    url = urlsplit(text(value))
    try:
        at_host = url.scheme == "redis" and url.hostname and url.port != 0
    except ValueError:
        at_host = False
    if value == "" or at_host or (url.scheme == "unix" and url.path.startswith("/") and not url.hostname):
        return str(value)
    raise ValueError("must be redis://host:port/db, unix:///path/of/socket, or empty for a server of our own")


def store_url(value: object) -> str:
    """``sqlite:///path/of/file``, or nothing."""
    url = urlsplit(text(value))
    if value == "" or (url.scheme == "sqlite" and len(url.path) > 1 and not (url.netloc or url.query or url.fragment)):
        return str(value)
    raise ValueError("must be sqlite:///path/of/file, or empty for mailsuite.db in the data directory")
