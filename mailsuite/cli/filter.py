"""mailctl filter: the rules by which an account sorts its mail."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import click

from mailsuite.cli.context import Context, pass_context
from mailsuite.cli.owner import account_of
from mailsuite.cli.session import Tools, with_store
from mailsuite.cli.texts import printable, read_text
from mailsuite.mailbox.rule_form import Names, show_rule
from mailsuite.mailbox.rules import MOST, Rules, RuleTrial
from mailsuite.mda.find import Finder
from mailsuite.mda.targets import check_targets
from mailsuite.model.rule import Decision, Do, Then

_LARGEST = 100_000


@click.group("filter")
def filter_() -> None:
    """Rules that sort mail when it comes in."""


def _read(file: Path) -> dict[str, Any]:
    """A rule in TOML or JSON; "-" is standard input."""
    text = read_text(file, _LARGEST)
    try:
        data = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except ValueError as error:
        raise ValueError(f"{file} cannot be read: {error}") from None
    except RecursionError:
        raise ValueError(f"{file} cannot be read: it is nested too deep") from None
    assert isinstance(data, dict)
    return data


def _rules(tools: Tools) -> Rules:
    return Rules(tools.rules, tools.folders)


def _shown(decision: Decision, names: Names) -> str:
    words = [names.shown(Then(Do.FILE, decision.places[0])) or "a folder that was deleted"]
    words += [f"label {names.shown(Then(Do.LABEL, label)) or label}" for label in decision.labels]
    words += ["star"] * decision.starred + ["read"] * decision.read
    words += [f"forward to {target}" for target in decision.forwards]
    return ", ".join(words)


_FILE = click.Path(path_type=Path, dir_okay=False, allow_dash=True, exists=True)


@filter_.command("list")
@click.argument("account")
@pass_context
def list_(context: Context, account: str) -> None:
    """The rules of ACCOUNT in their order, one JSON object a line, and what of them is broken."""

    async def work(tools: Tools) -> None:
        owner = await account_of(tools, account)
        names = await _rules(tools).names(owner)
        for shown in await _rules(tools).shown(owner):
            click.echo(json.dumps(show_rule(shown.rule, names), ensure_ascii=False))
            for line in shown.broken:
                click.echo(f"  broken: {line}")

    with_store(context.settings, work)


@filter_.command("add")
@click.argument("account")
@click.argument("file", type=_FILE)
@click.option("--first", is_flag=True, help="Before the other rules instead of behind them.")
@pass_context
def add(context: Context, account: str, file: Path, first: bool) -> None:
    """Give ACCOUNT the rule in FILE (TOML or JSON; - is standard input)."""
    separator = context.settings.mda.subaddress

    async def work(tools: Tools) -> None:
        owner = await account_of(tools, account)
        rule = await _rules(tools).read(owner, _read(file))
        targets = tuple(then.target for then in rule.then if then.do is Do.FORWARD)
        await check_targets(Finder(tools.directory, separator), owner.address, targets)
        await _rules(tools).add(owner, rule, 0 if first else None)
        click.echo(f"{owner.address} has the rule {rule.name}")

    with_store(context.settings, work)


@filter_.command("remove")
@click.argument("account")
@click.argument("name")
@pass_context
def remove(context: Context, account: str, name: str) -> None:
    """Remove the rule NAME of ACCOUNT."""

    async def work(tools: Tools) -> None:
        owner = await account_of(tools, account)
        await _rules(tools).remove(owner, name)
        click.echo(f"{owner.address} no longer has the rule {name}")

    with_store(context.settings, work)


@filter_.command("test")
@click.argument("account")
@click.argument("file", type=_FILE, required=False)
@click.option("--last", type=click.IntRange(1, MOST), default=100, show_default=True, help="How many messages.")
@click.option("--folder", default="inbox", show_default=True, help="Where they are.")
@pass_context
def test(context: Context, account: str, file: Path | None, last: int, folder: str) -> None:
    """Show what the rule in FILE, or all rules of ACCOUNT, would do with its last messages; nothing is changed."""

    async def work(tools: Tools) -> None:
        owner = await account_of(tools, account)
        rules = _rules(tools)
        names = await rules.names(owner)
        tested = [shown.rule for shown in await rules.shown(owner)]
        if file is not None:
            tested = [await rules.read(owner, _read(file))]
        trial = RuleTrial(tools.messages, tools.folders, tools.blobs, tools.threads.run)
        found = await trial.test(owner, tested, last, names.folder(folder))
        for each in found:
            about = each.message.description
            author = about.author[0].label if about.author else "nobody"
            held = ", ".join(each.decision.rules)
            click.echo(printable(f"{author}: {about.subject} -> {_shown(each.decision, names)} ({held})"))
        click.echo(f"{len(found)} of the last {last} messages")

    with_store(context.settings, work)
