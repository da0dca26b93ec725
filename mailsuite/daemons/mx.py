"""mailsuite-mx: hear mail from other hosts (SMTP, port 25)."""

from __future__ import annotations

from twisted.application.service import IService

from mailsuite.daemons.launch import Options, make_service
from mailsuite.daemons.wiring import Wiring
from mailsuite.mta.authenticity import AuthenticityCheck, StripResultsCheck
from mailsuite.mta.checks import Checks, HeloCheck, OwnDomainCheck, ReverseNameCheck, SenderDomainCheck
from mailsuite.mta.greylist import GreylistCheck
from mailsuite.mta.limits import GuessingCheck, RateCheck
from mailsuite.mta.loops import ForwardLoopCheck
from mailsuite.mta.receive import Reception
from mailsuite.net.port_probe import ProbeFactory
from mailsuite.net.smtp_server import ServerConfig, SmtpFactory
from mailsuite.runtime.daemon import Stage
from mailsuite.runtime.listener import Listener
from mailsuite.runtime.sockets import stream_endpoints
from mailsuite.smtp.limits import Limits

__all__ = ["Options", "add", "makeService"]


def add(wiring: Wiring) -> None:
    """Listen on ``mx.listen``."""
    settings = wiring.settings
    reception = Reception(
        wiring.queue,
        wiring.accounts.hosts,
        wiring.accounts.answer,
        settings.server.hostname,
        wiring.clock,
        wiring.random,
        policy(wiring),
    )
    config = ServerConfig(
        hostname=settings.server.hostname,
        service="mx",
        limits=Limits(size=settings.mx.max_size, recipients=settings.mx.max_recipients),
        normalise_newlines=settings.mx.bare_newline == "normalise",
        connections=settings.mx.max_sessions,
        connections_per_network=settings.mx.max_sessions_per_network,
    )
    factory = SmtpFactory(wiring.reactor, reception, config, wiring.certificate, trace=wiring.trace)
    wiring.daemon.add(Listener(wiring.proxied(settings.mx.listen, settings.mx.proxy_from), factory), Stage.DOOR)
    if settings.mx.probe_listen:
        probing = ProbeFactory(wiring.reactor, settings.server.hostname)
        wiring.daemon.add(Listener(stream_endpoints(wiring.reactor, settings.mx.probe_listen), probing), Stage.DOOR)


def policy(wiring: Wiring) -> Checks:
    """What strangers' mail must pass, in this order; checks of names that need SPF's result stand after it."""
    mx, server = wiring.settings.mx, wiring.settings.server
    greylist = GreylistCheck(wiring.rates)
    judged = Checks(
        [
            RateCheck(wiring.rates, mx.connections_per_minute, mx.messages_per_minute),
            GuessingCheck(wiring.rates, mx.unknown_recipients),
            HeloCheck(server.hostname, wiring.settings.dns.addresses),
            ReverseNameCheck(wiring.resolver, mx.require_ptr),
            SenderDomainCheck(wiring.resolver),
            AuthenticityCheck(wiring.resolver, server.hostname, wiring.cpu.run, wiring.within, wiring.clock),
            OwnDomainCheck(wiring.accounts.hosts),
            greylist,
        ],
        mx.exempt,
        greylist.forged,
    )
    return Checks([ForwardLoopCheck(wiring.accounts.leaves), StripResultsCheck(server.hostname), judged])


def makeService(options: Options) -> IService:
    """For twistd."""
    return make_service(options, "mx", add)
