"""As whom an account may write (RFC 6409 section 6.1)."""

from __future__ import annotations

from mailsuite.model.account import Account
from mailsuite.model.address import Address


def owns(account: Account, address: Address) -> bool:
    """May the account use this address as reverse-path and author? Letter case does not count."""
    return address.key == account.address
