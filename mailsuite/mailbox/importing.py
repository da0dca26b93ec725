"""Importer: files mail from files into an account, each message once however often it is begun."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from twisted.internet.defer import Deferred, FirstError, gatherResults

from mailsuite.interfaces.blobs import IBlobStore
from mailsuite.interfaces.contents import IMailContents
from mailsuite.interfaces.folders import IFolderStore
from mailsuite.interfaces.messages import IMessageStore
from mailsuite.interfaces.threads import InThread
from mailsuite.mailbox.sources import Found, read_source, standard_folder
from mailsuite.mime.addresses import parse_mailboxes
from mailsuite.mime.describe import describe, opaque
from mailsuite.mime.headers import Headers
from mailsuite.mime.searchable import searchable
from mailsuite.model.account import Account
from mailsuite.model.errors import Conflict
from mailsuite.model.folder import (
    ARCHIVE,
    DELETED,
    DRAFTS,
    FOLDERS,
    INBOX,
    LEVELS,
    NAME_LENGTH,
    SENT,
    SPAM,
    TRASH,
    folder_name,
    label_name,
)
from mailsuite.model.message import Description, Filing

T = TypeVar("T")

BATCH = 64
_BATCH_OCTETS = 16 * 1024 * 1024
_SHOWN = 20

_GMAIL_PLACES = {"spam": SPAM, "trash": TRASH, "draft": DRAFTS, "drafts": DRAFTS, "inbox": INBOX, "sent": SENT}
"""In this order: a message of several is in the first."""
_GMAIL_MARKS = frozenset(("unread", "opened", "starred", "important", "archived", "chat"))


@dataclass(slots=True)
class Tally:
    """How an import stands. ``failed`` were not imported; ``damaged`` were, as they are. ``problems``: the first ones,
    in words.
    """

    filed: int = 0
    known: int = 0
    damaged: int = 0
    failed: int = 0
    octets: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def seen(self) -> int:
        """Messages of the source up to here."""
        return self.filed + self.known + self.failed

    def tell(self, problem: str) -> None:
        """Keep one of the first problems, once."""
        if len(self.problems) < _SHOWN and problem not in self.problems:
            self.problems.append(problem)


class _Read(NamedTuple):
    found: Found
    content: bytes
    blob: str


class _Described(NamedTuple):
    description: Description
    text: str
    reverse_path: str
    bcc: str
    damaged: bool


class Importer:
    """Raises StoreUnavailable; what was filed by then is filed."""

    def __init__(
        self,
        blobs: IBlobStore,
        messages: IMessageStore,
        folders: IFolderStore,
        contents: IMailContents,
        thread: InThread,
        clock: Callable[[], int],
    ) -> None:
        self._blobs = blobs
        self._messages = messages
        self._folders = folders
        self._contents = contents
        self._thread = thread
        self._clock = clock

    async def run(
        self, account: Account, path: Path, folder: str, dry: bool, progress: Callable[[Tally], None]
    ) -> Tally:
        """Import all of ``path``, into ``folder`` ("": where the source says); ``dry`` writes nothing.

        A message that the account has already, octet for octet, is not filed again. ``progress`` is called after each
        batch. Raises ValueError for a path that is no mail or a folder name that is none, OSError.
        """
        tally = Tally()
        places = _Places(self._folders, account.id, tally, dry)
        target = await places.folder(standard_folder(folder) or folder_name(folder)) if folder else ""
        source = read_source(path)
        while batch := await self._thread(lambda: _take(source)):
            tally.octets = batch[-1].done
            await self._import(account, batch, places, target, tally)
            progress(tally)
        return tally

    async def _import(
        self, account: Account, batch: Sequence[Found], places: _Places, target: str, tally: Tally
    ) -> None:
        for found in batch:
            if found.content is None:
                tally.failed += 1
                tally.tell(f"{found.place}: {found.problem}")
        read = await self._thread(lambda: [_Read(f, f.content, _hash(f.content)) for f in batch if f.content])
        empty = sum(found.content == b"" for found in batch)
        tally.failed += empty
        if empty:
            tally.tell(f"{batch[0].place} and behind it: {empty} without any content")
        held = await self._contents.held(account.id, [one.blob for one in read])
        fresh = {one.blob: one for one in read if one.blob not in held}
        tally.known += len(read) - len(fresh)
        new = list(fresh.values())
        described = await self._thread(lambda: [_describe(one.content) for one in new])
        for one, about in zip(new, described, strict=True):
            tally.damaged += about.damaged
            if about.damaged:
                tally.tell(f"{one.found.place}: {about.description.defects[0]}; imported as it is")
        if places.dry:
            tally.filed += len(new)
            return
        await _together([self._blobs.put(one.content) for one in new])
        filings = [
            await self._filing(account, one, about, places, target) for one, about in zip(new, described, strict=True)
        ]
        # All at once: the store commits together what waits together.
        for is_new in await _together([self._file(filing) for filing in filings]):
            tally.filed += is_new
            tally.known += not is_new

    async def _file(self, filing: Filing) -> bool:
        key = filing.delivery_key
        for n in count(2):
            filed = await self._messages.file(filing)
            # What the account deleted for ever is still there for a while, to be undone; now it is wanted again.
            if filed.new or filed.folder != DELETED:
                return filed.new
            filing = replace(filing, delivery_key=f"{key}:{n}")
        raise AssertionError("count ends never")

    async def _filing(self, account: Account, one: _Read, about: _Described, places: _Places, target: str) -> Filing:
        found = one.found
        where, labels, seen, flagged = _placed(found)
        own = any(box.address.lower() == account.address for box in about.description.author)
        now = self._clock()
        return Filing(
            account=account.id,
            folder=target or await places.folder(where),
            delivery_key=f"import:{one.blob}",
            blob=one.blob,
            size=len(one.content),
            received_at=min(now, found.at) if found.at else now,
            description=about.description,
            reverse_path=about.reverse_path,
            bcc=parse_mailboxes(about.bcc) if own else (),
            seen=seen,
            own=own,
            text=about.text,
            labels=await places.labels(labels),
            flagged=flagged,
        )


async def _together(calls: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Begin all, wait for all; the results, or the first error."""
    begun = [Deferred.fromCoroutine(call) for call in calls]
    try:
        results: list[T] = await gatherResults(begun, consumeErrors=True)
    except FirstError as error:
        error.subFailure.raiseException()
    return results


