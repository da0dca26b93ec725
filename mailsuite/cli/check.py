"""mailctl check and check-config."""

from __future__ import annotations

import click

from mailsuite.cli.context import Context, pass_context
from mailsuite.cli.session import Tools, with_store
from mailsuite.cli.texts import printable
from mailsuite.interfaces.upkeep import Problem


@click.command("check-config")
@pass_context
def check_config(context: Context) -> None:
    """Read the settings file and say what is wrong with it."""
    settings = context.settings
    click.echo(f"{context.config}: ok ({settings.server.hostname}, data in {settings.server.data})")


_ACCOUNTS = 500


@click.command("check")
@click.option("--repair", is_flag=True, help="Put right what can be put right.")
@pass_context
def check(context: Context, repair: bool) -> None:
    """Compare every mailbox's lists, counters and search index with its messages, and look for their contents.

    Ends with status 1 when something is wrong, or is still wrong after --repair. The suite may run meanwhile.
    """
    left: list[Problem] = []

    async def work(tools: Tools) -> None:
        await tools.search.index()
        found = list(await tools.mailbox_upkeep.check_store(repair))
        names = {account.id: account.address for account in await tools.directory.accounts()}
        after = ""
        while accounts := await tools.mailbox_upkeep.accounts(after, _ACCOUNTS):
            for account in accounts:
                found += await tools.mailbox_upkeep.check(account, repair)
            after = accounts[-1]
        await tools.search.index()
        for problem in found:
            mended = repair and not problem.lost
            owner = names.get(problem.account, problem.account)
            line = f"{owner or 'store'}: {problem.what}{' (repaired)' if mended else ''}"
            click.echo(printable(line))
        left.extend(problem for problem in found if problem.lost or not repair)

    with_store(context.settings, work)
    if left:
        raise click.exceptions.Exit(1)
    click.echo("ok")
