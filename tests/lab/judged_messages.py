"""Fifty messages, good and bad, and the DNS they are judged by."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import dkim

from mailsuite.dns.records import text_data
from mailsuite.model.account import DkimKey
from tests.mailauth.support import ed25519_key, record, rsa_key, signed

CORPORA = Path(__file__).parent.parent / "corpora"

SENDER = "198.51.100.1"
HELO = "mail.alpha.example"

DOMAINS = ("alpha.example", "soft.example", "strict.example", "plain.example", "esp.example")
"""alpha's policy is reject, soft's none, strict's none with strict alignment; plain and esp have none at all."""


def texts() -> dict[str, str]:
    """The TXT records by name."""
    found = {
        "_dmarc.alpha.example": "v=DMARC1; p=reject",
        "_dmarc.soft.example": "v=DMARC1; p=none",
        "_dmarc.strict.example": "v=DMARC1; p=none; adkim=s; aspf=s",
        "_dmarc.bank.example": "v=DMARC1; p=none; psd=y",
        "_dmarc.trial.example": "v=DMARC1; p=reject; t=y",
        "_dmarc.ghosts.example": "v=DMARC1; p=none; np=reject",
        "_dmarc.some.example": "v=DMARC1; p=reject; pct=0",
        "_dmarc.below.example": "v=DMARC1; p=none; sp=reject",
        "soften.example": "v=spf1 ip4:192.0.2.1 ~all",
        "twice.example": "v=spf1 include:twice.example -all",
        "foreign.example": "v=spf1 ip4:192.0.2.1 -all",
        "mail.alpha.example": "v=spf1 a -all",
        "old._domainkey.soft.example": "v=DKIM1; k=rsa; p=",
        "small._domainkey.soft.example": "v=DKIM1; k=rsa; p=" + (CORPORA / "rsa512.key").read_text().strip(),
    }
    for domain in DOMAINS:
        found[domain] = f"v=spf1 ip4:{SENDER} {'?' if domain == 'plain.example' else '-'}all"
        for key in (rsa_key(), ed25519_key()):
            found[f"{key.selector}._domainkey.{domain}"] = record(key)
    found["r1._domainkey.one.bank.example"] = record(rsa_key())
    return found


def records() -> list[tuple[str, str, str]]:
    """All records, as (name, type, data)."""
    found = [(f"{name}.", "TXT", text_data(text)) for name, text in texts().items()]
    found += [(f"{domain}.", "MX", "10 mail.alpha.example.") for domain in DOMAINS]
    found += [(f"{name}.", "A", SENDER) for name in ("mail.alpha.example", "www.below.example")]
    found.append((".".join(reversed(SENDER.split("."))) + ".in-addr.arpa.", "PTR", "mail.alpha.example."))
    return found


@dataclass(frozen=True)
class Sample:
    """A message of one ``kind``; ``sender`` is its reverse-path."""

    kind: str
    content: bytes
    sender: str


@dataclass(frozen=True)
class _Draft:
    """What a kind begins with: ``choose`` makes each draft another."""

    choose: random.Random
    domain: str
    content: bytes

    def signed(self, *keys: DkimKey, domain: str = "") -> bytes:
        """With our signatures."""
        return signed(self.content, *keys, domain=domain or self.domain)

    def sample(self, kind: str, content: bytes, sender: str | None = None) -> Sample:
        """From the author's own domain, if ``sender`` does not say otherwise."""
        return Sample(kind, content, f"ann@{self.domain}" if sender is None else sender)


_WORDS = ("one", "two  ", "\tthree", "", " ", "four\t\tfive", "Grüße", ".", "..six", "From seven")


def _draft(number: int, domain: str) -> _Draft:
    choose = random.Random(number)
    odd = choose.choice(["", "X-Odd:   a\r\n\tb  \r\n"])
    body = "".join(choose.choice(_WORDS) + "\r\n" for _ in range(choose.randrange(1, 12)))
    text = (
        f"From: Ann <ann@{domain}>\r\nTo: Bob <bob@beta.example>\r\nSubject: Lunch  at\tone, {number}\r\n"
        f"Date: Fri, 15 Jan 2027 08:00:00 +0000\r\nMessage-ID: <{number}@{domain}>\r\n{odd}\r\n{body}"
    )
    return _Draft(choose, domain, text.encode())


def _altered(draft: _Draft, pattern: bytes, by: bytes, domain: str = "") -> bytes:
    """Signed, then changed."""
    changed, count = re.subn(pattern, by, draft.signed(domain=domain), count=1)
    assert count == 1, pattern
    return changed


