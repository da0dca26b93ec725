"""mailctl forward: where an account's mail goes on to."""

from __future__ import annotations

import click

from mailsuite.cli.context import Context, pass_context
from mailsuite.cli.owner import account_of
from mailsuite.cli.session import Tools, with_store
from mailsuite.mda.find import Finder
from mailsuite.mda.targets import check_targets, read_targets
from mailsuite.model.account import Account
from mailsuite.model.alias import Forward


def _line(account: Account) -> str:
    forward = account.forward
    if forward is None:
        return f"{account.address} is not forwarded"
    kept = "a copy is kept" if forward.keep else "no copy is kept"
    return f"{account.address} goes on to {' '.join(forward.targets)}; {kept}"


@click.group()
def forward() -> None:
    """Where mail of accounts goes on to."""


@forward.command("set")
@click.argument("address")
@click.argument("targets", nargs=-1, required=True)
@click.option("--keep/--no-keep", default=True, show_default=True, help="Keep a copy in the mailbox.")
@pass_context
def set_(context: Context, address: str, targets: tuple[str, ...], keep: bool) -> None:
    """Have mail of the account ADDRESS go on to TARGETS."""
    separator = context.settings.mda.subaddress

    async def work(tools: Tools) -> None:
        account = await account_of(tools, address)
        found = read_targets(targets)
        await check_targets(Finder(tools.directory, separator), account.address, found)
        await tools.directory.set_forward(account.id, Forward(found, keep))
        click.echo(_line(await account_of(tools, address)))

    with_store(context.settings, work)


@forward.command("clear")
@click.argument("address")
@pass_context
def clear(context: Context, address: str) -> None:
    """Have mail of the account ADDRESS stay."""

    async def work(tools: Tools) -> None:
        await tools.directory.set_forward((await account_of(tools, address)).id, None)
        click.echo(_line(await account_of(tools, address)))

    with_store(context.settings, work)


@forward.command("show")
@click.argument("address", required=False)
@pass_context
def show(context: Context, address: str | None) -> None:
    """The forward of the account ADDRESS, or all forwards."""

    async def work(tools: Tools) -> None:
        found = await tools.directory.forwarding() if address is None else [await account_of(tools, address)]
        for account in found:
            click.echo(_line(account))

    with_store(context.settings, work)
