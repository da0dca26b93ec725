"""Our own MTA-STS policy: the text that is served over HTTPS, and the record that announces it (RFC 8461)."""

from __future__ import annotations

from hashlib import sha256

MAX_AGE = {"testing": 86_400, "enforce": 1_209_600}
"""Seconds that a sender keeps a policy: one that is being tried out is to be gone soon."""


def policy_text(hostname: str, mode: str) -> str:
    """The policy of a domain whose mail host is ``hostname``; ``mode`` is "testing" or "enforce" (section 3.2)."""
    return f"version: STSv1\r\nmode: {mode}\r\nmx: {hostname}\r\nmax_age: {MAX_AGE[mode]}\r\n"


def announcement(hostname: str, mode: str) -> str:
    """The TXT record at ``_mta-sts`` (section 3.1): its id changes when the policy does."""
    return f"v=STSv1; id={sha256(policy_text(hostname, mode).encode()).hexdigest()[:20]}"
