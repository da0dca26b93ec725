"""mailctl dkim: the signing keys of the hosted domains."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from itertools import chain, count

import click

from mailsuite.cli.context import Context, pass_context
from mailsuite.cli.session import Tools, with_store
from mailsuite.login.keys import new_dkim_keys
from mailsuite.mailauth.sign import keys_in_use
from mailsuite.model.account import DkimKey, Domain
from mailsuite.model.errors import NotThere
from mailsuite.runtime.clock import now


def free_stem(selectors: Collection[str], month: str) -> str:
    """The month, as the beginning of selectors that are not taken yet: with a number when it has to be."""
    stems = {selector.rpartition("-")[0] for selector in selectors}
    return next(stem for stem in chain([month], (f"{month}-{n}" for n in count(2))) if stem not in stems)


async def _hosted(tools: Tools, name: str) -> Domain:
    found = await tools.directory.domain(name.lower().rstrip("."))
    if found is None:
        raise NotThere(f"the domain {name} is not hosted")
    return found


def _superseded(key: DkimKey, signing: Collection[DkimKey]) -> bool:
    """Has a newer key of its algorithm taken its place?"""
    return any(other.algorithm == key.algorithm and other.created > key.created for other in signing)


@click.group()
def dkim() -> None:
    """Signing keys.

    A rotation: "rotate", which makes new keys; they sign from the time on when all caches can know them (dns.ttl).
    A week later, when no mail with old signatures is under way, "retire".
    """


@dkim.command("list")
@click.argument("domain", required=False)
@pass_context
def list_(context: Context, domain: str | None) -> None:
    """One line a key: its domain, its selector, its algorithm, its day, and whether it signs."""

    async def work(tools: Tools) -> None:
        for found in [await _hosted(tools, domain)] if domain else await tools.directory.domains():
            signing = keys_in_use(found.keys, now(), context.settings.dns.ttl)
            for key in found.keys:
                day = f"{datetime.fromtimestamp((key.created or found.created) / 1000, UTC):%Y-%m-%d}"
                state = "signs" if key in signing else "old" if _superseded(key, signing) else "published"
                click.echo(f"{found.name} {key.selector} {key.algorithm} {day} {state}")

    with_store(context.settings, work)


@dkim.command()
@click.argument("domain")
@pass_context
def rotate(context: Context, domain: str) -> None:
    """Make new keys, publish them beside the old ones, and sign with them when their DNS records are known."""

    async def work(tools: Tools) -> None:
        found = await _hosted(tools, domain)
        created = now()
        stem = free_stem([key.selector for key in found.keys], datetime.now(UTC).strftime("%Y%m"))
        keys = await tools.threads.run(lambda: new_dkim_keys(stem, created))
        await tools.directory.add_keys(found.name, keys)
        start = datetime.fromtimestamp((created + context.settings.dns.ttl) / 1000, UTC)
        click.echo(
            f"{found.name}: {' and '.join(key.selector for key in keys)} sign from {start:%Y-%m-%d %H:%M} UTC on"
        )

    with_store(context.settings, work)


@dkim.command()
@click.argument("domain")
@click.argument("selectors", nargs=-1)
@pass_context
def retire(context: Context, domain: str, selectors: tuple[str, ...]) -> None:
    """Forget keys that newer ones have replaced, and their DNS records: those of SELECTORS, else all of them."""

    async def work(tools: Tools) -> None:
        found = await _hosted(tools, domain)
        signing = keys_in_use(found.keys, now(), context.settings.dns.ttl)
        there = {key.selector: key for key in found.keys}
        for selector in selectors:
            if selector not in there:
                raise NotThere(f"{found.name} has no key {selector}")
            if there[selector] in signing:
                raise ValueError(f"{selector} signs: rotate first, and wait until the new keys sign")
        old = [s for s, key in there.items() if _superseded(key, signing)]
        for selector in selectors or old:
            await tools.directory.remove_key(found.name, selector)
            click.echo(f"{found.name}: {selector} is forgotten")
        if not selectors and not old:
            click.echo(f"{found.name} has no replaced keys")

    with_store(context.settings, work)
