"""The account that a command is about."""

from __future__ import annotations

from mailsuite.cli.session import Tools
from mailsuite.login.typed import typed_address
from mailsuite.model.account import Account
from mailsuite.model.errors import NotThere


async def account_of(tools: Tools, address: str) -> Account:
    """By its address. Raises NotThere, ValueError."""
    found = await tools.directory.account_at(typed_address(address).key)
    if found is None:
        raise NotThere(f"there is no account {address}")
    return found
