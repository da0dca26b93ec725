"""mailctl alias: addresses that lead to others."""

from __future__ import annotations

import click

from mailsuite.cli.context import Context, pass_context
from mailsuite.cli.session import Tools, with_store
from mailsuite.login.typed import typed_address
from mailsuite.mda.find import Finder
from mailsuite.mda.targets import check_targets, read_targets
from mailsuite.model.alias import Alias, catch_all
from mailsuite.runtime.clock import now


def alias_address(text: str) -> str:
    """The key form of what is to be an alias: an address, or "@domain" for a catch-all. Raises ValueError."""
    if text.strip().startswith("@"):
        return catch_all(typed_address(f"postmaster{text.strip()}").domain)
    return typed_address(text).key


@click.group()
def alias() -> None:
    """Addresses that lead to others."""


@alias.command("add")
@click.argument("address")
@click.argument("targets", nargs=-1, required=True)
@pass_context
def add(context: Context, address: str, targets: tuple[str, ...]) -> None:
    """Have mail for ADDRESS go to TARGETS, here or elsewhere.

    "@example.org" gets what nobody else at example.org is known for.
    """
    separator = context.settings.mda.subaddress

    async def work(tools: Tools) -> None:
        key = alias_address(address)
        made = Alias(key, read_targets(targets), now())
        await check_targets(Finder(tools.directory, separator, proposed=made), key, made.targets)
        await tools.directory.add_alias(made)
        click.echo(f"{key} leads to {' '.join(made.targets)}")

    with_store(context.settings, work)


@alias.command("remove")
@click.argument("address")
@pass_context
def remove(context: Context, address: str) -> None:
    """Forget the alias ADDRESS."""

    async def work(tools: Tools) -> None:
        key = alias_address(address)
        await tools.directory.remove_alias(key)
        click.echo(f"{key} is no alias any more")

    with_store(context.settings, work)


@alias.command("list")
@click.argument("domain", required=False)
@pass_context
def list_(context: Context, domain: str | None) -> None:
    """One line an alias: its address and its targets."""

    async def work(tools: Tools) -> None:
        name = None if domain is None else typed_address(f"postmaster@{domain}").domain
        for found in await tools.directory.aliases(name):
            click.echo(" ".join((found.address, *found.targets)))

    with_store(context.settings, work)
