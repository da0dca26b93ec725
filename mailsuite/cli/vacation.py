"""mailctl vacation: the answer that an account gives while its person is away."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from mailsuite.cli.context import Context, pass_context
from mailsuite.cli.owner import account_of
from mailsuite.cli.session import Tools, with_store
from mailsuite.cli.texts import read_text
from mailsuite.mailbox.rules import Rules
from mailsuite.model.vacation import DAYS, FEWEST_DAYS, MOST_DAYS, TEXT, Vacation

_LARGEST = 4 * TEXT
"""Octets; a character has four at most."""

_TIMES = click.DateTime(("%Y-%m-%d", "%Y-%m-%dT%H:%M"))


@click.group()
def vacation() -> None:
    """Answers for people who are away."""


def _ms(time: datetime | None) -> int:
    return 0 if time is None else int(time.replace(tzinfo=UTC).timestamp() * 1000)


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


@vacation.command("set")
@click.argument("account")
@click.option("--text", default="", help="What is answered.")
@click.option("--text-file", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="The text, in a file.")
@click.option("--subject", default="", help="Its subject; that of the mail behind Auto: when left out.")
@click.option("--start", type=_TIMES, help="When it begins (UTC); at once when left out.")
@click.option("--end", type=_TIMES, help="When it is over (UTC); never when left out.")
@click.option(
    *("--days",),
    type=click.IntRange(FEWEST_DAYS, MOST_DAYS),
    default=DAYS,
    show_default=True,
    help="Days between two answers to one sender.",
)
@pass_context
def set_(
    context: Context,
    account: str,
    text: str,
    text_file: Path | None,
    subject: str,
    start: datetime | None,
    end: datetime | None,
    days: int,
) -> None:
    """Have mail to ACCOUNT answered, once to each sender."""
    if text and text_file is not None:
        raise click.ClickException("text: --text or --text-file, not both")

    async def work(tools: Tools) -> None:
        words = text if text_file is None else read_text(text_file, _LARGEST)
        owner = await account_of(tools, account)
        made = Vacation(words, subject, _ms(start), _ms(end), days)
        await Rules(tools.rules, tools.folders).set_vacation(owner, made)
        click.echo(f"mail to {owner.address} is answered")

    with_store(context.settings, work)


@vacation.command("off")
@click.argument("account")
@pass_context
def off(context: Context, account: str) -> None:
    """Answer no more mail to ACCOUNT."""

    async def work(tools: Tools) -> None:
        owner = await account_of(tools, account)
        await Rules(tools.rules, tools.folders).set_vacation(owner, None)
        click.echo(f"mail to {owner.address} is not answered")

    with_store(context.settings, work)


@vacation.command("show")
@click.argument("account")
@pass_context
def show(context: Context, account: str) -> None:
    """What is set for ACCOUNT."""

    async def work(tools: Tools) -> None:
        owner = await account_of(tools, account)
        found = await Rules(tools.rules, tools.folders).vacation(owner)
        if found is None:
            click.echo(f"mail to {owner.address} is not answered")
            return
        start = _time(found.start) if found.start else "now"
        end = _time(found.end) if found.end else "it is switched off"
        click.echo(f"mail to {owner.address} is answered from {start} until {end}, a sender once in {found.days} days")
        if found.subject:
            click.echo(f"Subject: {found.subject}")
        click.echo(found.text)

    with_store(context.settings, work)
