"""FakeSuppressionList: ISuppressionList in memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from zope.interface import implementer

from mailsuite.interfaces.suppressions import ISuppressionList
from mailsuite.model.suppression import Suppression


@implementer(ISuppressionList)
class FakeSuppressionList:
    """See ISuppressionList."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._entries: dict[tuple[str, str], Suppression] = {}

    async def record(self, suppression: Suppression) -> bool:
        self._check()
        key = (suppression.account, suppression.address)
        return self._entries.setdefault(key, suppression) is suppression

    async def find(self, account: str, addresses: Collection[str]) -> Mapping[str, Suppression]:
        self._check()
        return {address: e for address in addresses if (e := self._entries.get((account, address)))}

    async def list(self, account: str | None, after: tuple[str, str], limit: int) -> Sequence[Suppression]:
        self._check()
        keys = sorted(key for key in self._entries if key > after and account in (None, key[0]))
        return [self._entries[key] for key in keys[:limit]]

    async def lift(self, account: str, address: str) -> bool:
        self._check()
        return self._entries.pop((account, address), None) is not None
