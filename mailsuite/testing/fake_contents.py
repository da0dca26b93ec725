"""FakeMailContents: IMailContents in memory."""

from __future__ import annotations

from collections.abc import Collection

from zope.interface import implementer

from mailsuite.interfaces.contents import IMailContents
from mailsuite.model.folder import DELETED
from mailsuite.testing.fake_messages import FakeMessageStore


@implementer(IMailContents)
class FakeMailContents:
    """See IMailContents."""

    def __init__(self, messages: FakeMessageStore) -> None:
        self._messages = messages

    async def held(self, account: str, blobs: Collection[str]) -> frozenset[str]:
        """See IMailContents."""
        self._messages.check()
        own = {m.blob for m in self._messages.all.values() if m.account == account and m.folder != DELETED}
        return frozenset(own.intersection(blobs))
