"""mailctl dns: custom records, zones as text, and what the suite's own look-ups see."""

from __future__ import annotations

from typing import Any

import click
from twisted.internet.defer import Deferred
from twisted.internet.task import react

from mailsuite.cli.context import Context, pass_context
from mailsuite.cli.session import Tools, with_store
from mailsuite.daemons.dns import mail_host
from mailsuite.dns.records import hosted_zones
from mailsuite.dns.zonedata import read_zone
from mailsuite.dns.zonefile import write_zone_file
from mailsuite.model.errors import MailError, NotThere
from mailsuite.model.zone import Record, Zone
from mailsuite.net.dns_client import StubResolver
from mailsuite.runtime.network_values import name_server
from mailsuite.runtime.setting_values import domain_name
from mailsuite.runtime.settings import Settings


def _absolute(name: str) -> str:
    """A name as typed, absolute: U-labels are converted, ``*`` and ``_`` are allowed. Raises ValueError."""
    star = "*." if name.startswith("*.") else ""
    return f"{star}{domain_name(name.removeprefix('*.'))}."


async def zones(
    tools: Tools, settings: Settings, more: tuple[Record, ...] = (), less: Record | None = None
) -> list[Zone]:
    """The zones that are served for the hosted domains, with records added or one left out."""
    records = [record for record in await tools.zones.records() if record != less]
    made, _ = hosted_zones(
        await tools.zones.domains(),
        [*records, *more],
        mail_host(settings),
        generation=await tools.zones.generation(),
        networks=settings.dns.reverse,
    )
    return made


@click.group()
def dns() -> None:
    """Zones, custom records, look-ups."""


@dns.command("zone")
@click.argument("domain")
@pass_context
def zone(context: Context, domain: str) -> None:
    """The zone of DOMAIN as a file for any name server: what to publish when its DNS is hosted elsewhere."""
    settings = context.settings

    async def work(tools: Tools) -> None:
        origin = _absolute(domain)
        for made in await zones(tools, settings):
            if made.origin == origin:
                click.echo(write_zone_file(made), nl=False)
                return
        raise NotThere(f"{domain} is not hosted here")

    with_store(settings, work)


@dns.group()
def record() -> None:
    """Records of your own in the hosted zones. They win over generated ones of the same name and type."""


@record.command("add")
@click.argument("name")
@click.argument("type")
@click.argument("data", nargs=-1, required=True)
@click.option("--ttl", type=click.IntRange(0, 2**31 - 1), default=3600, show_default=True, help="Seconds.")
@pass_context
def add(context: Context, name: str, type: str, data: tuple[str, ...], ttl: int) -> None:
    """Add NAME TYPE DATA, e.g.: www.example.org A 192.0.2.80."""
    settings = context.settings

    async def work(tools: Tools) -> None:
        new = Record(_absolute(name), type.upper(), ttl, " ".join(data))
        made = await zones(tools, settings, (new,))
        home = max(
            (z for z in made if f".{new.name}".endswith(f".{z.origin}")), key=lambda z: len(z.origin), default=None
        )
        if home is None:
            raise NotThere(f"{name} lies in no hosted zone")
        read_zone(home)  # what a good server refuses never gets in
        await tools.zones.add_record(new)
        click.echo(f"{new.name} {new.ttl} {new.type} {new.data}")

    with_store(settings, work)


@record.command("remove")
@click.argument("name")
@click.argument("type")
@click.argument("data", nargs=-1)
@pass_context
def remove(context: Context, name: str, type: str, data: tuple[str, ...]) -> None:
    """Take custom records away: those of NAME and TYPE, or the one with DATA."""

    async def work(tools: Tools) -> None:
        wanted = [
            each
            for each in await tools.zones.records()
            if (each.name, each.type) == (_absolute(name), type.upper()) and (not data or each.data == " ".join(data))
        ]
        if not wanted:
            raise NotThere(f"there is no custom record {name} {type} {' '.join(data)}".rstrip())
        for each in wanted:
            await tools.zones.remove_record(each)
            click.echo(f"{each.name} {each.type} {each.data} is gone")

    with_store(context.settings, work)


@record.command("list")
@click.argument("domain", required=False)
@pass_context
def list_(context: Context, domain: str | None) -> None:
    """One line a custom record, of all zones or below DOMAIN."""

    async def work(tools: Tools) -> None:
        end = f".{_absolute(domain)}" if domain else ""
        for each in await tools.zones.records():
            if f".{each.name}".endswith(end):
                click.echo(f"{each.name} {each.ttl} {each.type} {each.data}")

    with_store(context.settings, work)


@dns.command("lookup")
@click.argument("name")
@click.argument("type", default="A")
@click.option("--resolver", default="", help="The DNS server to ask, IP or IP:port; left out: the configured one.")
@pass_context
def lookup(context: Context, name: str, type: str, resolver: str) -> None:
    """What the suite sees when it looks up NAME: records, TTL, and whether the answer was proved by DNSSEC."""
    try:
        server = name_server(resolver) if resolver else context.settings.dns.asked
    except ValueError as error:
        raise click.ClickException(f"--resolver: {error}") from None
    problem: list[str] = []

    async def main(reactor: Any) -> None:
        try:
            answer = await StubResolver(reactor, [server]).lookup(name, type.upper())
        except (MailError, ValueError) as error:
            problem.append(f"{error} (asked {server})")
            return
        proved = "proved by DNSSEC" if answer.authenticated else "not proved by DNSSEC"
        if not answer.exists:
            click.echo(f"{name} does not exist, {proved}, asked {server}")
        elif not answer.data:
            click.echo(f"{name} has no {type.upper()}, {proved}, asked {server}")
        for data in answer.data:
            click.echo(f"{name} {answer.ttl} {type.upper()} {data}")
        if answer.data:
            click.echo(f"{proved}, asked {server}", err=True)

    try:
        react(lambda reactor: Deferred.fromCoroutine(main(reactor)))
    except SystemExit as end:
        if end.code:
            raise
    if problem:
        raise click.ClickException(problem[0])
