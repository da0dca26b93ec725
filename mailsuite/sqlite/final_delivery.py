"""FinalDelivery: IFinalDelivery in the database file, where the queue and the mailboxes are in one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from sqlite3 import Connection

from zope.interface import implementer

from mailsuite.interfaces.final_delivery import Ending, IFinalDelivery
from mailsuite.model.ids import ordered_id
from mailsuite.model.message import Filed
from mailsuite.sqlite.jobrows import RESULT, result_values
from mailsuite.sqlite.messages import file_into
from mailsuite.sqlite.store import Store

Ids = tuple[str, str]


@implementer(IFinalDelivery)
class FinalDelivery:
    """See IFinalDelivery: all endings are one transaction. ``random`` gives n random bytes (os.urandom)."""

    def __init__(self, store: Store, random: Callable[[int], bytes]) -> None:
        self._store = store
        self._random = random

    async def deliver(self, endings: Sequence[Ending]) -> Sequence[Sequence[Filed] | None]:
        """See IFinalDelivery."""
        now, random = self._store.clock(), self._random
        ids = [[(ordered_id(now, random), ordered_id(now, random)) for _ in ending.filings] for ending in endings]

        def work(c: Connection) -> list[Sequence[Filed] | None]:
            return [_deliver(c, ending, own, now) for ending, own in zip(endings, ids, strict=True)]

        return await self._store.write(work, durable=False)


def _deliver(c: Connection, ending: Ending, ids: Sequence[Ids], now: int) -> Sequence[Filed] | None:
    job = ending.job
    closed = c.execute(
        f"UPDATE job SET {RESULT} WHERE id = ? AND epoch = ? AND state = 'pending' AND worker IS NULL",  # noqa: S608
        (*result_values(ending.update), job.id, job.epoch),
    )
    if closed.rowcount != 1:
        return None
    return [file_into(c, filing, *own, now) for filing, own in zip(ending.filings, ids, strict=True)]
