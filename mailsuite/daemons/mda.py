"""mailsuite-mda: file mail into mailboxes."""

from __future__ import annotations

from twisted.application.service import IService

from mailsuite.daemons.launch import Options, make_service
from mailsuite.daemons.wiring import Wiring
from mailsuite.model.job import Lane

__all__ = ["Options", "add", "makeService"]


def add(wiring: Wiring) -> None:
    """Work on the local lane; what this very process accepts is filed without taking turns."""
    wiring.work(wiring.local_worker, Lane.LOCAL)
    wiring.file_directly()


def makeService(options: Options) -> IService:
    """For twistd."""
    return make_service(options, "mda", add)
