"""Answers for who is away (RFC 3834, RFC 5230): whether one is due, and how it is written.

The answer has the null reverse-path: RFC 3834 section 3.3 lets a responder take that or an address whose mail no
responder answers, RFC 5230 section 5.1 prefers it. So neither a bounce of the answer nor an answer to it comes back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256

from twisted.logger import Logger

from mailsuite.interfaces.queue import ISubmissionQueue, Submission
from mailsuite.interfaces.rules import IRuleStore
from mailsuite.mda.accounts import Accounts
from mailsuite.mime.addresses import format_mailbox, parse_mailboxes
from mailsuite.mime.clean import clean_line
from mailsuite.mime.compose import references_of
from mailsuite.mime.dates import format_date
from mailsuite.mime.emit import MESSAGE_ID, encode_body, header, text_header
from mailsuite.mime.facts import with_a_labels
from mailsuite.mime.headers import Headers
from mailsuite.model.account import Account
from mailsuite.model.address import Address, Mailbox
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.errors import Refusal
from mailsuite.model.job import QueuedMessage
from mailsuite.model.message import Description
from mailsuite.model.rule import Decision
from mailsuite.model.vacation import SUBJECT, Vacation
from mailsuite.model.verdict import Authentication

log = Logger()

_LOOKED_AT = 100
"""So many recipients are looked at for one's own address."""

_NOBODY = re.compile(
    r"(?:no|do[-_.]?not)[-_.]?reply(?:[-_.].*)?|mailer-daemon|postmaster|listserv|majordomo|bounces?|root|nobody|daemon",
    re.IGNORECASE,
)
"""Local parts behind which no person reads, perhaps with a detail or with what belongs to a recipient."""
_LIST_ENDS = ("-request", "-owner", "-bounces", "-bounce", "-noreply", "-relay")
_LIST_FIELDS = ("list-id", "list-post", "list-help", "list-owner", "list-archive", "list-subscribe", "list-unsubscribe")
_SUPPRESSED = {"all", "oof", "autoreply"}
"""Of what Exchange's field may name those that are answers of this kind; the others are reports."""
_BULK = ("bulk", "list", "junk")


@dataclass(frozen=True, slots=True)
class Why:
    """What is known of a message besides its content."""

    description: Description
    verdict: Authentication
    decision: Decision


def silence(message: QueuedMessage, account: Account, vacation: Vacation, content: bytes, why: Why) -> str:
    """The reason why the message is not answered, whoever it was for; "" when there is none."""
    sender = message.envelope.reverse_path
    if not vacation.lasts(message.created):
        return "nobody is away"
    if sender is None:
        return "the reverse-path is null"
    if sender.key == account.address:
        return "it is from the account itself"
    if _no_person(sender.local.lower()):
        return f"nobody reads mail to {sender}"
    if why.decision.unwanted:
        return "it is not wanted"
    if why.decision.failed:
        return "the rules failed, which could have called it spam"
    if _failed(why.verdict):
        return "its sender is not proved"
    return _automatic(Headers.parse(content))


def _no_person(local: str) -> bool:
    head = re.split(r"[+=]", local, maxsplit=1)[0]
    return bool(_NOBODY.fullmatch(head)) or local.startswith("owner-") or head.endswith(_LIST_ENDS)


def _failed(verdict: Authentication) -> bool:
    """An answer would go to somebody who perhaps wrote nothing."""
    return verdict.dmarc == "fail" or (verdict.dmarc != "pass" and verdict.spf in ("fail", "softfail"))


def _automatic(headers: Headers) -> str:
    for value in headers.unfolded("auto-submitted"):
        if re.split(r"[\s;(]", value.strip().lower(), maxsplit=1)[0] != "no":
            return "it was sent automatically"
    if any(headers.raw(name) for name in (*_LIST_FIELDS, "mailing-list")):
        return "it is from a list"
    if any(value.strip().lower() in _BULK for value in headers.unfolded("precedence")):
        return "it is bulk mail"
    suppressed = {word.strip().lower() for v in headers.unfolded("x-auto-response-suppress") for word in v.split(",")}
    if suppressed & _SUPPRESSED or any(headers.raw(name) for name in ("x-autoreply", "x-autorespond")):
        return "it wants no answer"
    if headers.parameters("content-type")[0].lower() == "multipart/report":
        return "it is a report"
    return ""


