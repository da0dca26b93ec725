"""Checks a name and a password, and slows guessing down (RFC 4954 section 9, RFC 5321 section 4.2.1 on 421)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from zope.interface import implementer

from mailsuite.interfaces.counters import ICounter
from mailsuite.interfaces.credentials import ICredentialChecker
from mailsuite.interfaces.directory import IAccountDirectory
from mailsuite.interfaces.threads import InThread
from mailsuite.login.passwords import Passwords
from mailsuite.login.typed import typed_address
from mailsuite.model.account import Account
from mailsuite.model.errors import Deferral, NotThere, ScheduleUnavailable, StoreUnavailable

WINDOW = 600
"""Seconds for which a failure counts."""

ACCOUNT_FAILURES = 10
NETWORK_FAILURES = 30


@lru_cache(1024)
def network_of(client: str) -> str:
    """The /24 or /64 of an IP address, under which guessers are counted; other text stands for itself."""
    try:
        address = ip_address(client.partition("%")[0])
    except ValueError:
        return client
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(ip_network((address, 24 if address.version == 4 else 64), strict=False))


@implementer(ICredentialChecker)
class CredentialChecker:
    """ICredentialChecker over the directory's argon2id hashes; ``verify`` runs the hashing in a thread."""

    def __init__(self, directory: IAccountDirectory, counter: ICounter, verify: InThread, passwords: Passwords) -> None:
        self._directory = directory
        self._counter = counter
        self._in_thread = verify
        self._passwords = passwords

    async def check(self, address: str, password: str, client: str) -> Account | None:
        """See ICredentialChecker."""
        try:
            name = typed_address(address).key
        except ValueError:
            name = ""
        account_key, network_key = f"login:account:{name}", f"login:network:{network_of(client)}"
        limits = {network_key: NETWORK_FAILURES}
        if name:
            limits[account_key] = ACCOUNT_FAILURES
        # Asked before the attempt is counted: a store that is away is nobody's failure.
        account = await self._directory.account_at(name) if name else None
        await self._admit(limits)
        if account is None:
            await self._in_thread(lambda: self._passwords.waste(password))
            return None
        stored = account.password
        if not await self._in_thread(lambda: self._passwords.verify(stored, password)):
            return None
        await self._forgive(account_key, network_key)
        if self._passwords.needs_rehash(stored):
            await self._rehash(account, password)
        return account

    async def _admit(self, limits: Mapping[str, int]) -> None:
        """Count the attempt before it is made, so that guesses side by side are counted too; it is forgiven later.

        What is refused here counts nowhere: a locked network cannot lock accounts, nor the other way round.
        """
        try:
            full = [await self._counter.value(key) >= limit for key, limit in limits.items()]
            if not any(full):
                full = [await self._counter.hit(key, WINDOW) > limit for key, limit in limits.items()]
        except ScheduleUnavailable:  # people can log in while Redis is down
            return
        if any(full):
            raise Deferral(421, "4.7.0", "too many failed logins, try again in ten minutes")

    async def _forgive(self, account_key: str, network_key: str) -> None:
        """The account starts afresh; the network loses only this attempt, or one login would pay for 29 guesses."""
        with suppress(ScheduleUnavailable):
            await self._counter.reset(account_key)
            await self._counter.hit(network_key, WINDOW, -1)

    async def _rehash(self, account: Account, password: str) -> None:
        fresh = await self._in_thread(lambda: self._passwords.hash(password))
        with suppress(StoreUnavailable, NotThere):  # the next login tries again
            now = await self._directory.account(account.id)
            if now is not None and now.password == account.password:  # not changed meanwhile
                await self._directory.set_password(account.id, fresh)
