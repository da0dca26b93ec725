"""mailctl alias: addresses that lead to others."""

from __future__ import annotations

import click

from mailsuite.cli.context import Context, pass_context
from mailsuite.cli.session import Tools, with_store
from mailsuite.interfaces.directory import IAccountDirectory
from mailsuite.login.typed import typed_address
from mailsuite.model.address import Address
from mailsuite.model.alias import ROLES, TARGETS, Alias, base_of, catch_all
from mailsuite.runtime.clock import now


def alias_address(text: str) -> str:
    """The key form of what is to be an alias: an address, or "@domain" for a catch-all. Raises ValueError."""
    if text.strip().startswith("@"):
        return catch_all(typed_address(f"postmaster{text.strip()}").domain)
    return typed_address(text).key


async def checked_targets(
    directory: IAccountDirectory, source: str, texts: tuple[str, ...], separator: str
) -> tuple[str, ...]:
    """The targets in order, each once. Raises ValueError for one of ours that is nobody, and for a loop.

    ``source`` is the alias or account (key form) that is to lead to them.
    """
    targets = {target.key: target for target in map(typed_address, texts)}
    if len(targets) > TARGETS:
        raise ValueError(f"{len(targets)} targets are too many: {TARGETS} at most")
    for target in targets.values():
        way = await _way_back(directory, source, target, separator, {})
        if way:
            raise ValueError(f"that is a loop: {' → '.join((source, *way))}")
    return tuple(map(str, targets.values()))


async def _way_back(
    directory: IAccountDirectory, source: str, address: Address, separator: str, seen: dict[str, None]
) -> tuple[str, ...]:
    """The steps from an address back to ``source``; none when it does not lead there. ValueError: it is nobody."""
    domain = await directory.domain(address.domain)
    if domain is None:
        return ()
    if domain.alias_of:
        address = Address(address.local, domain.alias_of)
    base = base_of(address, separator)
    names = [address.key, *([base.key] if base else ()), catch_all(address.domain)]
    for name in names:
        if name == source:
            return (source,)
        account, alias = await directory.account_at(name), await directory.alias_at(name)
        if account is None and alias is None:
            continue
        if name in seen:
            return ()
        seen[name] = None
        following = alias.targets if alias else account.forward.targets if account and account.forward else ()
        for text in following:
            if way := await _way_back(directory, source, Address.parse(text), separator, seen):
                return (name, *way)
        return ()
    if (base or address).local.lower() in ROLES:
        return ()
    raise ValueError(f"{address} is nobody here: add the account or the alias first")


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
        found = await checked_targets(tools.directory, key, targets, separator)
        await tools.directory.add_alias(Alias(key, found, now()))
        click.echo(f"{key} leads to {' '.join(found)}")

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
