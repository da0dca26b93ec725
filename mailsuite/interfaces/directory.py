"""IAccountDirectory: domains, accounts, aliases, sessions."""

from __future__ import annotations

from collections.abc import Sequence

from zope.interface import Interface

from mailsuite.model.account import Account, DkimKey, Domain, Session
from mailsuite.model.alias import Alias, Forward


class IAccountDirectory(Interface):
    """Every method raises StoreUnavailable when the store cannot serve now."""

    async def add_domain(domain: Domain) -> None:
        """Host a domain; Conflict when it is hosted already. Raises the zone generation.

        An alias of a domain needs that to be hosted (NotThere) and to be no alias itself (Conflict).
        """

    async def domains() -> Sequence[Domain]:
        """All hosted domains, by name."""

    async def domain(name: str) -> Domain | None:
        """One hosted domain by its A-label, None when it is not ours."""

    async def add_keys(domain: str, keys: Sequence[DkimKey]) -> None:
        """Give a domain more signing keys; NotThere, Conflict for a selector it has. Raises the zone generation."""

    async def remove_key(domain: str, selector: str) -> None:
        """Forget a signing key; NotThere when there is none. Raises the zone generation."""

    async def add_account(account: Account) -> None:
        """Conflict when the address is an account's or an alias, or its domain an alias of another.

        NotThere when its domain is not hosted.
        """

    async def accounts(domain: str | None = None) -> Sequence[Account]:
        """All accounts (of one domain), by address."""

    async def account(account: str) -> Account | None:
        """By id."""

    async def account_at(address: str) -> Account | None:
        """By address in key form (Address.key)."""

    async def set_password(account: str, password: str) -> None:
        """Replace the password hash; NotThere for an unknown id."""

    async def set_forward(account: str, forward: Forward | None) -> None:
        """Have the account's mail go on, or stay (None); NotThere for an unknown id."""

    async def forwarding() -> Sequence[Account]:
        """The accounts whose mail goes on, by address."""

    async def add_alias(alias: Alias) -> None:
        """Conflict and NotThere as ``add_account`` has them."""

    async def remove_alias(address: str) -> None:
        """NotThere when there is no such alias."""

    async def aliases(domain: str | None = None) -> Sequence[Alias]:
        """All aliases (of one domain), by address."""

    async def alias_at(address: str) -> Alias | None:
        """By address in key form; "@domain" is a catch-all."""

    async def secret(name: str, proposed: bytes) -> bytes:
        """The installation's secret of this name; ``proposed`` becomes it when there is none yet."""

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
