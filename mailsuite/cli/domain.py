"""mailctl domain: the hosted domains."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from mailsuite.cli.context import Context, pass_context
from mailsuite.cli.session import Tools, with_store
from mailsuite.login.keys import new_dkim_keys
from mailsuite.login.typed import typed_address
from mailsuite.model.account import Domain
from mailsuite.runtime.clock import now


async def host_domain(tools: Tools, name: str, alias_of: str = "") -> Domain:
    """Host a domain with new signing keys, named after the month. Raises Conflict, NotThere, ValueError."""
    label = typed_address(f"postmaster@{name}").domain
    target = typed_address(f"postmaster@{alias_of}").domain if alias_of else ""
    if label.startswith("[") or "." not in label:
        raise ValueError(f"{name!r} is not a domain that can be hosted")
    month = datetime.now(UTC).strftime("%Y%m")
    created = now()
    keys = await tools.threads.run(lambda: new_dkim_keys(month, created))
    domain = Domain(label, created, keys, target)
    await tools.directory.add_domain(domain)
    return domain


@click.group()
def domain() -> None:
    """Hosted domains."""


@domain.command("add")
@click.argument("name")
@click.option("--alias-of", default="", help="A hosted domain: all addresses are those of it.")
@pass_context
def add(context: Context, name: str, alias_of: str) -> None:
    """Host a domain: make its signing keys, serve its DNS records, take its mail."""

    async def work(tools: Tools) -> None:
        made = await host_domain(tools, name, alias_of)
        how = f"hosted as an alias of {made.alias_of}" if made.alias_of else "hosted"
        click.echo(f"{made.name} is {how}; DKIM selectors: {' '.join(key.selector for key in made.keys)}")

    with_store(context.settings, work)


@domain.command("list")
@pass_context
def list_(context: Context) -> None:
    """One line a domain: its name, its DKIM selectors, and for an alias "= " and the domain that it is."""

    async def work(tools: Tools) -> None:
        for found in await tools.directory.domains():
            same = ("=", found.alias_of) if found.alias_of else ()
            click.echo(" ".join((found.name, *(key.selector for key in found.keys), *same)))

    with_store(context.settings, work)
