"""DraftStore: IDraftStore in the database file."""

from __future__ import annotations

from collections.abc import Callable
from sqlite3 import Connection, Row

from zope.interface import implementer

from mailsuite.interfaces.drafts import IDraftStore
from mailsuite.interfaces.upkeep import Touched
from mailsuite.model.draft import Draft, DraftConflict, KeptDraft
from mailsuite.model.errors import NotThere
from mailsuite.model.folder import DRAFTS
from mailsuite.model.ids import ordered_id
from mailsuite.model.message import Filed, Filing
from mailsuite.sqlite import codec
from mailsuite.sqlite import conversations as derived
from mailsuite.sqlite.codec import decode, encode
from mailsuite.sqlite.messages import file_into, replace_draft
from mailsuite.sqlite.removing import remove
from mailsuite.sqlite.store import Store


@implementer(IDraftStore)
class DraftStore:
    """See IDraftStore: message, key and revision change in one transaction. ``random`` gives n random bytes."""

    def __init__(self, store: Store, random: Callable[[int], bytes]) -> None:
        self._store = store
        self._random = random

    async def save(self, key: str, revision: int, draft: Draft, filing: Filing) -> Filed:
        """See IDraftStore."""
        now = self._store.clock()
        ids = ordered_id(now, self._random), ordered_id(now, self._random)
        content = encode(draft)
        return await self._store.write(lambda c: _save(c, (key, revision, content), filing, ids, now))

    async def find(self, account: str, key: str) -> KeptDraft | None:
        """See IDraftStore."""
        return await self._store.read(lambda c: _kept(_row(c, account, key)))

    async def of_message(self, account: str, message: str) -> KeptDraft | None:
        """See IDraftStore."""
        return await self._store.read(lambda c: _kept(_of_message(c, account, message)))

    async def close(self, account: str, key: str, draft: Draft) -> Touched:
        """See IDraftStore."""
        now = self._store.clock()
        content = encode(draft)
        return await self._store.write(lambda c: _close(c, account, key, content, now))

    async def sweep(self, older_than: int) -> int:
        """See IDraftStore."""
        return await self._store.write(lambda c: c.execute(_SWEEP, (older_than,)).rowcount)


_SWEEP = (
    "DELETE FROM draft WHERE touched_at < ? AND NOT EXISTS (SELECT 1 FROM message WHERE message.id = draft.message)"
)


def _row(c: Connection, account: str, key: str) -> Row | None:
    row: Row | None = c.execute("SELECT * FROM draft WHERE account = ? AND key = ?", (account, key)).fetchone()
    return row


def _of_message(c: Connection, account: str, message: str) -> Row | None:
    row: Row | None = c.execute(
        "SELECT draft.* FROM draft JOIN message ON message.id = draft.message"
        " WHERE draft.message = ? AND draft.account = ? AND message.account = draft.account AND message.folder = ?",
        (message, account, DRAFTS),
    ).fetchone()
    return row


def _kept(row: Row | None) -> KeptDraft | None:
    if row is None:
        return None
    draft = decode(codec.draft, row["content"], f"draft {row['key']}")
    return KeptDraft(row["key"], row["message"], row["revision"], row["touched_at"], bool(row["sent"]), draft)


def _save(c: Connection, new: tuple[str, int, str], filing: Filing, ids: tuple[str, str], now: int) -> Filed:
    key, revision, content = new
    account = filing.account
    old = _row(c, account, key)
    if old is None:
        filed = file_into(c, filing, *ids, now)
        c.execute(
            "INSERT INTO draft (account, key, message, revision, touched_at, sent, content)"
            " VALUES (?, ?, ?, ?, ?, 0, ?)",
            (account, key, filed.message, revision, now, content),
        )
        return filed
    if old["sent"]:
        raise DraftConflict("this message was sent already", None)
    try:
        if revision <= old["revision"]:
            return _again(c, old, revision, content)
        filed = replace_draft(c, old["message"], filing, now)
    except NotThere:
        raise DraftConflict("this draft was thrown away", None) from None
    c.execute(
        "UPDATE draft SET revision = ?, touched_at = ?, content = ? WHERE account = ? AND key = ?",
        (revision, now, content, account, key),
    )
    return filed


def _again(c: Connection, old: Row, revision: int, content: str) -> Filed:
    """A revision that is not new: the answer to the first one may have been lost."""
    message = c.execute(
        "SELECT conversation FROM message WHERE id = ? AND account = ? AND folder = ?",
        (old["message"], old["account"], DRAFTS),
    ).fetchone()
    if message is None:
        raise NotThere(f"there is no draft {old['message']!r}")
    if revision < old["revision"] or content != old["content"]:
        raise DraftConflict("a newer version of this draft is kept already", old["revision"])
    return Filed(old["message"], message["conversation"], derived.last_seq(c, old["account"]), False, DRAFTS)


def _close(c: Connection, account: str, key: str, content: str, now: int) -> Touched:
    old = _row(c, account, key)
    if old is not None and old["sent"]:
        return Touched(account, frozenset(), derived.last_seq(c, account))
    c.execute(
        "INSERT INTO draft (account, key, message, revision, touched_at, sent, content) VALUES (?, ?, '', 0, ?, 1, ?)"
        " ON CONFLICT (account, key) DO UPDATE SET touched_at = excluded.touched_at, sent = 1,"
        " content = excluded.content",
        (account, key, now, content),
    )
    rows = c.execute(
        "SELECT * FROM message WHERE id = ? AND account = ?", ("" if old is None else old["message"], account)
    ).fetchall()
    seq, places = remove(c, account, rows)
    return Touched(account, frozenset(places), seq or derived.last_seq(c, account))