class Responder:
    """Answers once to a sender in a period. ``hostname`` stands in message ids."""

    def __init__(
        self, rules: IRuleStore, queue: ISubmissionQueue, accounts: Accounts, hostname: str, clock: Callable[[], int]
    ) -> None:
        self._rules = rules
        self._queue = queue
        self._accounts = accounts
        self._hostname = hostname
        self._clock = clock

    async def answer(
        self, message: QueuedMessage, account: Account, vacation: Vacation, content: bytes, why: Why
    ) -> None:
        """Answer the message unless there is a reason not to; a repetition answers nothing twice.

        Raises StoreUnavailable.
        """
        sender = message.envelope.reverse_path
        reason = silence(message, account, vacation, content, why)
        if not reason and not await self._addressed(account, content, why.description):
            reason = "the account is not among the recipients in its header"
        if not reason and sender is not None and await self._own(account, sender):
            reason = "it is from the account itself"
        if reason or sender is None:
            log.debug(
                "{queue_id}: no answer for {account}: {reason}",
                queue_id=message.id,
                account=account.address,
                reason=reason,
            )
            return
        if not await self._rules.begin_answer(account.id, sender.key, message.id, self._clock(), vacation.days):
            return
        answer = f"{message.id}-v{sha256(account.id.encode()).hexdigest()[:12]}"
        envelope = Envelope(None, (Recipient(sender, ("NEVER",)),), smtputf8=not str(sender).isascii())
        date = self._clock()
        written = write_answer(account, vacation, sender, why.description, date, f"<{answer}@{self._hostname}>")
        try:
            await self._queue.accept(Submission(envelope, written, id=answer))
        except Refusal as error:
            log.warn("{queue_id}: not answered: {error}", queue_id=message.id, error=str(error))
        else:
            log.info("{queue_id}: answered for {account}", queue_id=message.id, account=account.address, answer=answer)
        await self._rules.end_answer(account.id, sender.key, message.id)

    async def _addressed(self, account: Account, content: bytes, description: Description) -> bool:
        """Is an address of the account, which is not others' too, in To, Cc or their Resent- forms?"""
        headers = Headers.parse(content)
        resent = [
            box for name in ("resent-to", "resent-cc") for v in headers.unfolded(name) for box in parse_mailboxes(v)
        ]
        boxes = (*description.to, *description.cc, *resent)
        for address in _addresses(boxes[:_LOOKED_AT]):
            if await self._own(account, address):
                return True
        return False

    async def _own(self, account: Account, address: Address) -> bool:
        if address.key == account.address:
            return True
        if not await self._accounts.hosts(address.domain):
            return False
        route = await self._accounts.route(address)
        alone = [each.id for each in route.direct] == [account.id]
        return alone and all(onward.owner is not None for onward in route.foreign)


def _addresses(boxes: Iterable[Mailbox]) -> Iterator[Address]:
    for box in with_a_labels(boxes):
        try:
            yield Address.parse(box.address)
        except ValueError:
            continue


def write_answer(
    account: Account, vacation: Vacation, sender: Address, answered: Description, date: int, message_id: str
) -> bytes:
    """The content of an answer to ``sender`` (RFC 3834 section 3.1); ``date`` in ms."""
    subject = vacation.subject or f"Auto: {answered.subject}"
    encoding, body = encode_body(vacation.text.encode("utf-8", "replace"))
    fields = [
        header("From", format_mailbox(Mailbox(account.name, account.address))),
        header("To", str(sender)),
        text_header("Subject", clean_line(subject)[:SUBJECT]),
        header("Date", format_date(date)),
        header("Message-ID", message_id),
        header("Auto-Submitted", "auto-replied"),
    ]
    if MESSAGE_ID.match(answered.message_id):
        fields.append(header("In-Reply-To", answered.message_id))
    if references := [one for one in references_of(answered) if MESSAGE_ID.match(one)]:
        fields.append(header("References", " ".join(references)))
    fields += [
        header("MIME-Version", "1.0"),
        header("Content-Type", "text/plain; charset=utf-8"),
        header("Content-Transfer-Encoding", encoding),
    ]
    return b"".join((*fields, b"\r\n", body))
