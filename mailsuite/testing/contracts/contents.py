"""What every IMailContents does."""

from __future__ import annotations

from mailsuite.model.action import Action, Chosen, Verb
from mailsuite.testing.builders import filing
from mailsuite.testing.contracts.stores import StoreContract


class MailContentsContract(StoreContract):
    """Contents by account."""

    async def test_held(self) -> None:
        """Each account's own messages count, in whatever folder; others' and unknown ones do not."""
        await self.stores.messages.file(filing("k1", blob="b1"))
        await self.stores.messages.file(filing("k2", blob="b2", folder="trash"))
        await self.stores.messages.file(filing("k3", blob="b3", account="ann"))
        held = self.stores.contents.held
        self.assertEqual(await held("bob", ["b1", "b2", "b3", "b4"]), {"b1", "b2"})
        self.assertEqual(await held("ann", ["b1", "b3"]), {"b3"})
        self.assertEqual(await held("bob", []), frozenset())

    async def test_deleted(self) -> None:
        """What was deleted for ever is not held, although it can be brought back for a while."""
        filed = await self.stores.messages.file(filing("k1", blob="b1", folder="trash"))
        await self.stores.actions.act("bob", Action(Verb.DELETE), Chosen((filed.conversation,)))
        self.assertEqual(await self.stores.contents.held("bob", ["b1"]), frozenset())
