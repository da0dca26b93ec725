"""Policies from real HTTPS servers (Python's), good and bad ones (RFC 8461 section 3.3)."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Mapping, Sequence
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from twisted.internet import reactor
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from mailsuite.dns.mta_sts import MAX_SIZE
from mailsuite.interfaces.policy_fetcher import IPolicyFetcher
from mailsuite.model.errors import PolicyUnavailable
from mailsuite.net.https_fetch import HttpsFetcher
from mailsuite.testing.fake_resolver import FakeResolver
from mailsuite.testing.ports import free_port
from mailsuite.testing.temporary import temporary_directory
from tests.net.authority import Authority, Issued

POLICY = "version: STSv1\nmode: enforce\nmx: mx.beta.example\nmax_age: 86400\n"
HOST = "mta-sts.beta.example"


class PolicyServer:
    """An HTTPS server on loopback that gives one answer; ``asked`` are the paths and Host fields."""

    def __init__(
        self,
        issued: Issued,
        directory: Path,
        body: bytes = POLICY.encode(),
        status: int = 200,
        fields: Mapping[str, str] | None = None,
    ) -> None:
        """``fields`` are added to the usual ones, or take them away when empty."""
        self.asked: list[tuple[str, str | None]] = []
        self.body = body
        self.hold = threading.Event()
        self.hold.set()
        asked, server = self.asked, self
        usual = {"Content-Type": "text/plain", "Content-Length": str(len(body))}

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_GET(self) -> None:
                asked.append((self.path, self.headers["Host"]))
                server.hold.wait(10)
                self.send_response(status)
                for name, value in {**usual, **(fields or {})}.items():
                    if value:
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(server.body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                pass  # clients that do not trust us hang up

        (directory / "cert.pem").write_bytes(issued.pem)
        (directory / "key.pem").write_bytes(issued.key_pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory / "cert.pem", directory / "key.pem")
        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        # The handshake belongs into the request's thread, not into that which accepts.
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        self.hold.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class HttpsFetcherTests(TestCase):
    """HttpsFetcher."""

    def setUp(self) -> None:
        self.authority = Authority()
        self.directory = temporary_directory(self)
        self.ca_file = self.directory / "ca.pem"
        self.ca_file.write_bytes(self.authority.pem)
        self.dns = FakeResolver()
        self.addresses = ["127.0.0.1"]

    def serve(
        self,
        body: bytes = POLICY.encode(),
        names: Sequence[str] = (HOST,),
        status: int = 200,
        fields: Mapping[str, str] | None = None,
    ) -> PolicyServer:
        """A server with a good certificate."""
        server = PolicyServer(self.authority.issue(names), self.directory, body, status, fields)
        self.addCleanup(server.stop)
        return server

    async def fetch(self, port: int, patience: float = 20) -> str:
        """The policy."""
        self.dns.add(HOST, "A", self.addresses)
        return await HttpsFetcher(reactor, self.dns, self.ca_file, port, patience).fetch("beta.example")

    async def fault(self, port: int, patience: float = 20) -> str:
        """Why there is none."""
        try:
            text = await self.fetch(port, patience)
        except PolicyUnavailable as error:
            return str(error)
        raise AssertionError(f"fetched {text!r}")

    async def test_good(self) -> None:
        """The policy comes as it is; the path and the name are the RFC's."""
        server = self.serve()
        verifyObject(IPolicyFetcher, HttpsFetcher(reactor, self.dns, self.ca_file))
        self.assertEqual(POLICY, await self.fetch(server.port))
        self.assertEqual([("/.well-known/mta-sts.txt", f"{HOST}:{server.port}")], server.asked)

    async def test_forms(self) -> None:
        """A type with parameters, a body without its length, a wildcard certificate."""
        self.assertEqual(
            POLICY, await self.fetch(self.serve(fields={"Content-Type": "Text/Plain; charset=utf-8"}).port)
        )
        self.assertEqual(POLICY, await self.fetch(self.serve(fields={"Content-Length": ""}).port))
        self.assertEqual(POLICY, await self.fetch(self.serve(names=["*.beta.example"]).port))

    async def test_next_address(self) -> None:
        """An address that refuses connections is not the last word."""
        self.addresses = ["127.0.0.9", "127.0.0.1"]
        self.assertEqual(POLICY, await self.fetch(self.serve().port))

    async def test_f059_wrong_certificate(self) -> None:
        """For another name, expired, of an unknown authority: no policy, and no request."""
        for issued, fault in (
            (self.authority.issue(["beta.example"]), "the certificate is not for this name"),
            (self.authority.issue([HOST], ends=-timedelta(hours=1)), "certificate verify failed"),
            (Authority("Unknown").issue([HOST]), "certificate verify failed"),
        ):
            server = PolicyServer(issued, self.directory)
            self.addCleanup(server.stop)
            self.assertIn(fault, await self.fault(server.port))
            self.assertEqual([], server.asked)

    async def test_answer_of_another_kind(self) -> None:
        """Not found, a redirect (not followed), HTML, no type, octets that are no text."""
        for fault, body, status, fields in (
            ("the answer is 404, not 200", b"", 404, {}),
            ("the answer is 302, not 200", b"", 302, {"Location": "https://mta-sts.beta.example/"}),
            ("the answer is text/html, not text/plain", b"<html>", 200, {"Content-Type": "text/html"}),
            ("the answer is of no type, not text/plain", POLICY.encode(), 200, {"Content-Type": ""}),
            ("the policy is not UTF-8", b"\xff", 200, {}),
        ):
            server = self.serve(body, status=status, fields=fields)
            self.assertIn(fault, await self.fault(server.port))
            self.assertEqual(1, len(server.asked))

    async def test_size(self) -> None:
        """64 kB are taken, an octet more is not, and without a length it is not waited for."""
        self.assertEqual(MAX_SIZE, len(await self.fetch(self.serve(b"x" * MAX_SIZE).port)))
        self.assertIn("longer than 65536", await self.fault(self.serve(b"x" * (MAX_SIZE + 1)).port))
        endless = self.serve(b"x" * 5_000_000, fields={"Content-Length": ""})
        self.assertIn("longer than 65536", await self.fault(endless.port))

    async def test_broken_off(self) -> None:
        """Less than was promised is no policy."""
        server = self.serve(fields={"Content-Length": "1000"})
        self.assertIn("broke off", await self.fault(server.port))

    async def test_time(self) -> None:
        """A server that does not answer is not waited for, nor is another address tried behind the time."""
        server = self.serve()
        server.hold.clear()
        self.addresses *= 2
        self.assertEqual("mta-sts.beta.example: not within 0.2 s", await self.fault(server.port, 0.2))
        self.assertLess(len(server.asked), 2)

    async def test_nobody(self) -> None:
        """No address, no server, no DNS."""
        self.assertIn("127.0.0.1: Connection was refused", await self.fault(free_port()))
        self.addresses = []
        self.assertEqual("mta-sts.beta.example: it has no address", await self.fault(1))
        self.dns.fail(HOST, "AAAA")
        self.assertIn("look-up of mta-sts.beta.example failed", await self.fault(1))
