"""Examines a domain: every record that its mail needs, at its own servers and at the configured resolver."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

from mailsuite.dns.records import MailHost, mail_domain_zone, text_of
from mailsuite.dns.resolve import Delegation
from mailsuite.doctor import judge
from mailsuite.doctor.judge import Judgement
from mailsuite.doctor.seek import Seeker, Servers, together
from mailsuite.mailauth.spf import check_host
from mailsuite.model.account import Domain
from mailsuite.model.diagnosis import Diagnosis, Finding, Seen, State
from mailsuite.model.errors import MailError, PolicyUnavailable, ProbeUnavailable
from mailsuite.model.reach import PORT, Reach
from mailsuite.model.verdict import SpfResult
from mailsuite.model.zone import Record

Fetch = Callable[[str], Awaitable[str]]
"""The text of a domain's MTA-STS policy. Raises PolicyUnavailable."""

Probe = Callable[[], Awaitable[Reach]]
"""Asks a probe outside. Raises ProbeUnavailable."""

_ORDER = (State.WRONG, State.MISSING, State.UNKNOWN, State.CHOICE, State.RIGHT)

_SRV = {
    "_submission": "sending by mail programs",
    "_submissions": "sending by mail programs",
    "_imap": "saying that there is no IMAP",
    "_imaps": "saying that there is no IMAP",
    "_pop3": "saying that there is no POP3",
    "_pop3s": "saying that there is no POP3",
}


