"""IDraftStore: messages that are being written."""

from __future__ import annotations

from zope.interface import Interface

from mailsuite.interfaces.upkeep import Touched
from mailsuite.model.draft import Draft, KeptDraft
from mailsuite.model.message import Filed, Filing


class IDraftStore(Interface):
    """Every method raises StoreUnavailable when the store cannot serve now.

    Drafts are named by (account, key). The content of one is a message in Drafts: its id and conversation stay the
    same however often it is saved.
    """

    async def save(key: str, revision: int, draft: Draft, filing: Filing) -> Filed:
        """Keep ``filing`` as the draft's content and ``draft`` as what was typed; ``filing.folder`` is Drafts.

        The same revision with the same words again changes nothing. DraftConflict when the draft has this revision or
        a later one, was sent, or is no longer in Drafts.
        """

    async def find(account: str, key: str) -> KeptDraft | None:
        """The draft of this key, sent ones for a while too."""

    async def of_message(account: str, message: str) -> KeptDraft | None:
        """The draft that a message in Drafts holds; None when it is in another folder, or no draft of ours."""

    async def close(account: str, key: str, draft: Draft) -> Touched:
        """The draft was sent, with these words: remove its message, and let none come under this key again.

        Once: later calls change nothing. It need not have been saved before.
        """

    async def sweep(older_than: int) -> int:
        """Forget the keys of drafts whose message is gone and that were last touched before ``older_than`` (ms); how
        many.
        """
