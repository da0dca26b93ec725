"""Remembers logins for five minutes: mail programs log in for each message, and argon2id is slow on purpose."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from zope.interface import implementer

from mailsuite.interfaces.credentials import ICredentialChecker
from mailsuite.interfaces.directory import IAccountDirectory
from mailsuite.login.typed import typed_address
from mailsuite.model.account import Account

REMEMBERED = 300_000
"""ms."""
_MOST = 10_000


@implementer(ICredentialChecker)
class RememberingChecker:
    """Asks ``checker`` unless the same password was right a moment ago and is the account's still.

    What is kept is an HMAC, under a ``key`` of this process, of the account, its stored hash and the password: a
    changed password has another hash, so that its end takes effect at once and in every process.
    """

    def __init__(
        self, checker: ICredentialChecker, directory: IAccountDirectory, clock: Callable[[], int], key: bytes
    ) -> None:
        self._checker = checker
        self._directory = directory
        self._clock = clock
        self._key = key
        self._known: dict[bytes, int] = {}

    async def check(self, address: str, password: str, client: str) -> Account | None:
        """See ICredentialChecker."""
        account = await self._account(address)
        if account is not None and self._known.get(self._proof(account, password), 0) > self._clock():
            return account
        found: Account | None = await self._checker.check(address, password, client)
        if found is not None:
            # Read again: the check may have replaced an old hash by a better one.
            self._remember(self._proof(await self._account(address) or found, password))
        return found

    async def _account(self, address: str) -> Account | None:
        try:
            account: Account | None = await self._directory.account_at(typed_address(address).key)
        except ValueError:
            return None
        return account

    def _proof(self, account: Account, password: str) -> bytes:
        parts = (account.id, account.password, password)
        text = "".join(f"{len(part)}:{part}" for part in parts)
        return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256")

    def _remember(self, proof: bytes) -> None:
        now = self._clock()
        if len(self._known) >= _MOST:
            self._known = {known: ends for known, ends in self._known.items() if ends > now}
        if len(self._known) < _MOST:
            self._known[proof] = now + REMEMBERED
