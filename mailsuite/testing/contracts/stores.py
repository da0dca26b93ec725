"""StoreContract: what the contract suites of a store's seams have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import Deferred, gatherResults

from mailsuite.interfaces.actions import IMailActions
from mailsuite.interfaces.blobs import IBlobStore
from mailsuite.interfaces.contents import IMailContents
from mailsuite.interfaces.directory import IAccountDirectory
from mailsuite.interfaces.drafts import IDraftStore
from mailsuite.interfaces.folders import IFolderStore
from mailsuite.interfaces.job_control import IJobControl
from mailsuite.interfaces.jobs import IJobStore
from mailsuite.interfaces.messages import IMessageStore
from mailsuite.interfaces.rules import IRuleStore
from mailsuite.interfaces.search import IMailSearch
from mailsuite.interfaces.sts_cache import IStsCache
from mailsuite.interfaces.suppressions import ISuppressionList
from mailsuite.interfaces.trace import ITraceStore
from mailsuite.interfaces.upkeep import IMailboxUpkeep
from mailsuite.interfaces.zones import IZoneSource
from mailsuite.runtime.clock import Clock
from mailsuite.testing.builders import NOW

if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase as _Case
else:
    _Case = object

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stores:
    """An empty store; ``spoil`` damages the row of a job so that it can no longer be decoded."""

    blobs: IBlobStore
    jobs: IJobStore
    messages: IMessageStore
    directory: IAccountDirectory
    zones: IZoneSource
    traces: ITraceStore
    control: IJobControl
    suppressions: ISuppressionList
    actions: IMailActions
    folders: IFolderStore
    search: IMailSearch
    upkeep: IMailboxUpkeep
    sts: IStsCache
    rules: IRuleStore
    drafts: IDraftStore
    contents: IMailContents
    spoil: Callable[[str], Awaitable[None]]


class StoreContract(_Case):
    """Mix into a trial TestCase. ``make_stores`` gives an empty store that lives on ``clock``; ``now`` turns it."""

    now: int
    stores: Stores

    async def make_stores(self, clock: Clock) -> Stores:
        raise NotImplementedError

    async def setUp(self) -> None:  # type: ignore[override]
        self.now = NOW
        self.stores = await self.make_stores(lambda: self.now)

    async def together(self, calls: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
        """Begin all calls before the first one ends; their results in order."""
        results: list[T] = await gatherResults([Deferred.fromCoroutine(call) for call in calls], consumeErrors=True)
        return results

    async def raises(self, kind: type[BaseException], call: Coroutine[Any, Any, object]) -> None:
        """The call fails with an error of this kind."""
        await self.assertFailure(Deferred.fromCoroutine(call), kind)