class Doctor:
    """``host`` is this mail host; ``fetch`` gets MTA-STS policies. It takes fourteen seconds at most.

    ``own``: the seeker's resolver is this suite's DNS service, which knows nothing of hosted domains but what it says
    of them itself. ``probes``, by how they are called, look at port 25 of this host from outside.
    """

    def __init__(
        self, seeker: Seeker, host: MailHost, fetch: Fetch, own: bool = False, probes: Mapping[str, Probe] | None = None
    ) -> None:
        self._seek = seeker
        self._host = host
        self._fetch = fetch
        self._own = own
        self._probes = dict(probes or {})
        self._hostname = host.name.lower().rstrip(".")

    async def examine(self, domain: Domain) -> Diagnosis:
        """All findings, the worst first. Never raises for what the DNS says or does not say."""
        servers = await self._seek.servers(domain.name)
        ours = {name.rstrip(".") for name in self._host.servers()}
        here = bool(ours & set(servers.names))
        servers = replace(servers, alone=self._own and not here)
        zone = mail_domain_zone(domain, self._host, serial=0)
        expected: dict[tuple[str, str], list[Record]] = {}
        for record in zone.records:
            expected.setdefault((record.name.rstrip("."), record.type), []).append(record)
        work = [self._delegation(domain, servers, sorted(ours), here)]
        work += [self._pointer(address) for address in self._host.addresses]
        if self._hostname != domain.name and not self._hostname.endswith(f".{domain.name}"):
            work += [self._address(kind, Servers()) for kind in self._families()]
        work += [self._port(name, probe) for name, probe in self._probes.items()] or [self._port("", None)]
        for (name, kind), records in expected.items():
            row = self._row(domain, name, kind, records, servers)
            if row is not None:
                work.append(row)
        findings = await together(work)
        findings.sort(key=lambda finding: _ORDER.index(finding.state))
        return Diagnosis(domain.name, here, servers.names, tuple(findings))

    def _families(self) -> list[str]:
        return sorted({"AAAA" if ":" in address else "A" for address in self._host.addresses})

    def _row(
        self, domain: Domain, name: str, kind: str, records: Sequence[Record], servers: Servers
    ) -> Coroutine[Any, Any, Finding] | None:
        """The work for one record set of the zone; None for what needs no row of its own."""
        below = name.removesuffix(domain.name).rstrip(".")
        data = tuple(text_of(r.data) if kind == "TXT" else r.data for r in records)
        if name == self._hostname and kind in ("A", "AAAA"):
            return self._address(kind, servers)
        if kind == "MX" and name == domain.name:
            return self._mx(name, data, servers)
        if kind == "TLSA":
            return self._tlsa(name, data, servers)
        if kind == "CAA":
            without = "any authority may issue certificates for the domain"
            return self._plain(name, kind, data, servers, "who may issue certificates", without)
        if kind == "SRV":
            purpose = _SRV[below.partition(".")[0]]
            return self._plain(name, kind, data, servers, purpose, "mail programs must be told by hand")
        if kind == "TXT" and name == domain.name:
            return self._spf(name, data, servers)
        if kind == "TXT" and below == "_dmarc":
            return self._judged(name, kind, data, servers, "what others do with forged mail", judge.dmarc)
        if kind == "TXT" and below.endswith("._domainkey"):
            return self._judged(name, kind, data, servers, "proving who wrote a message", judge.dkim)
        if kind == "TXT" and below == "_smtp._tls":
            return self._plain(name, kind, data, servers, "reports on TLS", "other hosts do not report failures of TLS")
        if kind == "TXT" and below == "_mta-sts":
            return self._sts(domain, name, data, servers)
        if kind in ("A", "AAAA", "CNAME") and below in ("autoconfig", "autodiscover"):
            return self._plain(name, kind, data, servers, "set-up of mail programs", "mail programs ask more questions")
        return None

    async def _both(self, name: str, kind: str, servers: Servers) -> tuple[Seen, Seen]:
        if servers.alone:
            seen = await self._seek.authority(servers.addresses, name, kind)
            return seen, seen
        authority, resolver = await together(
            [self._seek.authority(servers.addresses, name, kind), self._seek.seen(name, kind)]
        )
        return authority, resolver

    async def _judged(
        self,
        name: str,
        kind: str,
        expected: tuple[str, ...],
        servers: Servers,
        purpose: str,
        rule: Callable[[Sequence[str], Sequence[str]], Judgement],
    ) -> Finding:
        authority, resolver = await self._both(name, kind, servers)
        return _finding(kind, name, purpose, expected, authority, resolver, lambda found: rule(found, expected))

    async def _plain(
        self, name: str, kind: str, expected: tuple[str, ...], servers: Servers, purpose: str, without: str
    ) -> Finding:
        missing = State.CHOICE, f"it is not published: {without}"
        return await self._judged(
            name, kind, expected, servers, purpose, lambda found, wanted: judge.plain(found, wanted, missing)
        )

    async def _delegation(self, domain: Domain, servers: Servers, ours: Sequence[str], here: bool) -> Finding:
        names = servers.names
        seen = Seen(names, bool(names), fault="" if names else "no name server of the domain was found")
        missing = ", ".join(sorted(set(ours) - set(names)))
        state, text = State.RIGHT, "its DNS is served by this suite"
        if not names:
            state, text = State.MISSING, "the domain is not delegated to any name server: register it, or look there"
            if servers.said is None:
                state, text = State.UNKNOWN, "neither the zone above nor the resolver says where it is hosted"
        elif not here:
            state, text = State.CHOICE, f"its DNS is hosted at {', '.join(names)}: publish the records below there"
        elif missing:
            state, text = State.WRONG, f"the zone above does not name {missing}: tell the registrar"
        elif servers.said is None and self._own:
            state, text = State.UNKNOWN, "the zone above could not be asked whether it is delegated to this suite"
        elif servers.said is not None and (fault := self._glue(servers.said)):
            state, text = State.WRONG, fault
        return Finding("NS", domain.name, "finding all the rest", tuple(ours), seen, seen, state, text)

    def _glue(self, said: Delegation) -> str:
        """What is wrong with the addresses that the zone above has of this host (RFC 1034 section 4.2.1)."""
        glue = said.glue.get(self._hostname, ())
        odd = ", ".join(sorted(set(glue) - set(self._host.addresses)))
        return (
            f"the zone above says {odd} of {self._hostname}, which is not its address: tell the registrar"
            if odd
            else ""
        )

    async def _address(self, kind: str, servers: Servers) -> Finding:
        expected = tuple(a for a in self._host.addresses if (":" in a) == (kind == "AAAA"))
        missing = State.MISSING, "publish it: without it reaching this host does not work"
        if servers.addresses:
            authority, resolver = await self._both(self._hostname, kind, servers)
        else:
            authority = resolver = await self._seek.seen(self._hostname, kind)
        return _finding(
            kind,
            self._hostname,
            "reaching this host",
            expected,
            authority,
            resolver,
            lambda found: judge.plain(found, expected, missing, State.WRONG),
        )

    async def _mx(self, name: str, expected: tuple[str, ...], servers: Servers) -> Finding:
        (authority, resolver), alias = await together(
            [self._both(name, "MX", servers), self._seek.seen(self._hostname, "CNAME")]
        )
        rule = lambda found: judge.mx(found, self._hostname, bool(alias.data))  # noqa: E731
        return _finding("MX", name, "delivery", expected, authority, resolver, rule)

    async def _spf(self, name: str, expected: tuple[str, ...], servers: Servers) -> Finding:
        authority, resolver = await self._both(name, "TXT", servers)
        found = _best(authority, resolver)
        wanted = tuple(text for text in expected if text.startswith("v=spf1"))
        if found.fault or not any(text.lower().startswith("v=spf1") for text in found.data):
            results: list[SpfResult] | None = []
        else:
            work = [
                check_host(address, self._hostname, f"postmaster@{name}", self._seek.looking(name, servers))
                for address in self._host.addresses
            ]
            results = await self._seek.long(together(work))
        shown = Seen(
            tuple(text for text in authority.data if "spf" in text.lower()),
            authority.exists,
            authority.ttl,
            authority.fault,
        )
        if results is None:
            text = "the names that it needs could not be looked up in time"
            return Finding("TXT", name, "who may send", wanted, shown, resolver, State.UNKNOWN, text)
        judged = judge.spf(found.data, wanted, results)
        return _finding("TXT", name, "who may send", wanted, authority, resolver, lambda _: judged, shown)

    async def _tlsa(self, name: str, expected: tuple[str, ...], servers: Servers) -> Finding:
        authority, resolver = await self._both(name, "TLSA", servers)
        try:
            proved = (await self._seek.lookup(name, "TLSA")).authenticated
        except MailError:
            proved = False
        rule = lambda found: judge.tlsa(found, expected, proved)  # noqa: E731
        return _finding("TLSA", name, "proof of the certificate", expected, authority, resolver, rule)

    async def _sts(self, domain: Domain, name: str, expected: tuple[str, ...], servers: Servers) -> Finding:
        authority, resolver = await self._both(name, "TXT", servers)
        policy, fault = None, "it took too long"
        if _best(authority, resolver).data:
            got = await self._seek.long(self._policy(domain.name))
            if got is not None:
                policy, fault = got
        rule = lambda found: judge.sts(found, policy, fault, self._hostname)  # noqa: E731
        return _finding("TXT", name, "insisting on TLS", expected, authority, resolver, rule)

    async def _policy(self, domain: str) -> tuple[str | None, str]:
        try:
            return await self._fetch(domain), ""
        except PolicyUnavailable as error:
            return None, str(error)

    async def _pointer(self, address: str) -> Finding:
        name = ip_address(address).reverse_pointer
        seen = await self._seek.seen(name, "PTR")
        names = [text.lower().rstrip(".") for text in seen.data]
        kind = "AAAA" if ":" in address else "A"
        answers = await together([self._seek.seen(each, kind) for each in names[:5]])
        wanted = ip_address(address)
        confirmed = [
            each
            for each, answer in zip(names, answers, strict=False)
            if wanted in {ip_address(text) for text in answer.data}
        ]
        rule = lambda _: judge.pointer(names, confirmed, self._hostname)  # noqa: E731
        return _finding("PTR", name, f"the name of {address}", (f"{self._hostname}.",), seen, seen, rule)

    async def _port(self, name: str, probe: Probe | None) -> Finding:
        """Can other hosts reach port 25? Only one of them can tell."""
        seen, purpose = Seen(fault="not known"), "mail from other hosts"
        if probe is None:
            state, text = (
                State.CHOICE,
                "no probe is configured (mx.probes), so whether port 25 is open to others is not known: "
                f"try from another network, e.g. nc -v {self._hostname} 25",
            )
        else:
            purpose = f"mail from other hosts, as {name} sees it"
            try:
                reach = await self._seek.long(probe())
            except ProbeUnavailable as error:
                state, text = State.UNKNOWN, f"the probe does not say: {error}"
            else:
                if reach is None:
                    state, text = State.UNKNOWN, "the probe does not answer in time"
                else:
                    words = (reach.address, reach.outcome, "STARTTLS" if reach.starttls else "", reach.banner)
                    seen = Seen((" ".join(word for word in words if word),))
                    state, text = judge.port(reach, self._host.addresses)
        return Finding("SMTP", f"{self._hostname}:{PORT}", purpose, ("open",), seen, seen, state, text)


def _best(authority: Seen, resolver: Seen) -> Seen:
    return resolver if authority.fault else authority


def _finding(
    kind: str,
    name: str,
    purpose: str,
    expected: tuple[str, ...],
    authority: Seen,
    resolver: Seen,
    rule: Callable[[Sequence[str]], Judgement],
    shown: Seen | None = None,
) -> Finding:
    """Judge by the domain's own servers, or by the resolver when they do not answer."""
    found = _best(authority, resolver)
    if found.fault:
        state, text = State.UNKNOWN, f"it could not be looked up: {found.fault}"
    else:
        state, text = rule(found.data)
        if not authority.fault and not resolver.fault and not judge.same(authority.data, resolver.data):
            seen = " and ".join(resolver.data) or "nothing"
            text += f"{'; ' if text else ''}the resolver still says {seen}, for up to {resolver.ttl} s"
    return Finding(kind, name, purpose, expected, shown or authority, resolver, state, text)
