"""Tests of mailsuite.redis.url."""

from __future__ import annotations

from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.redis.url import RedisUrl


class RedisUrlTests(SynchronousTestCase):
    """RedisUrl.parse and its text."""

    def test_forms(self) -> None:
        """The documented forms are read."""
        for text, expected in (
            ("redis://cache.example", RedisUrl("cache.example")),
            ("redis://cache.example/", RedisUrl("cache.example")),
            ("redis://127.0.0.1:6380/3", RedisUrl("127.0.0.1", 6380, db=3)),
            ("redis://[::1]:6380", RedisUrl("::1", 6380)),
            ("redis://:pa%20ss@cache.example", RedisUrl("cache.example", password="pa ss")),
            ("redis://ann:p@cache.example/1", RedisUrl("cache.example", db=1, username="ann", password="p")),
            ("unix:///run/redis.sock", RedisUrl(path="/run/redis.sock")),
            ("unix:///run/a%20b.sock?db=2", RedisUrl(path="/run/a b.sock", db=2)),
            ("unix://:secret@/run/redis.sock", RedisUrl(path="/run/redis.sock", password="secret")),
        ):
            self.assertEqual(expected, RedisUrl.parse(text), text)

    def test_faults(self) -> None:
        """Anything else is refused with the rule it breaks, and without the password."""
        for text, rule in (
            ("", "no scheme"),
            ("cache.example:6379", "must be redis://"),
            ("rediss://:hunter2@cache.example", "'rediss'"),
            ("http://cache.example", "'http'"),
            ("redis://", "no host"),
            ("redis://:hunter2@cache.example/one", "database"),
            ("redis://:hunter2@cache.example/-1", "database"),
            ("redis://:hunter2@cache.example/²", "database"),
            ("redis://:hunter2@cache.example:port", "port"),
            ("redis://:hunter2@cache.example:65536", "port"),
            ("unix://run/redis.sock", "absolute path"),
            ("unix:", "absolute path"),
            ("unix:///run/redis.sock?db=x", "database"),
        ):
            error = self.assertRaises(ValueError, RedisUrl.parse, text)
            self.assertIn(rule, str(error), text)
            self.assertNotIn("hunter2", str(error))

    @given(st.text(min_size=1), st.text(), st.text(min_size=1), st.integers(0, 99))
    def test_paths(self, name: str, username: str, password: str, db: int) -> None:
        """Any path, user and password survive %-encoding, and the text shows no password."""
        path = "/" + name
        login = f"{quote(username, safe='')}:{quote(password, safe='')}"
        url = RedisUrl.parse(f"unix://{login}@{quote(path)}?db={db}")
        self.assertEqual(RedisUrl(path=path, db=db, username=username, password=password), url)
        self.assertEqual(f"unix://{path}?db={db}", str(url))
        self.assertNotIn("password", repr(url).replace(repr(path), "").replace(repr(username), ""))

    def test_text(self) -> None:
        """What a log shows names host, port and database only."""
        self.assertEqual("redis://[::1]:6379/2", str(RedisUrl.parse("redis://ann:hunter2@[::1]/2")))
