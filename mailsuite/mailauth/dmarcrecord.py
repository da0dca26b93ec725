"""The DMARC policy record (RFC 9989 sections 4.7, 4.8 and 4.10.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailsuite.mailauth.taglist import parse_tags

_VERSION = re.compile(r"v[ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)")
_URI = re.compile(r"mailto:[^@\s,;]+@[^@\s,;]+\Z", re.IGNORECASE)
_POLICIES = ("none", "quarantine", "reject")


@dataclass(frozen=True, slots=True)
class Record:
    """Policies are "none", "quarantine" or "reject"; ``sp`` and ``np`` may be empty; ``psd`` is "y", "n" or "u".

    ``p`` is empty when nothing is to be applied: it is missing or wrong, and nobody wants reports.
    """

    text: str
    p: str
    sp: str = ""
    np: str = ""
    psd: str = "u"
    testing: bool = False
    strict_dkim: bool = False
    strict_spf: bool = False

    def policy(self, at_author: bool, exists: bool) -> str:
        """What is asked for a failure of the record's own name, or of a name below it that does or does not exist."""
        published = self.p if at_author else (self.sp or self.p) if exists else (self.np or self.sp or self.p)
        if self.testing:
            return {"reject": "quarantine", "quarantine": "none"}.get(published, published)
        return published


def is_record(text: str) -> bool:
    """Does a TXT record begin with the version tag? Its letter case counts."""
    return bool(_VERSION.match(text))


def read_record(text: str) -> Record | None:
    """The record, or None when it is no tag-list. Tags of no meaning (pct, rf, ri among them) are ignored."""
    try:
        tags = parse_tags(text)
    except ValueError:
        return None
    values = {name: value.lower() for name, value in tags.items()}
    p = values.get("p", "")
    if p not in _POLICIES or any(values.get(tag, "none") not in _POLICIES for tag in ("sp", "np")):
        wanted = any(_URI.match(uri.strip()) for uri in tags.get("rua", "").split(","))
        values = {name: value for name, value in values.items() if name not in ("sp", "np")}
        p = "none" if wanted else ""
    psd = values.get("psd", "u")
    return Record(
        text=text,
        p=p,
        sp=values.get("sp", ""),
        np=values.get("np", ""),
        psd=psd if psd in ("y", "n") else "u",
        testing=values.get("t") == "y",
        strict_dkim=values.get("adkim") == "s",
        strict_spf=values.get("aspf") == "s",
    )