class _Places:
    """Folders and labels by name, made when they are first needed."""

    def __init__(self, folders: IFolderStore, account: str, tally: Tally, dry: bool) -> None:
        self._store = folders
        self._account = account
        self._tally = tally
        self.dry = dry
        self._folders: dict[str, str] = {}
        self._labels: dict[str, str] = {}

    async def folder(self, name: str) -> str:
        """The id of a folder; Archive when it cannot be made."""
        if name in FOLDERS or self.dry:
            return name
        name = _fitting(name)
        if name in FOLDERS:
            return name
        if name.casefold() not in self._folders:
            known = {each.name.casefold(): each.id for each in await self._store.folders(self._account)}
            if name.casefold() not in known:
                try:
                    known[name.casefold()] = (await self._store.create_folder(self._account, name)).id
                except Conflict as error:
                    self._tally.tell(f"folder {name}: {error}; its mail is in Archive")
                    known[name.casefold()] = ARCHIVE
            self._folders[name.casefold()] = known[name.casefold()]
        return self._folders[name.casefold()]

    async def labels(self, names: Sequence[str]) -> tuple[str, ...]:
        """The ids of labels; one that cannot be made is left out, and told."""
        found = []
        for name in map(_label, names):
            if name.casefold() not in self._labels:
                known = {each.name.casefold(): each.id for each in await self._store.labels(self._account)}
                if name.casefold() not in known:
                    try:
                        known[name.casefold()] = (await self._store.create_label(self._account, name, "grey")).id
                    except Conflict as error:
                        self._tally.tell(f"label {name}: {error}; its mail has not got it")
                        known[name.casefold()] = ""
                self._labels[name.casefold()] = known[name.casefold()]
            if self._labels[name.casefold()]:
                found.append(self._labels[name.casefold()])
        return tuple(sorted(set(found)))


def _take(source: Iterator[Found]) -> list[Found]:
    """The next messages, at least one, bounded in number and octets; none at the end."""
    batch: list[Found] = []
    octets = 0
    for found in source:
        batch.append(found)
        octets += len(found.content or b"")
        if len(batch) == BATCH or octets >= _BATCH_OCTETS:
            break
    return batch


def _hash(content: bytes) -> str:
    return sha256(content).hexdigest()


def _describe(content: bytes) -> _Described:
    headers = Headers.parse(content)
    path = (headers.unfolded("return-path") or ("",))[0].strip().strip("<>")[:320]
    bcc = (headers.unfolded("bcc") or ("",))[0]
    try:
        description = describe(content)
        text = searchable(content, description.structure)
    except Exception:
        # A fault of our parser must not keep the message from its reader: it is filed and shown raw.
        return _Described(opaque(content), "", path, bcc, damaged=True)
    return _Described(description, text, path, bcc, damaged=bool(description.defects))


def _placed(found: Found) -> tuple[str, Sequence[str], bool, bool]:
    """The folder, the names of the labels, seen and flagged. Mail of which nothing is said was read: it is old."""
    kept = found.kept
    seen = kept.seen is not False
    flagged = kept.flagged is True
    labels = kept.labels
    where = found.folder
    if labels and not kept.ours:
        words = {label.casefold() for label in labels}
        seen = kept.seen if kept.seen is not None else "unread" not in words
        flagged = flagged or "starred" in words
        places = [place for word, place in _GMAIL_PLACES.items() if word in words]
        where = places[0] if places else ARCHIVE
        labels = tuple(
            label
            for label in labels
            if (word := label.casefold()) not in _GMAIL_PLACES
            and word not in _GMAIL_MARKS
            and not word.startswith("category ")
        )
    if kept.removed:
        where = TRASH
    return where or INBOX, labels, seen or where == SENT, flagged


def _fitting(name: str) -> str:
    """A folder's name as near to that of the source as ours may be."""
    levels = [_clean(level) for level in name.split("/") if level.strip()] or [ARCHIVE]
    name = "/".join(
        [*levels[: LEVELS - 1], " ".join(levels[LEVELS - 1 :])[:NAME_LENGTH]] if levels[LEVELS:] else levels
    )
    try:
        return folder_name(name)
    except ValueError:
        # The first level is the name of a standard folder, or nothing is left of one.
        return standard_folder(name) or folder_name("Imported " + name if len(levels[0]) < NAME_LENGTH - 9 else "Mail")


def _clean(text: str) -> str:
    return "".join(c for c in text if c.isprintable())[:NAME_LENGTH].strip() or "-"


def _label(name: str) -> str:
    return label_name(_clean(name))
