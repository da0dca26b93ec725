"""IMailActions: what a person does to mail, and taking it back."""

from __future__ import annotations

from zope.interface import Interface

from mailsuite.model.action import Action, Done, Selection


class IMailActions(Interface):
    """Every method raises StoreUnavailable when the store cannot serve now."""

    async def act(account: str, action: Action, selection: Selection) -> Done:
        """Do it to all that is selected; ids that are not the account's change nothing.

        A large selection is worked off in steps, each whole: others are served in between, and whoever is killed
        leaves some conversations changed and the others not. NotThere when the target is no folder or label of the
        account.
        """

    async def undo(account: str, token: str) -> Done:
        """Take an action back: every message that it changed, and that is still there, gets back what it changed of
        it; a deleted folder or label is there again, under model.folder.free_name. Once; within UNDO_FOR. NotThere
        afterwards.
        """
