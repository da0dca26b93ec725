"""IFolderStore: an account's own folders and its labels."""

from __future__ import annotations

from collections.abc import Sequence

from zope.interface import Interface

from mailsuite.model.action import Done
from mailsuite.model.folder import Folder, Label


class IFolderStore(Interface):
    """Names are made by model.folder. Every method raises StoreUnavailable when the store cannot serve now."""

    async def folders(account: str) -> Sequence[Folder]:
        """Own folders, by name without regard to case."""

    async def create_folder(account: str, name: str) -> Folder:
        """A new folder; those that it is nested in are made too. Conflict when there is one or there are MOST."""

    async def rename_folder(account: str, folder: str, name: str) -> None:
        """Another name for a folder; what is nested in it goes along. NotThere; Conflict when the name is taken or lies
        within the folder itself.
        """

    async def delete_folder(account: str, folder: str) -> Done:
        """Remove a folder and those nested in it; their messages go to trash. Can be undone. NotThere."""

    async def labels(account: str) -> Sequence[Label]:
        """Labels, by name without regard to case."""

    async def create_label(account: str, name: str, colour: str) -> Label:
        """A new label. Conflict when there is one of this name or there are MOST."""

    async def change_label(account: str, label: Label) -> None:
        """Another name or colour for the label of this id. NotThere, Conflict."""

    async def delete_label(account: str, label: str) -> Done:
        """Remove a label, from its messages too. Can be undone. NotThere."""
