"""Composes and hands in what a person wrote in the browser (RFC 6409 sections 6 and 8, RFC 5322 section 3.6)."""

from __future__ import annotations

from collections.abc import Callable

from mailsuite.interfaces.messages import IMessageStore
from mailsuite.interfaces.queue import ISubmissionQueue, Submission
from mailsuite.mime.addresses import show_mailbox
from mailsuite.mime.compose import Outgoing, compose, references_of, reply_subject
from mailsuite.model.account import Account
from mailsuite.model.address import Address, Mailbox
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.errors import Deferral, NotThere
from mailsuite.model.ids import ordered_id
from mailsuite.model.job import Priority, QueuedMessage
from mailsuite.model.message import Message
from mailsuite.msa.allowance import Allowance
from mailsuite.msa.draft import Draft, FieldError
from mailsuite.msa.identity import Identities
from mailsuite.msa.recipients import read_recipients
from mailsuite.msa.reply import reply_recipients

__all__ = ["Draft", "FieldError", "Submitter"]

SUBJECT_CHARACTERS = 1000
TEXT_CHARACTERS = 500_000
"""So much is composed in some 50 ms, on the reactor thread."""


class Submitter:
    """Takes drafts of accounts. ``hostname`` is the right side of the message ids."""

    def __init__(
        self,
        queue: ISubmissionQueue,
        allowance: Allowance,
        messages: IMessageStore,
        identities: Identities,
        clock: Callable[[], int],
        random: Callable[[int], bytes],
        hostname: str,
        max_recipients: int = 100,
    ) -> None:
        self._queue = queue
        self._allowance = allowance
        self._messages = messages
        self._identities = identities
        self._clock = clock
        self._random = random
        self._hostname = hostname
        self._max_recipients = max_recipients

    async def send(self, account: Account, draft: Draft, key: str | None = None) -> QueuedMessage:
        """Queue the draft, durably when this returns; the same ``key`` again gives the message that is queued.

        Raises FieldError for what the writer can mend, and what ISubmissionQueue.accept raises.
        """
        to = read_recipients("to", draft.to)
        cc = read_recipients("cc", draft.cc)
        bcc = read_recipients("bcc", draft.bcc)
        recipients = self._envelope_recipients((*to, *cc, *bcc))
        for field, value, most in (
            ("subject", draft.subject, SUBJECT_CHARACTERS),
            ("text", draft.text, TEXT_CHARACTERS),
        ):
            if len(value) > most:
                raise FieldError(field, f"the {field} is longer than {most} characters")
        answered = await self._answered(account, draft.in_reply_to)
        now = self._clock()
        outgoing = Outgoing(
            author=Mailbox(account.name, account.address),
            to=to,
            cc=cc,
            subject=draft.subject,
            text=draft.text,
            date=now,
            message_id=f"<{ordered_id(now, self._random)}@{self._hostname}>",
            in_reply_to=answered.description.message_id if answered else "",
            references=references_of(answered.description) if answered else (),
        )
        try:
            content = compose(outgoing)
        except ValueError as error:
            field, _, text = str(error).partition(": ")
            raise FieldError(field.lower(), text) from None
        try:
            await self._allowance.take(account, len(recipients))
        except Deferral as error:
            raise FieldError("", error.status.text) from None
        # Non-ASCII local parts stand in header fields as they are (RFC 6532).
        utf8 = not all(str(recipient.address).isascii() for recipient in recipients)
        return await self._queue.accept(
            Submission(
                Envelope(Address.parse(account.address), recipients, smtputf8=utf8, body="8BITMIME" if utf8 else ""),
                content,
                account=account.id,
                self_address=account.address,
                sent_copy=True,
                priority=Priority.INTERACTIVE,
                idempotency_key=key,
            )
        )

    def _envelope_recipients(self, mailboxes: tuple[Mailbox, ...]) -> tuple[Recipient, ...]:
        addresses = {address.key: address for address in map(Address.parse, (box.address for box in mailboxes))}
        if not addresses:
            raise FieldError("to", "who shall get it? There is no recipient")
        if len(addresses) > self._max_recipients:
            raise FieldError("to", f"{len(addresses)} recipients are too many: {self._max_recipients} at most")
        return tuple(Recipient(address) for address in addresses.values())

    async def _answered(self, account: Account, message: str) -> Message | None:
        if not message:
            return None
        found = await self._messages.message(account.id, message)
        if found is None:
            raise FieldError("in_reply_to", "the message that this answers is not in your mailbox")
        return found

    async def reply_draft(self, account: Account, message_id: str, everyone: bool, quoted: str) -> Draft:
        """The reply to a stored message, ready to be written; ``quoted`` is put below the cursor as it is.

        Raises NotThere when the account has no such message.
        """
        message = await self._messages.message(account.id, message_id)
        if message is None:
            raise NotThere(f"there is no message {message_id}")
        described = message.description
        people = (*described.author, *described.reply_to, *described.to, *described.cc)
        to, cc = reply_recipients(await self._identities.own(account, people), message, everyone)
        return Draft(
            to=", ".join(map(show_mailbox, to)),
            cc=", ".join(map(show_mailbox, cc)),
            bcc="",
            subject=reply_subject(described.subject)[:SUBJECT_CHARACTERS],
            text=f"\n\n{quoted}" if quoted else "",
            in_reply_to=message_id,
        )
