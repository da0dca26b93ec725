"""Which TLS the link to each mail host of a domain must have: our own setting, DANE, MTA-STS, or our usual level.

RFC 7672 section 2.2, RFC 8461 section 2 (DANE goes first), section 5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from twisted.logger import Logger

from mailsuite.dns.mta_sts import covers
from mailsuite.interfaces.transfer import Host
from mailsuite.model.errors import DestinationDown, LookupFailed
from mailsuite.model.sts import StsMode, StsPolicy
from mailsuite.model.tls_policy import OPPORTUNISTIC, TlsLevel, TlsPolicy
from mailsuite.mta.dane import Dane
from mailsuite.mta.sts_policies import StsPolicies


class _Skip(DestinationDown):
    """A host that nothing may be sent to; the text says why."""

    def __init__(self, text: str) -> None:
        super().__init__(451, "4.7.5", text)


class TlsPolicies:
    """``usual`` is the level for domains that ask for nothing; ``own`` has levels for some domains, which alone count
    there, whatever the domain asks for.

    ``routes`` are the router's: where one leads, the domain's MX and MTA-STS policy mean nothing.
    """

    log = Logger()

    def __init__(
        self,
        dane: Dane,
        sts: StsPolicies,
        routes: Mapping[str, str],
        own: Mapping[str, TlsLevel],
        usual: TlsLevel = TlsLevel.OPPORTUNISTIC,
    ) -> None:
        self._dane = dane
        self._sts = sts
        self._routes = routes
        self._own = own
        self._usual = usual

    async def of(self, domain: str, hosts: Sequence[Host]) -> Sequence[Host]:
        """The router's hosts for a domain with ``tls`` set, without those that nothing may be sent to.

        Raises DestinationDown, with the reason for the best host, when none is left; LookupFailed; StoreUnavailable.
        """
        own = self._own.get(domain)
        if own is not None and own is not TlsLevel.DANE:
            source = f"our TLS setting for {domain}"
            return [replace(host, tls=_plain(own, host, source)) for host in hosts]
        routed = domain in self._routes or "*" in self._routes
        literal = domain.startswith("[")
        secure = not literal and (routed or await self._dane.secure_exchangers(domain))
        hosts_sts = _HostsSts(None if literal or routed or own is not None else self._sts, domain)
        kept: list[Host] = []
        skipped: _Skip | None = None
        for host in hosts:
            try:
                dane = await self._dane_policy(domain, host) if secure else None
                if own is TlsLevel.DANE:
                    policy = _required_dane(dane, domain, host)
                elif dane is not None and dane.level is TlsLevel.DANE:
                    policy = dane
                else:
                    policy = await hosts_sts.policy(host) or self._usual_policy(dane, host)
            except _Skip as reason:
                self.log.info("{host} is left out: {reason}", host=host.name, reason=reason.status.text)
                skipped = skipped or reason
                continue
            kept.append(replace(host, tls=policy))
        if not kept:
            assert skipped is not None, "a router gives at least one host"
            raise skipped
        return kept

    async def _dane_policy(self, domain: str, host: Host) -> TlsPolicy | None:
        try:
            return await self._dane.policy(domain, host)
        except LookupFailed as error:
            raise _Skip(f"it is not known whether DANE for {host.name} requires TLS: {error.status.text}") from error

    def _usual_policy(self, dane: TlsPolicy | None, host: Host) -> TlsPolicy:
        if dane is not None and self._usual is not TlsLevel.VERIFY:
            return dane
        return _plain(self._usual, host, "our TLS setting")


class _HostsSts:
    """The MTA-STS policy of one domain, looked up when the first host needs it; ``policies`` None: it has none."""

    log = Logger()

    def __init__(self, policies: StsPolicies | None, domain: str) -> None:
        self._policies = policies
        self._domain = domain
        self._found: StsPolicy | None = None

    async def policy(self, host: Host) -> TlsPolicy | None:
        """What the host must prove; None when nobody asks for anything. Raises _Skip for a host it does not name."""
        if self._policies is not None:
            self._found, self._policies = await self._policies.of(self._domain), None
        if self._found is None or self._found.mode is StsMode.NONE:
            return None
        covered = covers(self._found, host.name)
        if self._found.mode is StsMode.TESTING:
            if not covered:
                self.log.info(
                    "{host} is no mail host of {domain} by its MTA-STS policy, which is in testing",
                    host=host.name,
                    domain=self._domain,
                )
            return None
        source = f"the MTA-STS policy of {self._domain}"
        if not covered:
            raise _Skip(f"{host.name} is none of the mail hosts that {source} names")
        return TlsPolicy(TlsLevel.VERIFY, (host.name,), source=source)


def _plain(level: TlsLevel, host: Host, source: str) -> TlsPolicy:
    """A policy of a level without TLSA records."""
    if level is TlsLevel.OPPORTUNISTIC:
        return OPPORTUNISTIC
    return TlsPolicy(level, (host.name,) if level is TlsLevel.VERIFY else (), source=source)


def _required_dane(dane: TlsPolicy | None, domain: str, host: Host) -> TlsPolicy:
    if dane is None or dane.level is not TlsLevel.DANE:
        raise _Skip(f"{host.name} has no validated TLSA records of use, which our TLS setting for {domain} requires")
    return dane