def _dkimpy(draft: _Draft, key: DkimKey, **options: object) -> bytes:
    """Signed by dkimpy, in ways in which we do not sign."""
    forms = tuple(draft.choose.choice([b"simple", b"relaxed"]) for _ in range(2))
    field: bytes = dkim.sign(
        draft.content, key.selector.encode(), draft.domain.encode(), key.private.encode(), canonicalize=forms, **options
    )
    return field + draft.content


_END = rb"\Z"
_KINDS: dict[str, Callable[[_Draft], bytes]] = {
    "rsa": lambda d: d.signed(),
    "ed25519": lambda d: d.signed(ed25519_key()),
    "rsa and ed25519": lambda d: d.signed(rsa_key(), ed25519_key()),
    "dkimpy": lambda d: _dkimpy(d, rsa_key()),
    "unsigned": lambda d: d.content,
    "body altered": lambda d: _altered(d, _END, b"and more\r\n"),
    "subject altered": lambda d: _altered(d, b"Lunch", b"Dinner"),
    "field taken away": lambda d: _altered(d, rb"To: Bob <[^\r]*\r\n", b""),
    "field added": lambda d: _altered(d, rb"\r\nTo:", b"\r\nReply-To: mallory@evil.example\r\nTo:"),
    "field added that is not signed": lambda d: _altered(d, rb"\r\nTo:", b"\r\nX-Seen: yes\r\nTo:"),
    "refolded": lambda d: _altered(d, rb"Lunch  at\tone", b"Lunch\r\n at\r\n\tone"),
    "white space at the end": lambda d: _altered(d, _END, b"  \r\n\t\r\n\r\n"),
    "list footer": lambda d: _altered(_altered_subject(d), _END, b"-- \r\nThe list\r\n"),
    "l=": lambda d: _dkimpy(d, rsa_key(), length=True),
    "l= and more": lambda d: _dkimpy(d, rsa_key(), length=True) + b"appended\r\n",
    "revoked key": lambda d: d.signed(replace(rsa_key(), selector="old")),
    "no such key": lambda d: d.signed(replace(rsa_key(), selector="none")),
    "small key": lambda d: d.signed(rsa_key("small", 1024)),
    "wrong key": lambda d: d.signed(rsa_key("other")).replace(b"s=other;", b"s=r1;"),
    "signed by another domain": lambda d: d.signed(domain="esp.example"),
    "two From": lambda d: b"From: ceo@alpha.example\r\n" + d.signed(),
    "no From": lambda d: _altered(d, rb"From: Ann <[^\r]*\r\n", b""),
    "two authors": lambda d: replace(
        d, content=d.content.replace(b"From: Ann", b"From: ceo@plain.example, Ann")
    ).signed(),
}


def _altered_subject(draft: _Draft) -> _Draft:
    return replace(draft, content=draft.content.replace(b"Subject: ", b"Subject: [list] "))


_SENDERS = {
    "unsigned, sent by another domain": "bounce@esp.example",
    "unsigned, SPF fails": "ann@foreign.example",
    "unsigned, SPF softfails": "ann@soften.example",
    "unsigned, SPF loops": "ann@twice.example",
    "unsigned, no SPF": "ann@nowhere.example",
    "unsigned, null sender": "",
}


def samples() -> list[Sample]:
    """Each kind in the name of a domain with p=reject and of one with p=none; then what differs by the sender."""
    found: list[Sample] = []
    for kind, make in _KINDS.items():
        domain = "soft.example"
        draft = _draft(len(found), domain)
        found.append(draft.sample(kind, make(draft)))
    for kind in ("rsa", "ed25519", "body altered", "list footer", "refolded", "signed by another domain", "unsigned"):
        draft = _draft(len(found), "alpha.example")
        # Someone else sends it on, so that the signature alone decides.
        found.append(draft.sample(f"{kind}, forwarded, p=reject", _KINDS[kind](draft), "bounce@esp.example"))
    for kind, sender in _SENDERS.items():
        for domain in ("soft.example", "plain.example"):
            draft = _draft(len(found), domain)
            found.append(draft.sample(f"{kind}, {domain}", draft.content, sender))
    for author, signer in (
        ("news.soft.example", "soft.example"),
        ("soft.example", "strict.example"),
        ("strict.example", "strict.example"),
        ("news.strict.example", "strict.example"),
        ("one.bank.example", "one.bank.example"),
        ("two.bank.example", "one.bank.example"),
        ("plain.example", "plain.example"),
        ("unheard.example", "esp.example"),
        ("trial.example", "esp.example"),
        ("ghost.ghosts.example", "esp.example"),
        ("some.example", "esp.example"),
        ("www.below.example", "esp.example"),
    ):
        draft = _draft(len(found), author)
        found.append(draft.sample(f"{author} signed by {signer}", draft.signed(domain=signer), "bounce@esp.example"))
    return found
