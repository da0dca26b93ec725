"""mailctl account: people's mailboxes."""

from __future__ import annotations

import os
import sys

import click

from mailsuite.cli.context import Context, pass_context
from mailsuite.cli.session import Tools, with_store
from mailsuite.login.accounts import new_account
from mailsuite.login.passwords import Passwords, check_strength
from mailsuite.login.typed import typed_address
from mailsuite.model.errors import NotThere
from mailsuite.runtime.clock import now


def _password(stdin: bool) -> str:
    """Asked for twice without echo, or the first line of standard input: never an argument, which others can see."""
    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    answer: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return answer


password_option = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")


@click.group()
def account() -> None:
    """Accounts."""


@account.command("add")
@click.argument("address")
@click.option("--name", default="", help="The name that others see; the part before the @ when left out.")
@password_option
@pass_context
def add(context: Context, address: str, name: str, password_stdin: bool) -> None:
    """Make a mailbox for ADDRESS, whose domain is hosted."""
    settings = context.settings
    password = _password(password_stdin)

    async def work(tools: Tools) -> None:
        made = await add_account(tools, address, name, password)
        click.echo(f"{made} has a mailbox")

    with_store(settings, work)


async def add_account(tools: Tools, address: str, name: str, password: str) -> str:
    """Make an account; its address. Raises Conflict, NotThere, ValueError."""
    made = await new_account(
        tools.directory,
        tools.threads.run,
        Passwords(),
        now,
        os.urandom,
        address=address,
        name=name or address.partition("@")[0],
        password=password,
    )
    return made.address


@account.command("passwd")
@click.argument("address")
@password_option
@pass_context
def passwd(context: Context, address: str, password_stdin: bool) -> None:
    """Set the password of ADDRESS."""
    settings = context.settings
    password = _password(password_stdin)

    async def work(tools: Tools) -> None:
        check_strength(password)
        found = await tools.directory.account_at(typed_address(address).key)
        if found is None:
            raise NotThere(f"there is no account {address}")
        await tools.directory.set_password(found.id, await tools.threads.run(Passwords().hash, password))
        click.echo(f"{found.address} has a new password")

    with_store(settings, work)


@account.command("list")
@click.argument("domain", required=False)
@pass_context
def list_(context: Context, domain: str | None) -> None:
    """One line an account: its address and its name."""

    async def work(tools: Tools) -> None:
        for found in await tools.directory.accounts(domain):
            click.echo(f"{found.address} {found.name}")

    with_store(context.settings, work)
