"""TraceStoreContract: what every ITraceStore must do."""

from __future__ import annotations

from dataclasses import replace

from mailsuite.interfaces.trace import ITraceStore
from mailsuite.model.trace import Step, Trace
from mailsuite.testing.builders import NOW
from mailsuite.testing.contracts.stores import StoreContract

TRACE = Trace(
    began=NOW,
    service="mx",
    client="192.0.2.1",
    helo="out.remote.example",
    account="",
    sender="ann@remote.example",
    recipients=2,
    queue_id="",
    steps=(Step("connect", "accepted", 1), Step("spf", "pass ü", 20, 18)),
)


class TraceStoreContract(StoreContract):
    """Mix into a trial TestCase."""

    @property
    def traces(self) -> ITraceStore:
        return self.stores.traces

    async def test_recent(self) -> None:
        """What was added comes back whole, the newest session first, no more than asked for."""
        made = [replace(TRACE, began=NOW + n, sender=None if n == 1 else TRACE.sender) for n in range(4)]
        await self.traces.add([made[2], made[0]])
        await self.traces.add([made[3], made[1]])
        self.assertEqual(made[::-1], list(await self.traces.recent(10)))
        self.assertEqual([made[3], made[2]], list(await self.traces.recent(2)))

    async def test_of(self) -> None:
        """A message's traces are found by its queue id; those of nothing accepted are found by none."""
        accepted = replace(TRACE, queue_id="q1")
        sorted_ = replace(accepted, service="mda", began=NOW - 1)
        await self.traces.add([TRACE, accepted, replace(TRACE, queue_id="q2"), sorted_])
        self.assertEqual([accepted, sorted_], list(await self.traces.of("q1")))
        self.assertEqual([], list(await self.traces.of("q3")))
        self.assertEqual([], list(await self.traces.of("")))

    async def test_sweep(self) -> None:
        """What is too old goes, and then the oldest of what is too much."""
        await self.traces.add([replace(TRACE, began=NOW + n) for n in range(10)])
        self.assertEqual(3, await self.traces.sweep(NOW + 3, 100))
        self.assertEqual([NOW + n for n in range(9, 2, -1)], [t.began for t in await self.traces.recent(100)])
        self.assertEqual(2, await self.traces.sweep(NOW, 5))
        self.assertEqual([NOW + n for n in range(9, 4, -1)], [t.began for t in await self.traces.recent(100)])
        self.assertEqual(0, await self.traces.sweep(NOW, 5))
