"""mailctl doctor: is a hosted domain's DNS right, wherever it is hosted?"""

from __future__ import annotations

import json
from collections.abc import Coroutine
from dataclasses import asdict
from functools import partial
from typing import Any

import click
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from mailsuite.cli.context import Context, pass_context
from mailsuite.cli.session import Tools, with_store
from mailsuite.daemons.dns import mail_host
from mailsuite.dns.resolve import Delegation
from mailsuite.doctor.examine import Doctor
from mailsuite.doctor.seek import Seeker
from mailsuite.interfaces.resolver import INameResolver
from mailsuite.model.diagnosis import Diagnosis, Finding, Seen, State
from mailsuite.model.errors import NotThere
from mailsuite.net.dns_client import StubResolver
from mailsuite.net.https_fetch import HttpsFetcher
from mailsuite.net.port_probe import ask_probe
from mailsuite.runtime.setting_values import domain_name
from mailsuite.runtime.settings import Settings

_PORT = 53
_COLOURS = {State.RIGHT: "green", State.CHOICE: "cyan", State.UNKNOWN: "yellow"}


def make_doctor(reactor: Any, settings: Settings) -> Doctor:
    """A doctor who asks by the settings."""
    resolver = StubResolver(reactor, [settings.dns.asked])

    def at(address: str) -> INameResolver:
        single: INameResolver = StubResolver(reactor, [(address, _PORT)])
        return single

    async def above(address: str, domain: str) -> Delegation:
        return await StubResolver(reactor, [(address, _PORT)]).delegation(domain)

    async def within(seconds: float, work: Any) -> Any:
        pending = Deferred.fromCoroutine(work) if isinstance(work, Coroutine) else work
        return await pending.addTimeout(seconds, reactor)

    fetcher = HttpsFetcher(reactor, resolver, settings.delivery.ca_file)
    seeker = Seeker(resolver, at, above, within)
    probes = {str(at): partial(ask_probe, reactor, *at) for at in settings.mx.probes}
    return Doctor(seeker, mail_host(settings), fetcher.fetch, settings.dns.resolver is None, probes)


def status(diagnosis: Diagnosis) -> int:
    """For cron: 1 when there is something to mend, 2 when that is not known, else 0."""
    if diagnosis.bad:
        return 1
    return 2 if any(finding.state is State.UNKNOWN for finding in diagnosis.findings) else 0


def _words(seen: Seen) -> str:
    return f"({seen.fault})" if seen.fault else " and ".join(seen.data) or "nothing"


def _show(finding: Finding) -> None:
    state = click.style(f"{finding.state.value:<8}", fg=_COLOURS.get(finding.state, "red"))
    click.echo(f"{state}{finding.type:<6}{finding.name}  ({finding.purpose})")
    if finding.state is State.RIGHT and not finding.text:
        return
    wanted = " and ".join(finding.expected)
    record = finding.type != "SMTP"
    rows = [
        ("publish" if record else "", wanted if record else ""),
        ("its servers say" if record else "seen", _words(finding.authority)),
        ("", finding.text),
    ]
    if finding.resolver != finding.authority:
        rows.insert(2, ("the resolver says", f"{_words(finding.resolver)} (TTL {finding.resolver.ttl} s)"))
    for label, text in rows:
        if text:
            click.echo(f"{'':8}{label + ': ' if label else ''}{text}")


def _as_json(diagnosis: Diagnosis) -> str:
    return json.dumps({**asdict(diagnosis), "bad": diagnosis.bad}, indent=2)


@click.command("doctor")
@click.argument("domain")
@click.option("--json", "machine", is_flag=True, help="For programs.")
@pass_context
def doctor(context: Context, domain: str, machine: bool) -> None:
    """Examine every DNS record that mail of DOMAIN needs, at its own servers and as the world sees it.

    The exit status is 0 when nothing needs mending, 1 when something does, 2 when something could not be looked up.
    """
    settings = context.settings
    found: list[Diagnosis] = []

    async def work(tools: Tools) -> None:
        name = domain_name(domain)
        hosted = await tools.directory.domain(name)
        if hosted is None:
            raise NotThere(f"{domain} is not hosted here")
        found.append(await make_doctor(reactor, settings).examine(hosted))

    with_store(settings, work)
    (diagnosis,) = found
    if machine:
        click.echo(_as_json(diagnosis))
    else:
        for finding in diagnosis.findings:
            _show(finding)
    raise SystemExit(status(diagnosis))
