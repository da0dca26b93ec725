"""mailctl suppression: addresses to which bulk mail is not sent any more."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from mailsuite.cli.context import Context, pass_context
from mailsuite.cli.owner import account_of
from mailsuite.cli.session import Tools, with_store
from mailsuite.cli.texts import printable
from mailsuite.login.typed import typed_address
from mailsuite.model.errors import NotThere

_PAGE = 1000


@click.group()
def suppression() -> None:
    """Addresses that refused an account's bulk mail for good."""


@suppression.command("list")
@click.argument("account", required=False)
@pass_context
def list_(context: Context, account: str | None) -> None:
    """One line an entry: account, address, when, and what the other side said. Of ACCOUNT, or of all."""

    async def work(tools: Tools) -> None:
        owner = None if account is None else (await account_of(tools, account)).id
        names = {found.id: found.address for found in await tools.directory.accounts()}
        after = ("", "")
        while found := await tools.suppressions.list(owner, after, _PAGE):
            for each in found:
                when = datetime.fromtimestamp(each.at / 1000, UTC).strftime("%Y-%m-%d")
                line = f"{names.get(each.account, each.account)} {each.address} {when} {each.status}"
                click.echo(printable(line))
            after = (found[-1].account, found[-1].address)

    with_store(context.settings, work)


@suppression.command("lift")
@click.argument("account")
@click.argument("address")
@pass_context
def lift(context: Context, account: str, address: str) -> None:
    """Let bulk mail of ACCOUNT go to ADDRESS again."""

    async def work(tools: Tools) -> None:
        key = typed_address(address).key
        if not await tools.suppressions.lift((await account_of(tools, account)).id, key):
            raise NotThere(f"{address} is not suppressed for {account}")
        click.echo(f"bulk mail of {account} goes to {address} again")

    with_store(context.settings, work)
