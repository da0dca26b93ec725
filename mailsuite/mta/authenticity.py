"""Does a message from another host prove its origin: SPF at MAIL, all of it at the end (RFC 7208, 6376, 9989, 8601)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import TimeoutError
from zope.interface import implementer

from mailsuite.interfaces.checks import Decision, IMessageCheck
from mailsuite.interfaces.reception import Client
from mailsuite.interfaces.resolver import INameResolver
from mailsuite.interfaces.threads import InThread
from mailsuite.mailauth.results import results_of, strip_results, write_results
from mailsuite.mailauth.spf import check_host
from mailsuite.mailauth.verdict import authenticate, examine_message
from mailsuite.model.envelope import Envelope
from mailsuite.model.errors import Deferral
from mailsuite.model.trace import Step
from mailsuite.model.verdict import Decision as Judgement
from mailsuite.model.verdict import IprevResult, Verdict
from mailsuite.mta.checks import BaseCheck

T = TypeVar("T")

PATIENCE = 20.0
"""Seconds within which the DNS must have told enough (RFC 7208 section 4.6.4)."""

INLINE = 256 * 1024
"""Messages up to this size (octets) are hashed where they are."""


class Within(Protocol):
    """Awaits ``work`` for at most ``seconds``; raises twisted.internet.defer.TimeoutError."""

    async def __call__(self, seconds: float, work: Coroutine[Any, Any, T]) -> T: ...


@implementer(IMessageCheck)
class StripResultsCheck(BaseCheck):
    """Takes away Authentication-Results that pretend to be ours (RFC 8601 section 5): from every host."""

    def __init__(self, hostname: str) -> None:
        self._hostname = hostname

    async def body(self, client: Client, envelope: Envelope, content: bytes) -> Decision:
        """Never refuses."""
        return Decision(content=strip_results(content, self._hostname))


@implementer(IMessageCheck)
class AuthenticityCheck(BaseCheck):
    """Judges by SPF, DKIM and DMARC, puts Authentication-Results on top; ``hostname`` is our authserv-id."""

    def __init__(
        self, resolver: INameResolver, hostname: str, thread: InThread, within: Within, clock: Callable[[], int]
    ) -> None:
        self._resolver = resolver
        self._hostname = hostname
        self._in_thread = thread
        self._within = within
        self._clock = clock

    async def mail(self, client: Client, envelope: Envelope, size: int) -> Decision:
        """SPF alone refuses nothing: later checks and DMARC use it."""
        lookup, now = self._resolver.lookup, self._clock() // 1000
        work = check_host(client.address, client.helo, envelope.sender, lookup, receiver=self._hostname, now=now)
        try:
            spf = await self._within(PATIENCE, work)
        except TimeoutError:
            return Decision(steps=(Step("spf", "temperror: the DNS took too long"),))
        client.visit.spf, client.visit.spf_domain = spf.result, spf.domain
        return Decision(steps=(Step("spf", f"{spf.result} {spf.domain}: {spf.reason}"),))

    async def body(self, client: Client, envelope: Envelope, content: bytes) -> Decision:
        """550 5.7.26 when DMARC says reject, 451 when it cannot be judged now, 5.6.0 without one clear author."""
        now = self._clock()
        if len(content) <= INLINE:
            examined = examine_message(content, now)
        else:
            examined = await self._in_thread(lambda: examine_message(content, now))
        work = authenticate(
            content,
            ip=client.address,
            helo=client.helo,
            mail_from=envelope.sender,
            hostname=self._hostname,
            lookup=self._resolver.lookup,
            now=now,
            iprev=IprevResult(client.visit.iprev or "none", client.visit.reverse_name),
            examined=examined,
        )
        try:
            verdict = await self._within(PATIENCE, work)
        except TimeoutError:
            raise Deferral(451, "4.7.0", "the message's origin could not be looked up in time") from None
        results = write_results(self._hostname, results_of(verdict, client.address))
        return Decision(
            status=verdict.status,
            steps=_steps(verdict),
            content=results + content,
            forged=any(one.result == "fail" for one in verdict.dmarc),
            quarantine=verdict.decision is Judgement.QUARANTINE,
        )


def _steps(verdict: Verdict) -> tuple[Step, ...]:
    """SPF and iprev have been told at MAIL."""
    told = ("iprev", "spf")
    return tuple(Step(s.name, f"{s.result} {s.detail}".rstrip()) for s in verdict.steps if s.name not in told)
