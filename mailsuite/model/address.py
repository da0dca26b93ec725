"""A mailbox address: local part and domain (RFC 5321 section 4.1.2, RFC 5322 section 3.4.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff]+"
_DOT_STRING = re.compile(rf"{_ATOM}(?:\.{_ATOM})*\Z")
_LABEL = r"[a-z0-9_](?:[a-z0-9_\-]{0,61}[a-z0-9_])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\Z")
_LITERAL = re.compile(r"\[[0-9A-Za-z.:]+\]\Z")


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """One mailbox.

    ``local`` is the local part without quoting, case kept; ``domain`` is lower-case in
    A-label form, or an address literal with its brackets.
    """

    local: str
    domain: str

    def __str__(self) -> str:
        local = self.local
        if not _DOT_STRING.match(local):
            local = '"' + re.sub(r'(["\\])', r"\\\1", local) + '"'
        return f"{local}@{self.domain}"

    @property
    def key(self) -> str:
        """The form under which a directory holds the address: letter case does not count."""
        return f"{self.local.lower()}@{self.domain}"

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read an addr-spec such as ``ann@alpha.example`` or ``"a b"@alpha.example``.

        Raises ValueError, which says what is wrong. U-labels are refused: whoever reads
        input from people converts them first.
        """
        text = text.strip()
        local, at, domain = text.rpartition("@")
        if not at or not local or not domain:
            raise ValueError(f"{text!r} is not an address: it needs the form name@domain")
        if local.startswith('"') and local.endswith('"') and len(local) >= 2:
            inner = local[1:-1]
            if re.search(r'(?<!\\)(?:\\\\)*"', inner) or re.search(r"(?<!\\)(?:\\\\)*\\\Z", inner):
                raise ValueError(f"{text!r} is not an address: a quote inside needs a backslash")
            local = re.sub(r"\\(.)", r"\1", inner)
        elif not _DOT_STRING.match(local):
            raise ValueError(f"{text!r} is not an address: the part before the @ has a character that needs quotes")
        if any(ord(c) < 32 or ord(c) == 127 for c in local):
            raise ValueError("an address cannot hold control characters")
        domain = domain.lower().rstrip(".")
        if not (_DOMAIN.match(domain) or _LITERAL.match(domain)):
            raise ValueError(f"{domain!r} is not a domain name")
        if len(local.encode()) > 64 or len(domain) > 255:
            raise ValueError(f"{text!r} is too long: 64 octets before the @ and 255 after it (RFC 5321 4.5.3.1)")
        return cls(local, domain)


def is_address(host: str) -> bool:
    """Is it an IP, or an address literal, and no name?"""
    if host.startswith("["):
        return True
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def canonical_ip(text: str) -> str:
    """An IP address in the one form in which it can be compared; IPv4 within IPv6 is IPv4. Raises ValueError."""
    ip = ip_address(text)
    return str(ip.ipv4_mapped or ip) if isinstance(ip, IPv6Address) else str(ip)


def literal_ip(domain: str) -> str:
    """The IP of an address literal such as [192.0.2.1] or [IPv6:2001:db8::1]. Raises ValueError for anything else."""
    if not (domain.startswith("[") and domain.endswith("]")):
        raise ValueError(f"{domain} is not an address literal")
    text = domain[1:-1]
    return canonical_ip(text[5:] if text.lower().startswith("ipv6:") else text)


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address as a header field shows it: display name (may be empty) and addr-spec.

    ``address`` is the text of the field, which need not be a valid Address.
    """

    name: str
    address: str

    @property
    def label(self) -> str:
        """What a person reads in a list: the name, else the address."""
        return self.name or self.address
