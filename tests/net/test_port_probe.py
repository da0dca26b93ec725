"""The port 25 probe over real sockets, another port standing for 25."""

from __future__ import annotations

import socket
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor as _reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailsuite.model.errors import ProbeUnavailable
from mailsuite.model.reach import Outcome, Reach
from mailsuite.net.port_probe import ProbeFactory, ask_probe
from mailsuite.testing.ports import free_port
from tests.net.dns_peers import in_thread

reactor: Any = _reactor
LOCAL = "127.0.0.1"


class Scripted(Protocol):
    """Greets, and answers each line with what comes next."""

    transport: Any
    says: tuple[bytes, ...] = ()

    def connectionMade(self) -> None:
        self.heard = b""
        self.left = list(self.says)
        self.say()

    def say(self) -> None:
        """The next words."""
        if self.left:
            self.transport.write(self.left.pop(0))

    def dataReceived(self, data: bytes) -> None:
        self.heard += data
        if data.endswith(b"\n"):
            self.say()


class ProbeTests(TestCase):
    """Who asks is looked at, and told what was seen."""

    timeout = 60

    def listen(self, factory: Factory) -> int:
        """On a port of loopback until the test ends."""
        port = reactor.listenTCP(0, factory, interface=LOCAL)
        self.addCleanup(port.stopListening)
        return int(port.getHost().port)

    def host(self, *says: bytes) -> int:
        """A host that says this at its "port 25"."""
        return self.listen(Factory.forProtocol(type("Host", (Scripted,), {"says": says})))

    async def ask(self, port: int) -> Reach:
        """What a fresh probe sees there."""
        return await ask_probe(reactor, LOCAL, self.listen(ProbeFactory(reactor, "probe.test", port)))

    async def test_reachable(self) -> None:
        """With STARTTLS, without, greeting in several lines, and one that does not want us."""
        for says, starttls, banner in (
            ((b"220 mx ESMTP\r\n", b"250-mx\r\n250-SIZE 1\r\n250 STARTTLS\r\n"), True, "220 mx ESMTP"),
            ((b"220-mx\r\n220 hello\r\n", b"250-mx\r\n250-starttls\r\n250 SIZE\r\n"), True, "220-mx"),
            ((b"220 mx STARTTLS\r\n", b"250 mx\r\n"), False, "220 mx STARTTLS"),
            ((b"554 not you\r\n",), False, "554 not you"),
            ((b"220 mx\r\n", b"502 no EHLO\r\n"), False, "220 mx"),
        ):
            self.assertEqual(await self.ask(self.host(*says)), Reach(Outcome.REACHABLE, LOCAL, starttls, banner))

    async def test_open_but_silent(self) -> None:
        """A host that greets late can be reached all the same."""
        self.assertEqual(await self.ask(self.host()), Reach(Outcome.REACHABLE, LOCAL))

    async def test_refused(self) -> None:
        """Nobody listens."""
        self.assertEqual(await self.ask(free_port()), Reach(Outcome.REFUSED, LOCAL))

    async def test_no_answer(self) -> None:
        """What is sent is dropped, as by a firewall: here because the queue of a listener is full."""
        with socket.socket() as full, socket.socket() as waiting:
            full.bind((LOCAL, 0))
            full.listen(0)
            waiting.connect(full.getsockname())
            self.assertEqual(await self.ask(full.getsockname()[1]), Reach(Outcome.TIMEOUT, LOCAL))

    async def test_what_is_sent_to_it_changes_nothing(self) -> None:
        """It connects to the asking address only, whatever the asker writes."""
        visits: list[str] = []

        class Other(Protocol):
            def connectionMade(self) -> None:
                visits.append("visited")

        other = self.listen(Factory.forProtocol(Other))
        probe = self.listen(ProbeFactory(reactor, "probe.test", free_port()))

        def talk() -> bytes:
            with socket.create_connection((LOCAL, probe), 10) as talker:
                talker.sendall(f"{LOCAL}:{other}\r\n".encode())
                return talker.makefile("rb").readline()

        self.assertEqual(Reach.parse((await in_thread(talk)).removesuffix(b"\r\n")), Reach(Outcome.REFUSED, LOCAL))
        self.assertEqual(visits, [])

    async def test_asked_too_often(self) -> None:
        """Once a second for a network; more is told so, and not tried."""
        probe = self.listen(ProbeFactory(reactor, "probe.test", self.host(b"220 mx\r\n", b"250 mx\r\n")))
        outcomes = {(await ask_probe(reactor, LOCAL, probe)).outcome for _ in range(5)}
        self.assertEqual(outcomes, {Outcome.REACHABLE, Outcome.BUSY})

    async def test_no_probe_there(self) -> None:
        """Nobody, or something else: said in words."""
        for port, part in ((free_port(), "cannot be reached"), (self.host(b"x" * 600), "no probe")):
            with self.assertRaises(ProbeUnavailable) as caught:
                await ask_probe(reactor, LOCAL, port)
            self.assertIn(part, str(caught.exception))


class LineTests(SynchronousTestCase):
    """The line in which a probe answers."""

    @given(
        st.builds(
            Reach,
            st.sampled_from(Outcome),
            st.ip_addresses().map(str),
            st.booleans(),
            st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=200),
        )
    )
    def test_round_trip(self, reach: Reach) -> None:
        """What is written is read, in one line of 300 octets."""
        line = reach.line()
        self.assertEqual(Reach.parse(line), reach)
        self.assertLess(len(line), 300)
        self.assertNotIn(b"\n", line)

    @given(st.binary(max_size=100), st.text())
    def test_anything(self, data: bytes, banner: str) -> None:
        """Read or ValueError; any banner makes a line."""
        self.assertNotIn(b"\n", Reach(Outcome.BUSY, "::1", False, banner).line())
        try:
            Reach.parse(data)
        except ValueError:
            return
