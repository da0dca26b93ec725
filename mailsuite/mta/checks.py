"""Runs the checks of port 25, and the checks that need nothing but names.

RFC 5321 sections 4.1.3, 4.1.4 and 7.9, RFC 7505 section 4.2, RFC 7372, RFC 8601 section 3 (iprev).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

from zope.interface import implementer

from mailsuite.interfaces.checks import PASS, Decision, IMessageCheck
from mailsuite.interfaces.reception import Client
from mailsuite.interfaces.resolver import INameResolver
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.errors import LookupFailed, MailError, Refusal
from mailsuite.model.status import Status
from mailsuite.model.trace import Step

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?\Z")
_REMEMBERED = 10_000
"""Of so many clients it is remembered whether they are exempt: it is asked at each step of a session."""
_POINTERS = 5
"""How many names of one address are looked at (RFC 8601 section 3 leaves the bound to us)."""


class BaseCheck:
    """A check that lets everything pass; others override what they look at."""

    async def connect(self, client: Client) -> Decision:
        """See IMessageCheck."""
        return PASS

    async def mail(self, client: Client, envelope: Envelope, size: int) -> Decision:
        """See IMessageCheck."""
        return PASS

    async def rcpt(self, client: Client, envelope: Envelope, recipient: Recipient, known: bool) -> Decision:
        """See IMessageCheck."""
        return PASS

    async def body(self, client: Client, envelope: Envelope, content: bytes) -> Decision:
        """See IMessageCheck."""
        return PASS


@implementer(IMessageCheck)
class Checks:
    """Several checks as one: asked in order, the first status wins; what they say goes into the session's trace.

    It is a check itself, so that some of another's may spare the ``exempt`` networks, which are not judged.
    ``forged`` is called when a check says that a message does not prove its origin, even when it is refused for that.
    """

    def __init__(
        self,
        checks: Sequence[IMessageCheck],
        exempt: Sequence[IPv4Network | IPv6Network] = (),
        forged: Callable[[Client], Awaitable[None]] | None = None,
    ) -> None:
        self._checks = checks
        self._exempt = exempt
        self._judged: dict[str, bool] = {}
        self._forged = forged

    async def connect(self, client: Client) -> Decision:
        """See IMessageCheck."""
        return await self._ask(client, lambda check: check.connect(client))

    async def mail(self, client: Client, envelope: Envelope, size: int) -> Decision:
        """See IMessageCheck."""
        return await self._ask(client, lambda check: check.mail(client, envelope, size))

    async def rcpt(self, client: Client, envelope: Envelope, recipient: Recipient, known: bool) -> Decision:
        """See IMessageCheck."""
        return await self._ask(client, lambda check: check.rcpt(client, envelope, recipient, known))

    async def body(self, client: Client, envelope: Envelope, content: bytes) -> Decision:
        """See IMessageCheck."""
        current, suspect = content, False

        async def ask(check: IMessageCheck) -> Decision:
            nonlocal current, suspect
            decision: Decision = await check.body(client, envelope, current)
            current = current if decision.content is None else decision.content
            suspect = suspect or decision.quarantine
            return decision

        decision = await self._ask(client, ask)
        return Decision(decision.status, content=current, quarantine=suspect)

    def _spared(self, address: str) -> bool:
        known = self._judged.get(address)
        if known is None:
            if len(self._judged) >= _REMEMBERED:
                self._judged.clear()
            ip = ip_address(address)
            known = self._judged[address] = any(ip in network for network in self._exempt)
        return known

    async def _ask(self, client: Client, question: Callable[[IMessageCheck], Awaitable[Decision]]) -> Decision:
        if self._spared(client.address):
            return PASS
        visit = client.visit
        for check in self._checks:
            began = visit.elapsed()
            try:
                decision = await question(check)
            except MailError as error:
                decision = Decision(error.status)
            took = visit.elapsed() - began
            for step in decision.steps:
                visit.note(step.name, step.text, step.took or (took if len(decision.steps) == 1 else 0))
            if decision.forged and self._forged is not None:
                await self._forged(client)
            if decision.status is not None:
                return Decision(decision.status)
        return PASS


@implementer(IMessageCheck)
class ReverseNameCheck(BaseCheck):
    """Does the client's address have a name that leads back to it? ``required``: refuse it (550 5.7.25) if not."""

    def __init__(self, resolver: INameResolver, required: bool) -> None:
        self._resolver = resolver
        self._required = required

    async def mail(self, client: Client, envelope: Envelope, size: int) -> Decision:
        """Asked at the first MAIL: who does not send costs no look-ups, and nobody waits for the greeting."""
        visit = client.visit
        steps: tuple[Step, ...] = ()
        if not visit.iprev:
            try:
                visit.reverse_name = await self._confirmed(client.address)
                visit.iprev = "pass" if visit.reverse_name else "fail"
            except LookupFailed:
                visit.iprev = "temperror"
            steps = (Step("iprev", f"{visit.iprev} {visit.reverse_name}".rstrip()),)
        status = None
        if self._required and visit.iprev == "fail":
            status = Status(550, "5.7.25", f"{client.address} has no name that leads back to it")
        elif self._required and visit.iprev == "temperror":
            visit.iprev = ""  # the next MAIL asks again
            status = Status(451, "4.7.25", f"the name of {client.address} could not be looked up, try again later")
        return Decision(status, steps)

    async def _confirmed(self, address: str) -> str:
        ip = ip_address(address)
        kind = "A" if ip.version == 4 else "AAAA"
        trouble: LookupFailed | None = None
        for name in (await self._resolver.lookup(ip.reverse_pointer, "PTR")).data[:_POINTERS]:
            try:
                found = (await self._resolver.lookup(name, kind)).data
            except LookupFailed as error:
                trouble = error
            except Refusal:
                continue  # a PTR to what cannot be a host
            else:
                if ip in map(ip_address, found):
                    return name.rstrip(".").lower()
        if trouble is not None:
            raise trouble
        return ""


