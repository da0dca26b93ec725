"""Tests of mailsuite.redis.connection, pool and script."""

from __future__ import annotations

import hashlib
import socket
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import LogEvent, capturedLogs
from txredisapi import ResponseError

from mailsuite.model.errors import ScheduleUnavailable
from mailsuite.redis.pool import RedisRefused
from mailsuite.redis.script import Script
from tests.redis.served import RealTimeCase, ServedCase


def _script(source: str) -> Script:
    return Script(source, hashlib.sha1(source.encode()).hexdigest())


class LinkTests(ServedCase):
    """A Link while its server is well."""

    async def test_bytes_stay_bytes(self) -> None:
        """What looks like a number comes back as it was stored."""
        for value in (b"00123", b"1.50", b"-0", "ä".encode(), bytes(range(256)), b"", b"x" * 100_000):
            await self.link.command("SET", "k", value)
            self.assertEqual(value, await self.link.command("GET", "k"))
        self.assertEqual(5, await self.link.command("INCRBY", "n", 5))
        self.assertIsNone(await self.link.command("GET", "nothing"))

    async def test_concurrent_calls(self) -> None:
        """Each of many calls under way gets its own answer."""
        calls = [Deferred.fromCoroutine(self.link.command("ECHO", str(n))) for n in range(500)]
        self.assertEqual([str(n).encode() for n in range(500)], await gatherResults(calls))

    async def test_a_slow_call_holds_only_its_connection(self) -> None:
        """While one connection waits for its answer calls on the others go on."""
        slow: Deferred[Any] = Deferred.fromCoroutine(self.link.command("BLPOP", "queue", "0"))
        await self.eventually(self._blocked)
        answered = [Deferred.fromCoroutine(self.link.command("PING")) for _ in range(3)]

        async def some() -> int:
            return sum(d.called for d in answered)

        self.assertGreaterEqual(await self.eventually(some), 2)
        self.assertFalse(slow.called)
        self.redis.rpush("queue", "x")
        self.assertEqual([b"queue", b"x"], await slow)
        await gatherResults(answered)

    async def test_scripts_are_loaded_when_unknown(self) -> None:
        """A script runs on a server that has never seen it, and again after the server forgot it."""
        script = _script("return {KEYS[1], ARGV[1]}")
        for _ in range(2):
            self.redis.script_flush()
            self.assertEqual([b"k", b"a"], await self.link.run(script, ["k"], "a"))
        calls = []
        self.redis.script_flush()
        for n in range(50):
            calls.append(Deferred.fromCoroutine(self.link.run(script, ["k"], n)))
        self.assertEqual([[b"k", str(n).encode()] for n in range(50)], await gatherResults(calls))

    async def test_wrong_commands(self) -> None:
        """A command or script that is wrong is our fault and no outage."""
        with self.assertRaises(ResponseError):
            await self.link.command("NO-SUCH-COMMAND")
        with self.assertRaises(ResponseError):
            await self.link.run(_script("return redis.call('INCR')"), [])

    async def test_a_server_that_cannot_serve_now(self) -> None:
        """A full server is unavailable: nothing of it is lost, and later it may have room."""
        self.redis.config_set("maxmemory", 1)
        self.addCleanup(self.redis.config_set, "maxmemory", 0)
        with self.assertRaises(ScheduleUnavailable) as caught:
            await self.link.command("SET", "k", "v")
        self.assertIn("OOM", str(caught.exception))

    async def test_closed(self) -> None:
        """After close calls fail at once; closing twice is nothing; calls in flight fail."""
        await self.link.ready()
        blocked: Deferred[Any] = Deferred.fromCoroutine(self.link.command("BLPOP", "queue", "0"))
        await self.eventually(self._blocked)
        await self.link.close()
        await self.link.close()
        with self.assertRaises(ScheduleUnavailable):
            await blocked
        with self.assertRaises(ScheduleUnavailable):
            await self.link.ping()

        async def gone() -> bool:
            return int(self.redis.info("clients")["connected_clients"]) == 1

        await self.eventually(gone)

    async def test_close_before_the_first_call_and_during_it(self) -> None:
        """Closing needs no connection, and ends the wait for the first one."""
        await self.link.close()
        other = self.link_to(self.shared.url)
        first: Deferred[None] = Deferred.fromCoroutine(other.ping())
        await other.close()
        with self.assertRaises(ScheduleUnavailable):
            await first

    async def _blocked(self) -> bool:
        return int(self.redis.info("clients")["blocked_clients"]) == 1


class LoginTests(RealTimeCase):
    """Servers that ask for a password, over TCP and a unix socket; databases."""

    async def test_tcp_with_password_and_database(self) -> None:
        """Host, port, user, password and database of the URL are used."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.server("--port", str(port), password="pass word")
        link = self.link_to(f"redis://:pass%20word@127.0.0.1:{port}/7")
        await link.ready()
        self.assertIn("db=7", (await link.command("CLIENT", "INFO")).decode())
        named = self.link_to(f"redis://default:pass%20word@127.0.0.1:{port}")
        await named.ready()
        self.assertIn("user=default", (await named.command("CLIENT", "INFO")).decode())

    async def test_wrong_login(self) -> None:
        """A wrong, a missing and a needless password and a wrong database are told apart from an outage, once."""
        locked, open_ = self.server(password="right"), self.server("--databases", "4")
        for url, reason in (
            (locked.url.replace("unix://", "unix://:hunter2@"), "WRONGPASS"),
            (locked.url, "NOAUTH"),
            (open_.url.replace("unix://", "unix://:hunter2@"), "without any password"),
            (f"{open_.url}?db=4", "DB index is out of range"),
        ):
            with capturedLogs() as logs:
                link = self.link_to(url)
                with self.assertRaises(RedisRefused) as caught:
                    await link.ready()
                with self.assertRaises(ScheduleUnavailable):
                    await link.ping()
            self.assertIn(reason, str(caught.exception))
            self.assertEqual(1, sum(event.get("reason") == str(caught.exception) for event in logs))
            self.assertNotIn("hunter2", str(logs))

    async def test_a_login_that_is_mended(self) -> None:
        """Once the server takes our password calls work, without a restart of ours."""
        server = self.server(password="right")
        link = self.link_to(server.url.replace("unix://", "unix://:left@"))
        with self.assertRaises(RedisRefused):
            await link.ready()
        server.client.config_set("requirepass", "left")

        async def answers() -> bool:
            try:
                await link.ready()
            except (RedisRefused, ScheduleUnavailable):
                return False
            return True

        await self.eventually(answers)

    async def test_eviction(self) -> None:
        """A server that may evict keys is refused, also while no memory limit is set: that can come at any time."""
        server = self.server("--maxmemory-policy", "allkeys-lru")
        with self.assertRaises(RedisRefused) as caught:
            await self.link_to(server.url).ready()
        self.assertIn("noeviction (it is allkeys-lru)", str(caught.exception))
        server.client.config_set("maxmemory-policy", "noeviction")
        await self.link_to(server.url).ready()

    async def test_nobody_there(self) -> None:
        """Without a server the first call waits for its time, later ones fail at once; one line is logged."""
        with capturedLogs() as logs:
            link = self.link_to("unix:///nonexistent/redis.sock", timeout=0.2)
            for _ in range(3):
                with self.assertRaises(ScheduleUnavailable):
                    await link.ready()
        self.assertEqual(1, sum("is gone" in _format(event) for event in logs))


def _format(event: LogEvent) -> str:
    return event.get("log_format") or ""
