"""Exporter: writes an account's mail to files that other programs, and the Importer, read."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Sequence
from enum import Enum
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from mailsuite.interfaces.blobs import IBlobStore
from mailsuite.interfaces.folders import IFolderStore
from mailsuite.interfaces.messages import IMessageStore
from mailsuite.interfaces.threads import InThread
from mailsuite.mime.kept import write_kept
from mailsuite.mime.mbox import write_entry
from mailsuite.model.errors import NotThere
from mailsuite.model.folder import FOLDERS, INBOX, SNOOZED
from mailsuite.model.message import Cursor, Message

_PAGE = 200
_NAME_OCTETS = 200


class Format(Enum):
    """``mbox``: a file for each folder; ``maildir``: a Maildir for each; ``eml``: a file for each message."""

    MBOX = "mbox"
    MAILDIR = "maildir"
    EML = "eml"


class Written(NamedTuple):
    """Messages that were written, and those whose content the store has lost, by id."""

    messages: int
    lost: Sequence[str]


class Exporter:
    """Raises StoreUnavailable, OSError."""

    def __init__(self, blobs: IBlobStore, messages: IMessageStore, folders: IFolderStore, thread: InThread) -> None:
        self._blobs = blobs
        self._messages = messages
        self._folders = folders
        self._thread = thread

    async def run(self, account: str, directory: Path, form: Format, progress: Callable[[int], None]) -> Written:
        """Write all mail of the account, also what is in trash and spam, below ``directory``.

        The directory is made; ValueError when something is in it. ``progress`` gets the messages written so far.
        """
        await self._thread(lambda: _prepare(directory))
        names = {folder.id: folder.name for folder in await self._folders.folders(account)}
        labels = {label.id: label.name for label in await self._folders.labels(account)}
        count, lost = 0, []
        async for message in self._all(account, [*FOLDERS, SNOOZED, *names]):
            try:
                content = await self._blobs.read(message.blob)
            except NotThere:
                lost.append(message.id)
                continue
            folder = _path(_folder(message), names)
            words = [labels[label] for label in message.labels if label in labels]
            await self._thread(lambda m=message, f=folder, w=words, c=content: _WRITERS[form](directory / f, m, w, c))  # type: ignore[misc]
            count += 1
            progress(count)
        return Written(count, lost)

    async def _all(self, account: str, folders: Sequence[str]) -> AsyncIterator[Message]:
        """Every message once, also one that is moved meanwhile."""
        given: set[str] = set()
        since = await self._messages.seq(account)
        for folder in folders:
            before: Cursor | None = None
            while page := await self._messages.page(account, folder, before, _PAGE):
                before = Cursor(page[-1].last_at, page[-1].id)
                for row in page:
                    async for message in self._of(account, row.id, given):
                        yield message
        # What changed meanwhile may have gone to a list, or a place in it, that was already behind us.
        for folder in folders:
            seq = since
            while True:
                changes = await self._messages.newer(account, folder, seq, _PAGE)
                for row in changes.rows:
                    async for message in self._of(account, row.id, given):
                        yield message
                if len(changes.rows) + len(changes.gone) < _PAGE:
                    break
                seq = changes.seq

    async def _of(self, account: str, conversation: str, given: set[str]) -> AsyncIterator[Message]:
        """Those of a conversation, in whatever folders, that were not given yet."""
        for message in await self._messages.messages(account, conversation):
            if message.id not in given:
                given.add(message.id)
                yield message


def _folder(message: Message) -> str:
    """Where it is; what sleeps is where it will wake."""
    return (message.origin or INBOX) if message.folder == SNOOZED else message.folder


def _prepare(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise ValueError(f"{directory} is not empty: nothing is written over")


def _path(folder: str, names: dict[str, str]) -> Path:
    """The folder as a relative path; a folder that was made meanwhile has its id for a name."""
    if folder in FOLDERS:
        return Path(folder.capitalize())
    return Path(*map(escaped, names.get(folder, folder).split("/")))


def escaped(level: str) -> str:
    """A level of a folder's name as the name of a file: sources.unescaped reads it back unless it was too long."""
    name = level.replace("%", "%25")
    if name.startswith(".") or name in ("cur", "new", "tmp"):
        name = f"%{ord(name[0]):02X}{name[1:]}"
    if name.endswith((".mbox", ".sbd", ".eml")):
        name = "%2E".join(name.rsplit(".", 1))
    octets = name.encode()
    if len(octets) <= _NAME_OCTETS:
        return name
    return octets[: _NAME_OCTETS - 10].decode(errors="ignore") + "~" + sha256(octets).hexdigest()[:8]


def _lf(content: bytes) -> bytes:
    """The line ends of Unix, where the way back is sure."""
    short = content.replace(b"\r\n", b"\n")
    return short if b"\r\n" not in short and short.replace(b"\n", b"\r\n") == content else content


def _write_mbox(folder: Path, message: Message, labels: Sequence[str], content: bytes) -> None:
    path = folder.with_name(folder.name + ".mbox")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    whole = _lf(write_kept(message.seen, message.flagged, labels) + content)
    with open(path, "ab", opener=_private) as file:
        file.write(write_entry(whole, message.reverse_path, message.received_at))


def _write_maildir(folder: Path, message: Message, labels: Sequence[str], content: bytes) -> None:
    for part in ("cur", "new", "tmp"):
        (folder / part).mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = "F" * message.flagged + "S" * message.seen
    name = f"{message.received_at // 1000}.{message.id}.mailsuite"
    whole = _lf((write_kept(message.seen, message.flagged, labels) if labels else b"") + content)
    _write(folder / "cur" / f"{name}:2,{flags}", whole, message)


def _write_eml(folder: Path, message: Message, labels: Sequence[str], content: bytes) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    plain = message.seen and not message.flagged and not labels
    whole = content if plain else write_kept(message.seen, message.flagged, labels) + content
    _write(folder / f"{message.id}.eml", whole, message)


_WRITERS = {Format.MBOX: _write_mbox, Format.MAILDIR: _write_maildir, Format.EML: _write_eml}


def _write(path: Path, content: bytes, message: Message) -> None:
    with open(path, "wb", opener=_private) as file:
        file.write(content)
    os.utime(path, (message.received_at // 1000, message.received_at // 1000))


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
