"""What a probe of port 25 finds at scripted servers."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mailsuite.model.reach import Reach
from mailsuite.net.port_probe import PortProbe
from mailsuite.testing.ports import free_port
from mailsuite.testing.smtp_peers import DROP, HANG, ScriptedServer

HOME = "127.0.0.1"


class PortProbeTests(TestCase):
    """On loopback."""

    timeout = 30

    async def serve(
        self, replies: Mapping[str, Sequence[str]] | None = None, extensions: Sequence[str] = ()
    ) -> ScriptedServer:
        """A server."""
        server = ScriptedServer(replies, extensions)
        await server.listen(reactor)
        self.addCleanup(server.close)
        return server

    async def reach(self, port: int, patience: float = 5, address: str = HOME) -> Reach:
        """What is found."""
        return await PortProbe(reactor, "probe.example", port, patience).reach(address)

    async def test_greeting(self) -> None:
        """The greeting and STARTTLS, or none; it says who it is, and goodbye."""
        server = await self.serve({"CONNECT": ["220-mail.example\n220 ESMTP"]}, ["SIZE 1", "STARTTLS"])
        self.assertEqual(await self.reach(server.port), Reach(HOME, "220 mail.example ESMTP", starttls=True))
        while len(server.commands) < 2:
            await deferLater(reactor, 0.01)
        self.assertEqual(server.commands, ["EHLO probe.example", "QUIT"])
        server = await self.serve()
        self.assertEqual(await self.reach(server.port), Reach(HOME, "220 peer.example ESMTP"))

    async def test_a_host_that_refuses(self) -> None:
        """Its words are told."""
        server = await self.serve({"CONNECT": ["554 no service"]})
        self.assertEqual(await self.reach(server.port), Reach(HOME, "554 no service"))

    async def test_nothing_there(self) -> None:
        """A closed port; one that says nothing; one that hangs up; one that is no mail server."""
        self.assertIn("refused", (await self.reach(free_port())).fault)
        silent = await self.serve({"CONNECT": [HANG]})
        self.assertIn("within 0.1 s", (await self.reach(silent.port, 0.1)).fault)
        short = await self.serve({"CONNECT": [DROP]})
        self.assertIn("closed the connection", (await self.reach(short.port)).fault)
        other = await self.serve({"CONNECT": ["HTTP/1.1 400 Bad Request"]})
        self.assertIn("not a reply", (await self.reach(other.port)).fault)

    async def test_a_flood(self) -> None:
        """A host that talks for ever is left, and costs no memory."""
        server = await self.serve({"CONNECT": ["220 " + "x" * 100_000]})
        self.assertNotEqual((await self.reach(server.port)).fault, "")

    async def test_no_way(self) -> None:
        """An address that is not reached at all."""
        listening: Any = socket.socket()
        listening.bind((HOME, 0))
        self.addCleanup(listening.close)  # bound, but nobody listens
        self.assertIn("refused", (await self.reach(listening.getsockname()[1])).fault)
