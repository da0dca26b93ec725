"""mailsuite-msa: hear mail from mail programs of accounts (587 with STARTTLS, 465 with TLS)."""

from __future__ import annotations

from dataclasses import replace

from twisted.application.service import IService
from twisted.internet.endpoints import wrapServerTLS
from twisted.logger import Logger
from twisted.python.usage import UsageError

from mailsuite.daemons.launch import Options, make_service
from mailsuite.daemons.wiring import Wiring
from mailsuite.login.remember import RememberingChecker
from mailsuite.msa.identity import Identities
from mailsuite.msa.reception import SubmissionReception
from mailsuite.net.smtp_server import ServerConfig, SmtpFactory
from mailsuite.runtime.daemon import Stage
from mailsuite.runtime.listener import Listener
from mailsuite.smtp.limits import Limits

__all__ = ["Options", "add", "makeService"]

log = Logger()


def add(wiring: Wiring) -> None:
    """Listen on ``msa.listen`` and ``msa.listen_tls``, when there is a certificate: passwords never go in the clear."""
    settings = wiring.settings
    if wiring.certificate is None:
        if wiring.name == "msa":
            raise UsageError("mailsuite-msa needs tls.certificate and tls.key: passwords never go in the clear")
        log.warn("submission is off: tls.certificate and tls.key are not set")
        return
    wiring.eager()
    reception = SubmissionReception(
        RememberingChecker(wiring.checker, wiring.directory, wiring.clock, wiring.random(32)),
        wiring.queue,
        wiring.allowance,
        Identities(wiring.directory, settings.mda.subaddress),
        wiring.cpu.run,
        wiring.clock,
        wiring.random,
        settings.server.hostname,
        settings.mx.max_recipients,
    )
    config = ServerConfig(
        hostname=settings.server.hostname,
        service="msa",
        limits=Limits(size=settings.mx.max_size, recipients=settings.mx.max_recipients),
        auth=True,
        normalise_newlines=True,
        connections=settings.mx.max_sessions,
        connections_per_network=settings.mx.max_sessions_per_network,
    )
    reactor = wiring.reactor
    clear = SmtpFactory(reactor, reception, config, wiring.certificate, trace=wiring.trace)
    wiring.daemon.add(Listener(wiring.proxied(settings.msa.listen, settings.msa.proxy_from), clear), Stage.DOOR)
    wrapped = SmtpFactory(reactor, reception, replace(config, implicit_tls=True), trace=wiring.trace)
    # The header of the PROXY protocol comes before the handshake.
    behind = wiring.proxied(settings.msa.listen_tls, settings.msa.proxy_from)
    endpoints = [wrapServerTLS(wiring.certificate, endpoint) for endpoint in behind]
    wiring.daemon.add(Listener(endpoints, wrapped), Stage.DOOR)


def makeService(options: Options) -> IService:
    """For twistd."""
    return make_service(options, "msa", add)
