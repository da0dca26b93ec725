"""FakeDraftStore: IDraftStore in memory, over the messages of FakeMessageStore."""

from __future__ import annotations

from dataclasses import dataclass, replace

from zope.interface import implementer

from mailsuite.interfaces.drafts import IDraftStore
from mailsuite.interfaces.upkeep import Touched
from mailsuite.model.draft import Draft, DraftConflict, KeptDraft
from mailsuite.model.folder import DRAFTS
from mailsuite.model.message import Filed, Filing
from mailsuite.testing.fake_messages import FakeMessageStore


@dataclass
class _Entry:
    account: str
    kept: KeptDraft


@implementer(IDraftStore)
class FakeDraftStore:
    """See IDraftStore."""

    def __init__(self, messages: FakeMessageStore) -> None:
        self._m = messages
        self._entries: dict[tuple[str, str], _Entry] = {}

    async def save(self, key: str, revision: int, draft: Draft, filing: Filing) -> Filed:
        self._m.check()
        account = filing.account
        entry = self._entries.get((account, key))
        if entry is None:
            filed = await self._m.file(filing)
            kept = KeptDraft(key, filed.message, revision, self._m.clock(), False, draft)
            self._entries[account, key] = _Entry(account, kept)
            return filed
        kept = entry.kept
        if kept.sent:
            raise DraftConflict("this message was sent already", None)
        message = self._m.all.get(kept.message)
        if message is None or message.folder != DRAFTS:
            raise DraftConflict("this draft was thrown away", None)
        if revision <= kept.revision:
            if revision < kept.revision or draft != kept.draft:
                raise DraftConflict("a newer version of this draft is kept already", kept.revision)
            return Filed(message.id, message.conversation, self._m.seqs[account], new=False, folder=DRAFTS)
        filed = self._m.replace_draft(message.id, filing)
        entry.kept = replace(kept, revision=revision, saved_at=self._m.clock(), draft=draft)
        return filed

    async def find(self, account: str, key: str) -> KeptDraft | None:
        self._m.check()
        entry = self._entries.get((account, key))
        return entry.kept if entry else None

    async def of_message(self, account: str, message: str) -> KeptDraft | None:
        self._m.check()
        found = self._m.all.get(message)
        if found is None or (found.account, found.folder) != (account, DRAFTS):
            return None
        return next((e.kept for e in self._entries.values() if (e.account, e.kept.message) == (account, message)), None)

    async def close(self, account: str, key: str, draft: Draft) -> Touched:
        self._m.check()
        entry = self._entries.get((account, key))
        if entry is not None and entry.kept.sent:
            return Touched(account, frozenset(), self._m.seqs[account])
        kept = entry.kept if entry else KeptDraft(key, "", 0, 0, False, draft)
        closed = replace(kept, sent=True, saved_at=self._m.clock(), draft=draft)
        self._entries[account, key] = _Entry(account, closed)
        message = self._m.all.get(kept.message)
        places = self._m.drop(message) if message is not None else set()
        return Touched(account, frozenset(places), self._m.seqs[account])

    async def sweep(self, older_than: int) -> int:
        self._m.check()
        gone = [
            name
            for name, entry in self._entries.items()
            if entry.kept.saved_at < older_than and entry.kept.message not in self._m.all
        ]
        for name in gone:
            del self._entries[name]
        return len(gone)
