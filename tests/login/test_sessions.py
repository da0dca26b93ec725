"""Browser sessions."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Awaitable
from dataclasses import replace
from hashlib import sha256
from itertools import count
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.login.sessions import Sessions
from mailsuite.model.account import Account, Session
from mailsuite.model.errors import StoreUnavailable
from mailsuite.testing.builders import ANN, account, domain
from mailsuite.testing.fake_store import FakeStore

T = TypeVar("T")
HOUR = 3_600_000


class SessionsTests(SynchronousTestCase):
    """Sessions with an idle time of 2 hours and 5 hours at most."""

    def setUp(self) -> None:
        self.now = 1_800_000_000_000
        self.numbers = count()
        self.store = FakeStore(self.clock)
        self.sessions = Sessions(self.store.directory, self.clock, self.random, 2 * HOUR, 5 * HOUR)
        self.ann = account(ANN)
        self.result(self.store.directory.add_domain(domain("alpha.example")))
        self.result(self.store.directory.add_account(self.ann))

    def clock(self) -> int:
        """Turned by the tests."""
        return self.now

    def random(self, octets: int) -> bytes:
        """Different octets at each call."""
        return next(self.numbers).to_bytes(octets, "big")

    def result(self, awaitable: Awaitable[T]) -> T:
        """What an operation that need not wait gives."""

        async def wait() -> T:
            return await awaitable

        return self.successResultOf(Deferred.fromCoroutine(wait()))

    def open(self) -> str:
        """A fresh login of Ann's."""
        return self.result(self.sessions.open(self.ann, "192.0.2.1", "Browser/1"))

    def find(self, token: str) -> tuple[Account, Session] | None:
        """Whose it is."""
        return self.result(self.sessions.find(token))

    def stored(self, token: str) -> Session | None:
        """What the directory has."""
        return self.result(self.store.directory.session(sha256(token.encode()).hexdigest()))

    def test_token(self) -> None:
        """It bears 256 random bits in base64url without padding; two logins differ."""
        token = self.open()
        self.assertEqual(urlsafe_b64decode(token + "="), bytes(32))
        self.assertRegex(token, r"\A[A-Za-z0-9_-]{43}\Z")
        self.assertNotEqual(token, self.open())

    def test_stored_hashed(self) -> None:
        """The directory has only the SHA-256 of the token."""
        token = self.open()
        digest = sha256(token.encode()).hexdigest()
        self.assertEqual(self.stored(token), Session(digest, self.ann.id, self.now, self.now, "192.0.2.1", "Browser/1"))
        self.assertNotIn(token, repr(self.stored(token)))

    def test_find(self) -> None:
        """A token gives its account and session, another nothing."""
        token = self.open()
        found = self.find(token)
        assert found is not None
        self.assertEqual(found, (self.ann, self.stored(token)))
        for wrong in ("", token[:-1], token + "x", "ä\ud800", found[1].token_hash):
            self.assertIsNone(self.find(wrong))

    def test_last_use(self) -> None:
        """It is written at most once a minute."""
        token = self.open()
        opened = self.now
        self.now += 59_999
        self.find(token)
        session = self.stored(token)
        assert session is not None
        self.assertEqual(session.seen, opened)
        self.now += 1
        found = self.find(token)
        assert found is not None
        self.assertEqual(found[1].seen, self.now)
        self.assertEqual(self.stored(token), found[1])

    def test_idle(self) -> None:
        """Two hours without use end it, use prolongs it."""
        token = self.open()
        self.now += 2 * HOUR - 1
        self.assertIsNotNone(self.find(token))
        self.now += 2 * HOUR
        self.assertIsNone(self.find(token))
        self.assertIsNone(self.stored(token))

    def test_absolute(self) -> None:
        """Five hours after the login it ends, however busy."""
        token = self.open()
        for _ in range(9):
            self.now += HOUR // 2
            self.assertIsNotNone(self.find(token))
        self.now += HOUR // 2
        self.assertIsNone(self.find(token))
        self.assertIsNone(self.stored(token))

    def test_account_gone(self) -> None:
        """The session of an account that is no more ends."""
        token = self.result(self.sessions.open(replace(self.ann, id="nobody"), "::1", ""))
        self.assertIsNone(self.find(token))
        self.assertIsNone(self.stored(token))

    def test_close(self) -> None:
        """Closing gives the session once; others live on."""
        token, other = self.open(), self.open()
        session = self.stored(token)
        self.assertEqual(self.result(self.sessions.close(token)), session)
        self.assertIsNone(self.find(token))
        self.assertIsNone(self.result(self.sessions.close(token)))
        self.assertIsNotNone(self.find(other))

    def test_long_agent(self) -> None:
        """A User-Agent of any length is kept by its first 200 characters."""
        token = self.result(self.sessions.open(self.ann, "::1", "x" * 100_000))
        session = self.stored(token)
        assert session is not None
        self.assertEqual(session.agent, "x" * 200)

    def test_store_full(self) -> None:
        """A last use that cannot be written keeps nobody from reading."""
        token = self.open()
        self.now += HOUR
        directory = self.store.directory

        async def full(token_hash: str, seen: int) -> None:
            raise StoreUnavailable("disk full")

        self.patch(directory, "touch_session", full)
        self.assertIsNotNone(self.find(token))

    def test_store_away(self) -> None:
        """Without the directory nobody is sent to the login."""
        token = self.open()
        self.store.fault = "gone"
        self.failureResultOf(Deferred.fromCoroutine(self.sessions.find(token)), StoreUnavailable)
