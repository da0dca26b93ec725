"""DANE for SMTP: which mail hosts have TLSA records that bind us, and what those ask for.

RFC 6698 section 2.1, RFC 7671 sections 4, 5 and 9, RFC 7672 sections 2.2 and 3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from mailsuite.interfaces.resolver import Answer, INameResolver
from mailsuite.interfaces.transfer import Host
from mailsuite.model.address import is_address
from mailsuite.model.errors import LookupFailed
from mailsuite.model.tls_policy import Tlsa, TlsLevel, TlsPolicy

_ALIASES = 8
_DIGEST_SIZES = {1: 32, 2: 64}
_RECORD = re.compile(r"([0-9]{1,3}) ([0-9]{1,3}) ([0-9]{1,3}) ([0-9A-Fa-f ]*)")


def tlsa_name(base: str, port: int) -> str:
    """Where the records of a service stand (RFC 6698 section 3)."""
    return f"_{port}._tcp.{base}"


def usable(records: Iterable[str]) -> tuple[Tlsa, ...]:
    """Those of the records, in presentation form, that mail can use, each once.

    Usage 0 and 1 are not for mail (RFC 7672 section 3.1.3). Of the digests of one usage and selector only the
    strongest counts (RFC 7671 section 9).
    """
    known = dict.fromkeys(tlsa for record in records if (tlsa := _read(record)) is not None)
    return tuple(
        tlsa
        for tlsa in known
        if tlsa.matching != 1
        or not any((other.usage, other.selector, other.matching) == (tlsa.usage, tlsa.selector, 2) for other in known)
    )


def _read(record: str) -> Tlsa | None:
    match = _RECORD.fullmatch(record)
    if match is None:
        return None
    usage, selector, matching = int(match[1]), int(match[2]), int(match[3])
    try:
        data = bytes.fromhex(match[4])
    except ValueError:
        return None
    right_size = len(data) == _DIGEST_SIZES[matching] if matching in _DIGEST_SIZES else matching == 0 and bool(data)
    if usage not in (2, 3) or selector not in (0, 1) or not right_size:
        return None
    return Tlsa(usage, selector, matching, data)


def policy_of(base: str, names: Iterable[str], records: Iterable[str]) -> TlsPolicy:
    """What secure TLSA records at ``base`` ask for; ``names`` are those that a certificate may bear, best first.

    When none can be used the link is still to be encrypted (RFC 7672 section 2.2).
    """
    tlsa = usable(records)
    source = f"DANE for {base}"
    if not tlsa:
        return TlsPolicy(TlsLevel.ENCRYPT, source=source)
    return TlsPolicy(TlsLevel.DANE, tuple(dict.fromkeys(names)), tlsa, source)


class Dane:
    """Looks for TLSA records of mail hosts. Only what a trusted resolver has validated counts."""

    def __init__(self, resolver: INameResolver) -> None:
        self._resolver = resolver

    async def secure_exchangers(self, domain: str) -> bool:
        """Are the domain's MX records, or that it has none, validated? Raises LookupFailed."""
        return (await self._resolver.lookup(domain, "MX")).authenticated

    async def policy(self, domain: str, host: Host) -> TlsPolicy | None:
        """What the host's TLSA records ask for; None when it has none that are validated.

        ``host`` must come from a secure source. Raises LookupFailed when the records may be there but cannot be had,
        e.g. because their signatures are wrong: then nothing may be sent to the host (RFC 7672 section 2.1.2).
        """
        if is_address(host.name):
            return None
        for base in await self._bases(host.name):
            answer = await self._resolver.lookup(tlsa_name(base, host.port), "TLSA")
            if answer.authenticated and answer.data:
                return policy_of(base, (base, host.name, domain), answer.data)
        return None

    async def _bases(self, name: str) -> list[str]:
        """The names below which TLSA records are looked for, in order (RFC 7672 section 2.2.2).

        Those of unsigned zones are never asked for: their servers may fail at it.
        """
        alias = await self._resolver.lookup(name, "CNAME")
        if not alias.data:
            return [name] if await self._secure_address(name) else []
        if not alias.authenticated:
            return []
        target = await self._target(name)
        return [target, name] if await self._secure_address(name) else [name]

    async def _target(self, name: str) -> str:
        """Where the aliases of a name lead."""
        for _ in range(_ALIASES + 1):
            alias = await self._resolver.lookup(name, "CNAME")
            if not alias.data:
                return name
            name = alias.data[0].lower().rstrip(".")
        raise LookupFailed(name, f"more than {_ALIASES} CNAMEs")

    async def _secure_address(self, name: str) -> bool:
        answers: list[Answer] = [await self._resolver.lookup(name, kind) for kind in ("AAAA", "A")]
        return all(answer.authenticated for answer in answers if answer.data)
