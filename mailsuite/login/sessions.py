"""Browser sessions: a token of 256 bits, stored as its SHA-256, with idle and absolute expiry."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256

from mailsuite.interfaces.directory import IAccountDirectory
from mailsuite.model.account import Account, Session
from mailsuite.model.errors import StoreUnavailable

TOUCH = 60_000
"""The last use is written at most once in so many ms."""

AGENT_CHARACTERS = 200


def _digest(token: str) -> str:
    return sha256(token.encode(errors="replace")).hexdigest()


class Sessions:
    """Opens, finds and closes logins. ``idle`` and ``absolute`` are their lives in ms."""

    def __init__(
        self,
        directory: IAccountDirectory,
        clock: Callable[[], int],
        random: Callable[[int], bytes],
        idle: int,
        absolute: int,
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._random = random
        self._idle = idle
        self._absolute = absolute

    async def open(self, account: Account, client: str, agent: str) -> str:
        """The new session's token, for the cookie; ``client`` is an IP address, ``agent`` the User-Agent field."""
        token = urlsafe_b64encode(self._random(32)).rstrip(b"=").decode()
        now = self._clock()
        await self._directory.add_session(
            Session(_digest(token), account.id, now, now, client, agent[:AGENT_CHARACTERS])
        )
        return token

    async def find(self, token: str) -> tuple[Account, Session] | None:
        """Whose session it is, None when unknown or expired (which ends it)."""
        session = await self._directory.session(_digest(token))
        if session is None:
            return None
        now = self._clock()
        account = await self._directory.account(session.account)
        if account is None or now - session.seen >= self._idle or now - session.created >= self._absolute:
            await self._directory.end_session(session.token_hash)
            return None
        if now - session.seen >= TOUCH:
            session = replace(session, seen=now)
            with suppress(StoreUnavailable):  # a full disk must not keep people from reading
                await self._directory.touch_session(session.token_hash, now)
        return account, session

    async def close(self, token: str) -> Session | None:
        """End the session; what it was, None when there was none."""
        session = await self._directory.session(_digest(token))
        if session is not None:
            await self._directory.end_session(session.token_hash)
        return session