@implementer(IMessageCheck)
class HeloCheck(BaseCheck):
    """What the client calls itself: a domain name or its own address literal, and nothing of ours.

    Whether the name exists is not asked: mail must not be refused for that (RFC 5321 section 4.1.4).
    """

    def __init__(self, hostname: str, addresses: Sequence[str]) -> None:
        """``addresses``: our own."""
        self._hostname = hostname.lower()
        self._addresses = frozenset(map(ip_address, addresses))

    async def mail(self, client: Client, envelope: Envelope, size: int) -> Decision:
        """550 5.7.1, because the role is not asked at EHLO."""
        problem = self._problem(client)
        return Decision(Status(550, "5.7.1", problem), (Step("helo", problem),)) if problem else PASS

    def _problem(self, client: Client) -> str:
        helo = client.helo
        if helo.startswith("["):
            try:
                literal = ip_address(helo[1:-1].lower().removeprefix("ipv6:") if helo.endswith("]") else "")
            except ValueError:
                return f"HELO {helo}: that is no address literal"
            if literal in self._addresses:
                return f"HELO {helo}: that is this host"
            return "" if literal == ip_address(client.address) else f"HELO {helo}: your address is {client.address}"
        if helo.lower().rstrip(".") == self._hostname:
            return f"HELO {helo}: that is this host"
        if not _NAME.match(helo) or helo.rstrip(".").rpartition(".")[2].isdigit():
            return f"HELO {helo}: that is neither a domain name nor an address literal"
        return ""


@implementer(IMessageCheck)
class SenderDomainCheck(BaseCheck):
    """Could a notice reach the reverse-path? Its domain must have an MX or an address, and take mail."""

    def __init__(self, resolver: INameResolver) -> None:
        self._resolver = resolver

    async def mail(self, client: Client, envelope: Envelope, size: int) -> Decision:
        """550 5.1.8, 550 5.7.27 for a null MX, 451 4.1.8 when the DNS does not say."""
        path = envelope.reverse_path
        if path is None or path.domain.startswith("["):
            return PASS
        try:
            status = await self._judge(path.domain)
        except LookupFailed:
            status = Status(451, "4.1.8", f"{path.domain} could not be looked up, try again later")
        except Refusal:
            status = Status(550, "5.1.8", f"{path.domain} is not a domain name")
        return Decision(status, (Step("sender", status.text),)) if status else PASS

    async def _judge(self, domain: str) -> Status | None:
        exchangers = await self._resolver.lookup(domain, "MX")
        if not exchangers.exists:
            return Status(550, "5.1.8", f"there is no domain {domain}")
        if exchangers.data:
            if all(record.split()[-1] == "." for record in exchangers.data):
                return Status(550, "5.7.27", f"{domain} takes no mail (null MX)")
            return None
        for kind in ("A", "AAAA"):
            if (await self._resolver.lookup(domain, kind)).data:
                return None
        return Status(550, "5.1.8", f"{domain} has neither MX nor address")


@implementer(IMessageCheck)
class OwnDomainCheck(BaseCheck):
    """Mail in the name of our own domains comes from who logs in, or from hosts that their SPF record lists."""

    def __init__(self, hosts: Callable[[str], Awaitable[bool]]) -> None:
        self._hosts = hosts

    async def mail(self, client: Client, envelope: Envelope, size: int) -> Decision:
        """550 5.7.1."""
        path = envelope.reverse_path
        if path is None or client.visit.spf == "pass" or not await self._hosts(path.domain):
            return PASS
        text = f"{path.domain} is served here: log in to send as <{path}>"
        return Decision(Status(550, "5.7.1", text), (Step("sender", text),))
