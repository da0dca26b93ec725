"""mailctl mail: an account's mail to files and from files."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from mailsuite.cli.context import Context, pass_context
from mailsuite.cli.owner import account_of
from mailsuite.cli.session import Tools, with_store
from mailsuite.cli.texts import printable
from mailsuite.mailbox.exporting import Exporter, Format
from mailsuite.mailbox.importing import Importer, Tally
from mailsuite.mailbox.sources import total_octets

_PATH = click.Path(path_type=Path)


@click.group()
def mail() -> None:
    """Mail to files and from files."""


class _Progress:
    """One line on a terminal that is written over, at most five times a second; nothing elsewhere."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._next = 0.0

    def show(self, line: str) -> None:
        """What it says from now on."""
        if self._shown and time.monotonic() >= self._next:
            self._next = time.monotonic() + 0.2
            click.echo(f"\r\x1b[K{line}", nl=False, err=True)

    def end(self) -> None:
        """Take the line away."""
        if self._shown:
            click.echo("\r\x1b[K", nl=False, err=True)


@mail.command("export")
@click.argument("account")
@click.option(
    *("--format", "form"),
    type=click.Choice([each.value for each in Format]),
    default=Format.MBOX.value,
    show_default=True,
    help="A file for each folder, a Maildir for each folder, or a file for each message.",
)
@click.argument("directory", type=_PATH)
@pass_context
def export(context: Context, account: str, form: str, directory: Path) -> None:
    """Write all mail of ACCOUNT below DIRECTORY, which must be new or empty.

    As root the files belong to the owner of the data directory, who must be allowed to write there. Ends with status 1
    when the content of a message is lost.
    """
    progress = _Progress()
    lost: list[str] = []

    async def work(tools: Tools) -> None:
        owner = await account_of(tools, account)
        exporter = Exporter(tools.blobs, tools.messages, tools.folders, tools.threads.run)
        try:
            written = await exporter.run(
                owner.id, directory, Format(form), lambda count: progress.show(f"{count} messages")
            )
        except OSError as error:
            raise ValueError(f"{directory}: {error}") from None
        finally:
            progress.end()
        lost.extend(written.lost)
        for message in written.lost:
            click.echo(f"message {message}: its content is lost", err=True)
        click.echo(f"{written.messages} messages written to {directory}")

    with_store(context.settings, work)
    if lost:
        raise click.exceptions.Exit(1)


@mail.command("import")
@click.argument("account")
@click.argument("path", type=_PATH)
@click.option("--folder", default="", help="Where all of it goes; where its files say when left out.")
@click.option("--dry-run", is_flag=True, help="Read everything and write nothing.")
@pass_context
def import_(context: Context, account: str, path: Path, folder: str, dry_run: bool) -> None:
    """File the mail in PATH for ACCOUNT: an mbox (also Gmail's), a Maildir, .eml files, a directory of these.

    A message that ACCOUNT has already is not filed again: an import that was cut off is simply begun again. As root
    the files are read as the owner of the data directory. Ends with status 1 when a message could not be imported.
    """
    progress = _Progress()
    tallies: list[Tally] = []

    async def work(tools: Tools) -> None:
        owner = await account_of(tools, account)
        importer = Importer(tools.blobs, tools.messages, tools.folders, tools.contents, tools.threads.run, tools.clock)
        try:
            total = await tools.threads.run(total_octets, path)

            def show(tally: Tally) -> None:
                percent = 100 * tally.octets // total if total else 100
                progress.show(f"{percent} %, {tally.seen} messages, {tally.filed} of them new")

            tally = await importer.run(owner, path, folder, dry_run, show)
        except OSError as error:
            raise ValueError(f"{path}: {error}") from None
        finally:
            progress.end()
        tallies.append(tally)
        for problem in tally.problems:
            click.echo(printable(problem), err=True)
        words = "would be imported" if dry_run else "imported"
        click.echo(
            f"{tally.filed} {words} ({tally.damaged} damaged), {tally.known} there already, {tally.failed} failed"
        )

    with_store(context.settings, work)
    if any(tally.failed for tally in tallies):
        raise click.exceptions.Exit(1)
