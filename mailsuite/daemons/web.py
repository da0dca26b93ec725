"""mailsuite-web: the webmail."""

from __future__ import annotations

from twisted.application.service import IService

from mailsuite.daemons.launch import Options, make_service
from mailsuite.daemons.wiring import Wiring
from mailsuite.login.sessions import Sessions
from mailsuite.mailbox.browse import Browser
from mailsuite.mailbox.change import Changer
from mailsuite.msa.identity import Identities
from mailsuite.msa.submit import Submitter
from mailsuite.runtime.daemon import Stage
from mailsuite.runtime.listener import Listener
from mailsuite.runtime.sockets import stream_endpoints
from mailsuite.runtime.webroot import webroot
from mailsuite.web.app import WebApp
from mailsuite.web.sts import PolicyPage

__all__ = ["Options", "add", "makeService"]


def add(wiring: Wiring) -> None:
    """Listen on ``web.listen``."""
    settings = wiring.settings
    web = settings.web
    wiring.eager()
    app = WebApp(
        sessions=Sessions(wiring.directory, wiring.clock, wiring.random, web.session_idle, web.session_max),
        checker=wiring.checker,
        browser=Browser(wiring.messages, wiring.blobs, wiring.cpu.run),
        changer=Changer(wiring.actions, wiring.events),
        submitter=Submitter(
            wiring.queue,
            wiring.allowance,
            wiring.messages,
            Identities(wiring.directory, settings.mda.subaddress),
            wiring.clock,
            wiring.random,
            settings.server.hostname,
        ),
        events=wiring.events,
        assets=webroot(),
        public_url=web.public_url,
        brand=web.title,
        clock=wiring.clock,
        random=wiring.random,
        health=wiring.health,
        metrics=wiring.figures,
        policies=PolicyPage(
            wiring.accounts.hosts,
            settings.server.hostname,
            "" if settings.dns.mta_sts == "off" else settings.dns.mta_sts,
        ),
        proxies=web.proxies,
    )
    site = app.site(wiring.reactor)
    wiring.daemon.add(Listener(stream_endpoints(wiring.reactor, web.listen), site), Stage.DOOR)


def makeService(options: Options) -> IService:
    """For twistd."""
    return make_service(options, "web", add)
