"""mailsuite-out: transfer mail to other hosts."""

from __future__ import annotations

import random

from twisted.application.service import IService

from mailsuite.daemons.launch import Options, make_service
from mailsuite.daemons.services import Part
from mailsuite.daemons.wiring import Wiring
from mailsuite.model.job import Lane
from mailsuite.mta.relay import Relay
from mailsuite.mta.route import Router
from mailsuite.net.smtp_client import TransferClient
from mailsuite.runtime.daemon import Stage

__all__ = ["Options", "add", "makeService"]


def add(wiring: Wiring) -> None:
    """Work on the remote lane."""
    settings = wiring.settings
    router = Router(
        wiring.resolver,
        settings.route,
        [settings.server.hostname],
        settings.dns.addresses,
        random.SystemRandom().shuffle,
    )
    client = TransferClient(wiring.reactor, settings.server.hostname)
    wiring.daemon.add(Part(lambda: None, client.close), Stage.BASE)
    relay = Relay(router, client)
    wiring.work(wiring.worker(Lane.REMOTE, relay.attempt), Lane.REMOTE)


def makeService(options: Options) -> IService:
    """For twistd."""
    return make_service(options, "out", add)
