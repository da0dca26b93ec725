"""mailsuite-tend: collect what is no longer needed, and keep the private Redis when none is configured."""

from __future__ import annotations

from twisted.application.service import IService

from mailsuite.daemons.launch import Options, make_service
from mailsuite.daemons.services import Every, Loop
from mailsuite.daemons.wiring import Wiring
from mailsuite.mailbox.upkeep import Upkeep
from mailsuite.runtime.daemon import Stage

__all__ = ["Options", "add", "makeService"]

_HOUR = 3_600_000
KEEP_CLOSED = 24 * _HOUR
"""How long (ms) a message that is delivered stays in the queue's books."""
KEEP_TRACES = 7 * 24 * _HOUR
MOST_TRACES = 500_000
_BATCH = 1000


def add(wiring: Wiring) -> None:
    """Every ten minutes: old queue entries and traces, expired sessions, keys of sent drafts, contents that nothing
    refers to, mail that has lain in trash and spam for 30 days, texts for the search. Every 20 s: what wakes. Every
    second: the search's index.
    """
    # Touched first, so that Redis runs before anything connects to it.
    _ = wiring.private_redis
    web = wiring.settings.web
    search = wiring.search
    upkeep = Upkeep(wiring.mailbox_upkeep, search, wiring.blobs, wiring.events, wiring.cpu.run, wiring.clock)

    async def tidy() -> None:
        now = wiring.clock()
        while await wiring.jobs.forget(now - KEEP_CLOSED, _BATCH) == _BATCH:
            pass
        await wiring.directory.expire_sessions(now - web.session_idle, now - web.session_max)
        await wiring.drafts.sweep(now - KEEP_CLOSED)
        await wiring.blobs.sweep(now - KEEP_CLOSED)
        await wiring.traces.sweep(now - KEEP_TRACES, MOST_TRACES)

    async def tidy_mail() -> None:
        await upkeep.give_texts()
        await upkeep.tidy()

    wiring.daemon.add(Loop(Every(wiring.reactor, 600, tidy, "tidying up")), Stage.WORK)
    wiring.daemon.add(Loop(Every(wiring.reactor, 600, tidy_mail, "tidying up mailboxes")), Stage.WORK)
    wiring.daemon.add(Loop(Every(wiring.reactor, 1, search.keep_up, "indexing mail for the search")), Stage.WORK)
    wiring.daemon.add(Loop(Every(wiring.reactor, 20, upkeep.wake, "waking snoozed mail")), Stage.WORK)


def makeService(options: Options) -> IService:
    """For twistd."""
    return make_service(options, "tend", add)
