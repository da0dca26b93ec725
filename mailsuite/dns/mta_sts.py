"""MTA-STS as text: the record that announces a policy, the policy, and the hosts that it names; read and written.

RFC 8461 sections 3.1, 3.2, 4.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256

from mailsuite.model.sts import StsMode, StsPolicy

MAX_SIZE = 64 * 1024
"""Octets of a policy (section 3.3)."""

MAX_AGE = 31557600
"""Seconds; a longer life is cut to this (section 3.2)."""

LIFETIMES = {"testing": 86_400, "enforce": 1_209_600}
"""Seconds that a sender is to keep a policy of ours: one that is being tried out is to be gone soon."""

_VERSION = "STSv1"
_RECORD = re.compile(
    r"v=STSv1(?:[ \t]*;[ \t]*[A-Za-z0-9][A-Za-z0-9_.-]{0,31}=[\x21-\x3a\x3c\x3e-\x7e]+)+[ \t]*(?:;[ \t]*)?"
)
_ID = re.compile(r";[ \t]*id=([^ \t;]*)")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_PATTERN = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")


def policy_text(hostname: str, mode: str) -> str:
    """Our policy for a domain whose mail host is ``hostname``; ``mode`` is "testing" or "enforce" (section 3.2)."""
    return f"version: {_VERSION}\r\nmode: {mode}\r\nmx: {hostname}\r\nmax_age: {LIFETIMES[mode]}\r\n"


def announcement(hostname: str, mode: str) -> str:
    """Its TXT record at ``_mta-sts`` (section 3.1): the id changes when the policy does."""
    return f"v={_VERSION}; id={sha256(policy_text(hostname, mode).encode()).hexdigest()[:20]}"


def announcements(texts: Iterable[str]) -> list[str]:
    """Those of the TXT records at ``_mta-sts.<domain>`` that are meant to announce a policy."""
    return [text for text in texts if re.match(r"v=STSv1[ \t]*(?:;|\Z)", text)]


def record_id(texts: Iterable[str]) -> str | None:
    """The id in the TXT records at ``_mta-sts.<domain>``; None when they announce no policy.

    Other records may stand beside it, a second one of this kind may not.
    """
    found = announcements(texts)
    if len(found) != 1 or not _RECORD.fullmatch(found[0]):
        return None
    match = _ID.search(found[0])
    return match[1] if match and re.fullmatch(r"[A-Za-z0-9]{1,32}", match[1]) else None


def parse_policy(text: str) -> StsPolicy:
    """Read a policy. Unknown keys are passed over, and so is all but the first of a key that stands once.

    Raises ValueError, in words, for what is no policy.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_SIZE:
        raise ValueError(f"it is longer than {MAX_SIZE} octets")
    fields: dict[str, str] = {}
    mx: list[str] = []
    for line in re.split(r"\r?\n", text):
        if not line.strip(" \t"):
            continue
        key, colon, value = line.partition(":")
        if not colon:
            raise ValueError(f"{line[:80]!r} is not a key and a value")
        value = value.strip(" \t")
        if key == "mx":
            mx.append(_mx(value))
        else:
            fields.setdefault(key, value)
    if fields.get("version") != _VERSION:
        raise ValueError(f"its version is not {_VERSION}")
    try:
        mode = StsMode(fields.get("mode", ""))
    except ValueError:
        raise ValueError("its mode is none of enforce, testing and none") from None
    age = fields.get("max_age", "")
    if not re.fullmatch(r"[0-9]{1,10}", age):
        raise ValueError("its max_age is not a number of seconds")
    if not mx and mode is not StsMode.NONE:
        raise ValueError("it names no mx")
    return StsPolicy(mode, tuple(mx), min(int(age), MAX_AGE))


def _mx(value: str) -> str:
    pattern = value.lower().rstrip(".")
    if not _PATTERN.fullmatch(pattern) or len(pattern) > 255:
        raise ValueError(f"its mx {value[:80]!r} is not the name of a host")
    return pattern


def covers(policy: StsPolicy, host: str) -> bool:
    """Is the mail host one of the policy's? A wildcard stands for exactly one label, the first."""
    name = host.lower().rstrip(".")
    _, dot, parent = name.partition(".")
    return name in policy.mx or (bool(dot) and f"*.{parent}" in policy.mx)
