"""IAccountDirectory: domains, accounts, sessions."""

from __future__ import annotations

from collections.abc import Sequence

from zope.interface import Interface

from mailsuite.model.account import Account, DkimKey, Domain, Session


class IAccountDirectory(Interface):
    """Every method raises StoreUnavailable when the store cannot serve now."""

    async def add_domain(domain: Domain) -> None:
        """Host a domain; Conflict when it is hosted already. Raises the zone generation."""

    async def domains() -> Sequence[Domain]:
        """All hosted domains, by name."""

    async def domain(name: str) -> Domain | None:
        """One hosted domain by its A-label, None when it is not ours."""

    async def add_keys(domain: str, keys: Sequence[DkimKey]) -> None:
        """Give a domain more signing keys; NotThere, Conflict for a selector it has. Raises the zone generation."""

    async def remove_key(domain: str, selector: str) -> None:
        """Forget a signing key; NotThere when there is none. Raises the zone generation."""

    async def add_account(account: Account) -> None:
        """Conflict when the address is taken, NotThere when its domain is not hosted."""

    async def accounts(domain: str | None = None) -> Sequence[Account]:
        """All accounts (of one domain), by address."""

    async def account(account: str) -> Account | None:
        """By id."""

    async def account_at(address: str) -> Account | None:
        """By address in key form (Address.key)."""

    async def set_password(account: str, password: str) -> None:
        """Replace the password hash; NotThere for an unknown id."""

    async def add_session(session: Session) -> None:
        """Keep a login."""

    async def session(token_hash: str) -> Session | None:
        """The login with this token."""

    async def touch_session(token_hash: str, seen: int) -> None:
        """Note the last use."""

    async def end_session(token_hash: str) -> None:
        """Forget a login; unknown ones are no error."""

    async def expire_sessions(seen_before: int, created_before: int) -> int:
        """Forget logins that were idle or are too old; how many."""
