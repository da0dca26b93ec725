"""Messages that are being written: kept in Drafts as often as they change, gone from there once they are sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mailsuite.interfaces.blobs import IBlobStore
from mailsuite.interfaces.drafts import IDraftStore
from mailsuite.interfaces.events import IEventBus
from mailsuite.interfaces.messages import IMessageStore
from mailsuite.interfaces.threads import InThread
from mailsuite.mime.addresses import show_mailbox
from mailsuite.mime.clean import clean_line, scrub
from mailsuite.mime.compose import Outgoing, compose
from mailsuite.mime.describe import describe
from mailsuite.mime.searchable import searchable
from mailsuite.model.account import Account
from mailsuite.model.draft import Draft, DraftConflict, KeptDraft
from mailsuite.model.event import Changed
from mailsuite.model.folder import DRAFTS
from mailsuite.model.job import QueuedMessage
from mailsuite.model.message import Description, Filed, Filing
from mailsuite.msa.outgoing import check_lengths, outgoing
from mailsuite.msa.recipients import usable_recipients
from mailsuite.msa.submit import Submitter


class Drafts:
    """Drafts of all accounts. ``hostname`` is the right side of their message ids.

    A draft is named by the key under which it will be sent, so nothing can be sent twice, or come back when a revision
    arrives after that. Every method raises StoreUnavailable.
    """

    def __init__(
        self,
        drafts: IDraftStore,
        submitter: Submitter,
        messages: IMessageStore,
        blobs: IBlobStore,
        events: IEventBus,
        thread: InThread,
        clock: Callable[[], int],
        hostname: str,
    ) -> None:
        self._drafts = drafts
        self._submitter = submitter
        self._messages = messages
        self._blobs = blobs
        self._events = events
        self._in_thread = thread
        self._clock = clock
        self._hostname = hostname

    async def save(self, account: Account, draft: Draft, key: str, base: int) -> Filed:
        """Keep what was typed, as revision ``base`` + 1; recipients that are not finished yet are kept too.

        Raises FieldError for what is too long, DraftConflict when ``base`` is not the revision that is kept.
        """
        check_lengths(draft)
        answered = await self._messages.message(account.id, draft.in_reply_to) if draft.in_reply_to else None
        now = self._clock()
        # What may be typed is more than what may be sent.
        harmless = replace(draft, subject=clean_line(draft.subject), text=scrub(draft.text.replace("\0", "")))
        to, cc, bcc = map(usable_recipients, (draft.to, draft.cc, draft.bcc))
        letter = outgoing(account, harmless, to, cc, answered, now, f"<draft.{key}@{self._hostname}>")
        content, described, text = await self._in_thread(lambda: _composed(letter))
        filed = await self._drafts.save(
            key,
            base + 1,
            draft,
            Filing(
                account=account.id,
                folder=DRAFTS,
                delivery_key=f"draft/{key}",
                blob=await self._blobs.put(content),
                size=len(content),
                received_at=now,
                description=described,
                bcc=bcc,
                seen=True,
                own=True,
                text=text,
            ),
        )
        await self._events.publish(Changed(account.id, DRAFTS, filed.seq))
        return filed

    async def of_message(self, account: Account, message: str) -> KeptDraft | None:
        """The draft that a message in Drafts holds, to be written on; None when there is none."""
        return await self._drafts.of_message(account.id, message)

    async def begun_elsewhere(self, account: Account, message: str, text: str) -> Draft | None:
        """What another program wrote in Drafts, with the ``text`` that it shows, to be written on as a new draft.

        None when the message is not in Drafts.
        """
        found = await self._messages.message(account.id, message)
        if found is None or found.folder != DRAFTS:
            return None
        described = found.description
        to, cc, bcc = (", ".join(map(show_mailbox, boxes)) for boxes in (described.to, described.cc, found.bcc))
        return Draft(to, cc, bcc, described.subject, text)

    async def find(self, account: Account, key: str) -> KeptDraft | None:
        """The draft of this key, sent ones for a while too."""
        return await self._drafts.find(account.id, key)

    async def send(self, account: Account, draft: Draft, key: str, base: int = 0) -> QueuedMessage | None:
        """Queue it and take it out of Drafts, each once however often this is called; None when that is done already.

        A draft that is kept is saved first as it is now. Raises what Submitter.send raises (the draft stays where it
        is), and DraftConflict when another revision than ``base`` is kept, or other words were sent under this key.
        """
        kept = await self._drafts.find(account.id, key)
        if kept is not None and kept.sent:
            if kept.draft == draft:
                return None
            raise DraftConflict("this message was sent already, with other words", None)
        if kept is not None and kept.draft != draft:
            await self.save(account, draft, key, base)
        saved = None if kept is None else await self._drafts.find(account.id, key)
        queued = await self._submitter.send(account, draft, key)
        await self._close(account, key, draft)
        if saved is not None and not saved.sent and saved.saved_at > queued.created:
            # It was queued by a process that died before it could close the draft, which was then written on.
            raise DraftConflict("an earlier version of this message was sent already", None)
        return queued

    async def _close(self, account: Account, key: str, draft: Draft) -> None:
        touched = await self._drafts.close(account.id, key, draft)
        for place in sorted(touched.places):
            await self._events.publish(Changed(account.id, place, touched.seq))


def _composed(letter: Outgoing) -> tuple[bytes, Description, str]:
    """The content, what a reader needs to know of it, and what a search looks through."""
    content = compose(letter)
    described = describe(content)
    return content, described, searchable(content, described.structure)
