"""A deliverer over the fake store."""

from __future__ import annotations

from collections.abc import Callable

from zope.interface import implementer

from mailsuite.interfaces.events import IEventBus
from mailsuite.interfaces.queue import ISubmissionQueue, Submission
from mailsuite.interfaces.threads import InThread
from mailsuite.mda.accounts import Accounts
from mailsuite.mda.deliver import Deliverer
from mailsuite.mda.forward import Forwarder
from mailsuite.mda.sorting import Sorter
from mailsuite.mda.vacation import Responder
from mailsuite.model.job import QueuedMessage
from mailsuite.testing.fake_store import FakeStore
from mailsuite.testing.fake_traces import FakeTrace


def deliverer_over(
    store: FakeStore,
    accounts: Accounts,
    queue: ISubmissionQueue,
    forwarder: Forwarder,
    events: IEventBus,
    thread: InThread,
    hostname: str,
    clock: Callable[[], int],
    trace: FakeTrace | None = None,
) -> Deliverer:
    """As the wiring makes it."""
    responder = Responder(store.rules, queue, accounts, hostname, clock)
    sorter = Sorter(store.rules, forwarder, responder, thread, trace or FakeTrace())
    return Deliverer(accounts, store.messages, events, thread, forwarder, sorter, hostname)


@implementer(ISubmissionQueue)
class UnusedQueue:
    """Nothing may come to this door."""

    async def accept(self, submission: Submission) -> QueuedMessage:
        raise AssertionError(submission)
