"""An account's rules, asked when a message comes to it (docs/architecture.md: mda)."""

from __future__ import annotations

from dataclasses import replace

from twisted.logger import Logger

from mailsuite.interfaces.rules import IRuleStore
from mailsuite.interfaces.threads import InThread
from mailsuite.interfaces.trace import ITrace
from mailsuite.mda.expand import Onward
from mailsuite.mda.forward import Forwarder
from mailsuite.mda.vacation import Responder, Why, silence
from mailsuite.mime.facts import facts_of
from mailsuite.mime.loop import looped
from mailsuite.model.account import Account
from mailsuite.model.address import Address
from mailsuite.model.envelope import Recipient
from mailsuite.model.errors import Deferral, Refusal, Undecodable
from mailsuite.model.folder import TRASH
from mailsuite.model.job import QueuedMessage
from mailsuite.model.message import Description
from mailsuite.model.rule import Decision, Ruleset, decide
from mailsuite.model.trace import TEXT, Step, Trace
from mailsuite.model.verdict import Authentication

log = Logger()

INLINE = 8 * 1024
"""Messages up to this size (octets) are parsed and asked about where they are: a hop to a thread costs more. HTML takes
0.3 ms a kB to be read for the search, at worst four times that.
"""

CONDITIONS = 200
"""So many conditions are asked where they are: on 8 kB that takes a millisecond."""

_MOST = 10_000


class Sorter:
    """Asks the rules and does what is no filing: forwards, answers, traces."""

    def __init__(
        self, rules: IRuleStore, forwarder: Forwarder, responder: Responder, thread: InThread, trace: ITrace
    ) -> None:
        self._rules = rules
        self._forwarder = forwarder
        self._responder = responder
        self._thread = thread
        self._trace = trace
        self._known: dict[str, tuple[int, Ruleset]] = {}

    async def decide(
        self,
        message: QueuedMessage,
        account: Account,
        address: Address,
        content: bytes,
        description: Description,
        text: str,
        verdict: Authentication,
    ) -> Decision:
        """What the account's rules want with a message that came for ``address``; nothing, and ``failed``, when they
        raise: that is our fault, and the mail goes to the Inbox.

        Raises StoreUnavailable.
        """
        rules = (await self._ruleset(account)).rules
        if not rules:
            return Decision()

        def work() -> Decision:
            return decide(rules, facts_of(content, description, text, verdict, (str(address),)))

        try:
            small = len(content) <= INLINE and sum(len(rule.when) for rule in rules) <= CONDITIONS
            return work() if small else await self._thread(work)
        except Exception:
            log.failure("{queue_id}: the rules of {account} failed", queue_id=message.id, account=account.address)
            return Decision(failed=True)

    async def is_filing(self, message: QueuedMessage, account: Account, content: bytes, why: Why) -> bool:
        """Is nothing to be done for the account but filing?"""
        if why.decision.forwards or TRASH in why.decision.folders:
            return False
        vacation = (await self._ruleset(account)).vacation
        return vacation is None or bool(silence(message, account, vacation, content, why))

    async def forward(
        self, message: QueuedMessage, recipient: Recipient, account: Account, content: bytes, decision: Decision
    ) -> None:
        """Send it on, once to each address; what was sent on for the account before is not sent on again."""
        if not decision.forwards:
            return
        home = Address.parse(account.address)
        if looped(home, content):
            log.info("{queue_id}: not sent on for {account} again", queue_id=message.id, account=account.address)
            return
        for target in decision.forwards:
            try:
                onward = Onward(Address.parse(target), account)
                await self._forwarder.forward(message, replace(recipient, address=home), onward, content, alone=False)
            except Deferral:
                raise
            except Refusal as error:
                # It stays here in any case.
                log.warn(
                    "{queue_id}: not sent on for {account} to {target}: {error}",
                    queue_id=message.id,
                    account=account.address,
                    target=target,
                    error=str(error),
                )
            except Exception:
                log.failure("{queue_id}: could not be sent on to {target}", queue_id=message.id, target=target)

    def note(self, message: QueuedMessage, account: Account, decision: Decision) -> None:
        """Leave word of what the rules did; of a message that was thrown away in its trace too."""
        if not decision.rules:
            return
        log.info(
            "{queue_id}: sorted for {account} into {folder} by {rules}",
            queue_id=message.id,
            account=account.address,
            folder=decision.places[0],
            rules=", ".join(decision.rules),
        )
        if decision.places[0] == TRASH:
            text = f"to Trash of {account.address} by the rule {', '.join(decision.rules)}"
            sender = message.envelope.sender
            step = Step("rules", text[:TEXT])
            self._trace.record(Trace(message.created, "mda", "", "", account.address, sender, 1, message.id, (step,)))

    async def answer(self, message: QueuedMessage, account: Account, content: bytes, why: Why) -> None:
        """Have the vacation answer, when there is one and it may."""
        vacation = (await self._ruleset(account)).vacation
        if vacation is None:
            return
        try:
            await self._responder.answer(message, account, vacation, content, why)
        except Deferral:
            raise
        except Exception:
            log.failure("{queue_id}: could not be answered for {account}", queue_id=message.id, account=account.address)

    async def _ruleset(self, account: Account) -> Ruleset:
        known = self._known.get(account.id)
        if known is not None and known[0] == account.rules:
            return known[1]
        try:
            found = await self._rules.ruleset(account.id)
        except Undecodable as error:
            log.error("{account} has no rules: {error}", account=account.address, error=str(error))
            found = Ruleset()
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[account.id] = (account.rules, found)
        return found
