"""An account's folders and labels with what is in them, and changing them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mailsuite.interfaces.folders import IFolderStore
from mailsuite.interfaces.messages import IMessageStore
from mailsuite.mailbox.change import Changer
from mailsuite.model.action import Done
from mailsuite.model.folder import (
    COLOURS,
    FOLDERS,
    SNOOZED,
    STARRED,
    Folder,
    Label,
    folder_name,
    label_name,
    label_view,
)
from mailsuite.model.message import Counter

_NOTHING = Counter(0, 0)


@dataclass(frozen=True, slots=True)
class OwnFolder:
    """``leaf`` is the last part of the name, ``depth`` how many folders it is nested in."""

    id: str
    name: str
    leaf: str
    depth: int
    counter: Counter


@dataclass(frozen=True, slots=True)
class ShownLabel:
    """``view`` is the list of its conversations."""

    id: str
    name: str
    colour: str
    view: str
    counter: Counter


@dataclass(frozen=True, slots=True)
class Places:
    """All lists of a mailbox: standard folders and views by name, own folders and labels in the order of names."""

    standard: Mapping[str, Counter]
    folders: tuple[OwnFolder, ...]
    labels: tuple[ShownLabel, ...]

    def knows(self, place: str) -> bool:
        """Is there such a list?"""
        own = (folder.id for folder in self.folders)
        views = (label.view for label in self.labels)
        return place in self.standard or place in own or place in views


class Folders:
    """Raises StoreUnavailable, Conflict and NotThere as IFolderStore, ValueError for a name that is none."""

    def __init__(self, folders: IFolderStore, messages: IMessageStore, changer: Changer) -> None:
        self._folders = folders
        self._messages = messages
        self._changer = changer

    async def places(self, account_id: str) -> Places:
        """What the side bar shows."""
        counters = await self._messages.counters(account_id)
        return Places(
            {name: counters[name] for name in (*FOLDERS, STARRED, SNOOZED)},
            tuple(_own(folder, counters) for folder in await self._folders.folders(account_id)),
            tuple(_label(label, counters) for label in await self._folders.labels(account_id)),
        )

    async def create_folder(self, account_id: str, name: str) -> Folder:
        """A new folder under the name as it was typed."""
        return await self._folders.create_folder(account_id, folder_name(name))

    async def rename_folder(self, account_id: str, folder: str, name: str) -> None:
        """Another name for a folder and those below it."""
        await self._folders.rename_folder(account_id, folder, folder_name(name))

    async def delete_folder(self, account_id: str, folder: str) -> Done:
        """Remove it and those below; the mail goes to trash."""
        done = await self._folders.delete_folder(account_id, folder)
        await self._changer.tell(account_id, done)
        return done

    async def create_label(self, account_id: str, name: str, colour: str = COLOURS[0]) -> Label:
        """A new label under the name as it was typed."""
        return await self._folders.create_label(account_id, label_name(name), _colour(colour))

    async def change_label(self, account_id: str, label: str, name: str, colour: str) -> None:
        """Another name or colour."""
        await self._folders.change_label(account_id, Label(label, label_name(name), _colour(colour)))

    async def delete_label(self, account_id: str, label: str) -> Done:
        """Remove it, also from the mail."""
        done = await self._folders.delete_label(account_id, label)
        await self._changer.tell(account_id, done)
        return done


def _own(folder: Folder, counters: Mapping[str, Counter]) -> OwnFolder:
    _, _, leaf = folder.name.rpartition("/")
    return OwnFolder(folder.id, folder.name, leaf, folder.name.count("/"), counters.get(folder.id, _NOTHING))


def _label(label: Label, counters: Mapping[str, Counter]) -> ShownLabel:
    view = label_view(label.id)
    return ShownLabel(label.id, label.name, label.colour, view, counters.get(view, _NOTHING))


def _colour(text: str) -> str:
    if text not in COLOURS:
        raise ValueError(f"a label is {', '.join(COLOURS)}")
    return text
