"""What a person does to mail: read, star, label, move, put to sleep, delete; taking it back; and who hears of it."""

from __future__ import annotations

from collections.abc import Sequence

from mailsuite.interfaces.actions import IMailActions
from mailsuite.interfaces.events import IEventBus
from mailsuite.model.action import Action, Chosen, Done, Selection, Verb
from mailsuite.model.event import Changed
from mailsuite.model.folder import ARCHIVE, INBOX, SPAM, TRASH, is_place

_NAMED = {
    "read": Action(Verb.READ),
    "unread": Action(Verb.UNREAD),
    "star": Action(Verb.STAR),
    "unstar": Action(Verb.UNSTAR),
    "archive": Action(Verb.MOVE, ARCHIVE),
    "trash": Action(Verb.MOVE, TRASH),
    "inbox": Action(Verb.MOVE, INBOX),
    "spam": Action(Verb.MOVE, SPAM),
    "restore": Action(Verb.RESTORE),
    "delete": Action(Verb.DELETE),
}
_WITH_TARGET = {"move": Verb.MOVE, "label": Verb.LABEL, "unlabel": Verb.UNLABEL}

ACTIONS = (*_NAMED, *_WITH_TARGET, "snooze")


def action_named(name: str, target: str = "", until: int = 0) -> Action:
    """What a page calls an action: ``target`` is the folder of "move", the label of "label" and "unlabel", ``until``
    (ms) belongs to "snooze". Raises ValueError.
    """
    if name in _NAMED:
        return _NAMED[name]
    if name in _WITH_TARGET and target:
        return Action(_WITH_TARGET[name], target)
    if name == "snooze" and until > 0:
        return Action(Verb.SNOOZE, until=until)
    raise ValueError(f"{name!r} is nothing that can be done to a conversation")


class Changer:
    """Does it and publishes Changed for each list that shows it.

    Raises StoreUnavailable, and NotThere for a folder or label that is none, or what can no longer be undone.
    """

    def __init__(self, actions: IMailActions, events: IEventBus) -> None:
        self._actions = actions
        self._events = events

    async def act(self, account_id: str, action: str, conversations: Sequence[str], folder: str) -> Done:
        """Do what ``action`` names, without a target, to conversations as they stand in the list ``folder``.

        Raises ValueError for an unknown name or what is no list. Ids that are not the account's change nothing.
        """
        if not is_place(folder):
            raise ValueError(f"there is no folder {folder!r}")
        return await self.do(account_id, action_named(action), Chosen(tuple(conversations), place=folder))

    async def do(self, account_id: str, action: Action, selection: Selection) -> Done:
        """Do it to whatever is selected. ``undo`` takes the token of what was done."""
        done = await self._actions.act(account_id, action, selection)
        await self.tell(account_id, done)
        return done

    async def undo(self, account_id: str, token: str) -> Done:
        """Take it back."""
        done = await self._actions.undo(account_id, token)
        await self.tell(account_id, done)
        return done

    async def tell(self, account_id: str, done: Done) -> None:
        """Publish what was done."""
        for place in sorted(done.places):
            await self._events.publish(Changed(account_id, place, done.seq))
