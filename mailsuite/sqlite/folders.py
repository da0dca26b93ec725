"""FolderStore: IFolderStore in the database file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from sqlite3 import Connection

from zope.interface import implementer

from mailsuite.interfaces.folders import IFolderStore
from mailsuite.model.action import Action, AllIn, Done, Verb, together
from mailsuite.model.errors import Conflict, NotThere
from mailsuite.model.folder import LEVELS, MOST, SPAM, TRASH, Folder, Label, is_below, label_view, spelled
from mailsuite.sqlite import conversations as derived
from mailsuite.sqlite.actions import MailActions
from mailsuite.sqlite.store import Store
from mailsuite.sqlite.undoing import Record, keep

_TO_TRASH = Action(Verb.MOVE, TRASH)


@implementer(IFolderStore)
class FolderStore:
    """IFolderStore; ``random`` gives n random bytes (os.urandom)."""

    def __init__(self, store: Store, random: Callable[[int], bytes]) -> None:
        self._store = store
        self._actions = MailActions(store, random)

    async def folders(self, account: str) -> Sequence[Folder]:
        """See IFolderStore."""
        return await self._store.read(partial(_folders, account=account))

    async def create_folder(self, account: str, name: str) -> Folder:
        """See IFolderStore."""
        return await self._store.write(partial(_create_folder, account=account, name=name))

    async def rename_folder(self, account: str, folder: str, name: str) -> None:
        """See IFolderStore."""
        await self._store.write(partial(_rename_folder, account=account, folder=folder, name=name))

    async def delete_folder(self, account: str, folder: str) -> Done:
        """See IFolderStore."""
        token = self._actions.token()
        now = self._store.clock()
        dones: list[Done] = []
        # Mail and folders may come into it meanwhile, so it is emptied until it is empty when it goes.
        while not await self._store.write(
            partial(_remove_folder, account=account, folder=folder, token=token, now=now, begun=bool(dones))
        ):
            for each in await self._store.read(partial(_with_nested, account=account, folder=folder)):
                dones.append(await self._actions.run(account, _TO_TRASH, AllIn(each.id), token))
        if not dones:
            return Done(await self._store.read(lambda c: derived.last_seq(c, account)), undo=token)
        return together(dones, token)

    async def labels(self, account: str) -> Sequence[Label]:
        """See IFolderStore."""
        return await self._store.read(partial(_labels, account=account))

    async def create_label(self, account: str, name: str, colour: str) -> Label:
        """See IFolderStore."""
        return await self._store.write(partial(_create_label, account=account, name=name, colour=colour))

    async def change_label(self, account: str, label: Label) -> None:
        """See IFolderStore."""
        await self._store.write(partial(_change_label, account=account, label=label))

    async def delete_label(self, account: str, label: str) -> Done:
        """See IFolderStore."""
        token = self._actions.token()
        now = self._store.clock()
        # First the label, so that nobody can set it any more. The view leaves out what is thrown away.
        await self._store.write(partial(_remove_label, account=account, label=label, token=token, now=now))
        action = Action(Verb.UNLABEL, label)
        places = (label_view(label), TRASH, SPAM)
        dones = [await self._actions.run(account, action, AllIn(place), token) for place in places]
        return together(dones, token)


def _folders(c: Connection, account: str) -> list[Folder]:
    rows = c.execute("SELECT id, name FROM own_folder WHERE account = ? ORDER BY folded", (account,))
    return [Folder(*row) for row in rows]


def _labels(c: Connection, account: str) -> list[Label]:
    rows = c.execute("SELECT id, name, colour FROM label WHERE account = ? ORDER BY folded", (account,))
    return [Label(*row) for row in rows]


def _next_id(c: Connection, account: str) -> int:
    number: int = c.execute(
        "INSERT INTO change_seq (account, seq, next_id) VALUES (?, 0, 2)"
        " ON CONFLICT (account) DO UPDATE SET next_id = next_id + 1 RETURNING next_id - 1",
        (account,),
    ).fetchone()[0]
    return number


def _create_folder(c: Connection, account: str, name: str) -> Folder:
    own = {folder.name.casefold(): folder for folder in _folders(c, account)}
    if name.casefold() in own:
        raise Conflict(f"there is a folder {name} already")
    above, _, leaf = name.rpartition("/")
    path = leaf
    if above:
        # A parent keeps the name that it has, whatever case was typed.
        parent = own.get(above.casefold()) or _create_folder(c, account, above)
        path = f"{parent.name}/{leaf}"
    if c.execute("SELECT COUNT(*) FROM own_folder WHERE account = ?", (account,)).fetchone()[0] >= MOST:
        raise Conflict(f"a mailbox has at most {MOST} folders of its own")
    folder = Folder(f"f{_next_id(c, account)}", path)
    c.execute(
        "INSERT INTO own_folder (account, id, name, folded) VALUES (?, ?, ?, ?)",
        (account, folder.id, path, path.casefold()),
    )
    return folder


def _rename_folder(c: Connection, account: str, folder: str, name: str) -> None:
    own = _folders(c, account)
    old = next((each for each in own if each.id == folder), None)
    if old is None:
        raise NotThere(f"there is no folder {folder!r}")
    if is_below(name.casefold(), old.name.casefold()):
        raise Conflict("a folder cannot lie within itself")
    moved = [each for each in own if each is old or is_below(each.name, old.name)]
    others = {each.name.casefold() for each in own if each not in moved}
    name = spelled(name, (each for each in own if each not in moved))
    renamed = [Folder(each.id, name + each.name.removeprefix(old.name)) for each in moved]
    for each in renamed:
        if each.name.count("/") >= LEVELS:
            raise Conflict(f"folders can be nested {LEVELS} levels deep")
        if each.name.casefold() in others:
            raise Conflict(f"there is a folder {each.name} already")
    # Out of the way first: one may take the name that another of them leaves.
    for each in renamed:
        c.execute("DELETE FROM own_folder WHERE account = ? AND id = ?", (account, each.id))
    for each in renamed:
        c.execute(
            "INSERT INTO own_folder (account, id, name, folded) VALUES (?, ?, ?, ?)",
            (account, each.id, each.name, each.name.casefold()),
        )
    parent = name.rpartition("/")[0]
    if parent and parent.casefold() not in {each.name.casefold() for each in _folders(c, account)}:
        _create_folder(c, account, parent)


def _with_nested(c: Connection, account: str, folder: str) -> list[Folder]:
    """A folder and those nested in it, none when it is not there."""
    own = _folders(c, account)
    top = next((each for each in own if each.id == folder), None)
    return [each for each in own if top and (each is top or is_below(each.name, top.name))]


def _remove_folder(c: Connection, account: str, folder: str, token: str, now: int, begun: bool) -> bool:
    """Remove a folder and those nested in it when all are empty. NotThere, unless the work was ``begun`` before."""
    gone = _with_nested(c, account, folder)
    if not gone and not begun:
        raise NotThere(f"there is no folder {folder!r}")
    for each in gone:
        select = "SELECT 1 FROM message WHERE account = ? AND folder = ? LIMIT 1"
        if c.execute(select, (account, each.id)).fetchone() is not None:
            return False
    for each in gone:
        c.execute("DELETE FROM own_folder WHERE account = ? AND id = ?", (account, each.id))
    if gone:
        keep(c, account, token, now, Record(_TO_TRASH, folders=tuple(gone)))
    return True


def _create_label(c: Connection, account: str, name: str, colour: str) -> Label:
    labels = _labels(c, account)
    if any(label.name.casefold() == name.casefold() for label in labels):
        raise Conflict(f"there is a label {name} already")
    if len(labels) == MOST:
        raise Conflict(f"a mailbox has at most {MOST} labels")
    label = Label(str(_next_id(c, account)), name, colour)
    c.execute(
        "INSERT INTO label (account, id, name, folded, colour) VALUES (?, ?, ?, ?, ?)",
        (account, label.id, name, name.casefold(), colour),
    )
    return label


def _change_label(c: Connection, account: str, label: Label) -> None:
    taken = c.execute(
        "SELECT 1 FROM label WHERE account = ? AND folded = ? AND id <> ?", (account, label.name.casefold(), label.id)
    ).fetchone()
    if taken is not None:
        raise Conflict(f"there is a label {label.name} already")
    changed = c.execute(
        "UPDATE label SET name = ?, folded = ?, colour = ? WHERE account = ? AND id = ?",
        (label.name, label.name.casefold(), label.colour, account, label.id),
    ).rowcount
    if not changed:
        raise NotThere(f"there is no label {label.id!r}")


def _remove_label(c: Connection, account: str, label: str, token: str, now: int) -> None:
    row = c.execute(
        "DELETE FROM label WHERE account = ? AND id = ? RETURNING id, name, colour", (account, label)
    ).fetchone()
    if row is None:
        raise NotThere(f"there is no label {label!r}")
    keep(c, account, token, now, Record(Action(Verb.UNLABEL, label), labels=(Label(*row),)))
