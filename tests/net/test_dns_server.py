"""The DNS service on loopback: dig, UDP, TCP."""

from __future__ import annotations

import socket
import time

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
from twisted.trial.unittest import TestCase

from mailsuite.dns.builder import compile_table
from mailsuite.dns.records import MailHost, mail_domain_zone
from mailsuite.model.account import DkimKey, Domain
from mailsuite.net.dns_forwarder import Forwarder
from mailsuite.net.dns_server import DnsServer
from tests.dns.building import zone
from tests.net.dns_peers import (
    ScriptedUpstream,
    answer,
    ask,
    dig,
    framed,
    in_thread,
    query_tcp,
    query_udp,
    reactor,
    receive_message,
)

KEY = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A" + "Zx9+" * 90
HOSTED = mail_domain_zone(
    Domain("alpha.example", 0, (DkimKey("s1", "rsa", "secret", KEY),)),
    MailHost("mail.alpha.example", ("127.0.0.1", "2001:db8::25")),
    serial=7,
)
BIG = zone(
    "big.example.",
    *(f"forty 60 A 192.0.2.{n}" for n in range(1, 41)),
    "text 60 TXT " + " ".join(f'"{"t" * 200}"' for _ in range(15)),
    "out 60 CNAME www.far.test.",
)


class ServerCase(TestCase):
    """A running server with the two zones; trial fails a test that leaves anything open."""

    timeout = 30

    def serve(self, **options: object) -> DnsServer:
        """Start a server on a free port."""
        server = DnsServer(reactor, [("127.0.0.1", 0)], table=compile_table([HOSTED, BIG]), **options)  # type: ignore[arg-type]
        server.privilegedStartService()
        server.startService()
        self.addCleanup(server.stopService)
        self.port = server.addresses[0][1]
        return server


class DigTests(ServerCase):
    """What a person sees."""

    async def test_every_record_of_a_hosted_domain(self) -> None:
        """dig shows each record that a mail domain needs, over UDP and over TCP."""
        self.serve()
        dkim = f"v=DKIM1; k=rsa; p={KEY}"
        expected = {
            ("alpha.example", "SOA"): "mail.alpha.example. postmaster.alpha.example. 7 7200 900 1209600 300",
            ("alpha.example", "NS"): "mail.alpha.example.",
            ("alpha.example", "MX"): "10 mail.alpha.example.",
            ("alpha.example", "TXT"): '"v=spf1 mx -all"',
            (
                "_dmarc.alpha.example",
                "TXT",
            ): '"v=DMARC1; p=quarantine; sp=reject; np=reject; rua=mailto:postmaster@alpha.example"',
            ("s1._domainkey.alpha.example", "TXT"): f'"{dkim[:255]}" "{dkim[255:]}"'.replace(";", "\\;"),
            ("mail.alpha.example", "A"): "127.0.0.1",
            ("mail.alpha.example", "AAAA"): "2001:db8::25",
        }
        for (name, kind), data in expected.items():
            for transport in ("+notcp", "+tcp"):
                found = await dig(self.port, name, kind, "+short", transport)
                self.assertEqual(found.replace("\\;", ";"), data.replace("\\;", ";"))

    async def test_negative_and_foreign(self) -> None:
        """NXDOMAIN with the SOA, NODATA, REFUSED."""
        self.serve()
        gone = await dig(self.port, "no.alpha.example", "A")
        self.assertIn("status: NXDOMAIN", gone)
        self.assertIn("alpha.example.\t\t300\tIN\tSOA", gone)
        self.assertIn("status: NOERROR", await dig(self.port, "_domainkey.alpha.example", "TXT"))
        self.assertIn("status: REFUSED", await dig(self.port, "www.far.test", "A"))

    async def test_truncated_then_tcp(self) -> None:
        """dig takes TC as it should and gets all of it over TCP at the same port."""
        self.serve()
        found = await dig(self.port, "forty.big.example", "A", "+noedns", "+short")
        self.assertEqual(len(found.split()), 40)


class UdpTests(ServerCase):
    """Datagrams."""

    async def test_responses_are_dropped(self) -> None:
        """QR=1 gets silence; the next query an answer."""
        self.serve()
        query = dns.message.make_query("alpha.example", "MX").to_wire()

        def client() -> list[bytes]:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.settimeout(10)
                sock.connect(("127.0.0.1", self.port))
                for datagram in (query[:2] + b"\x81" + query[3:], b"junk", b"", b"\xff" * 5000):
                    sock.send(datagram)
                sock.send(query)
                return [sock.recv(4096)]

        (response,) = await in_thread(client)
        self.assertEqual(response[:2], query[:2])
        self.assertEqual(dns.message.from_wire(response).rcode(), dns.rcode.NOERROR)

    async def test_many(self) -> None:
        """More datagrams at once than one wake-up takes are all answered."""
        self.serve()
        query = dns.message.make_query("alpha.example", "MX").to_wire()[2:]

        def client() -> set[bytes]:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.settimeout(10)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
                sock.connect(("127.0.0.1", self.port))
                for n in range(1000):
                    sock.send(n.to_bytes(2, "big") + query)
                return {sock.recv(4096)[:2] for _ in range(1000)}

        self.assertEqual(len(await in_thread(client)), 1000)

    async def test_reload(self) -> None:
        """Another table is served from the next query on."""
        server = self.serve()
        self.assertEqual((await ask("new.example", "SOA", self.port)).rcode(), dns.rcode.REFUSED)
        server.reload(compile_table([zone("new.example.")]))
        self.assertEqual((await ask("new.example", "SOA", self.port)).rcode(), dns.rcode.NOERROR)
        self.assertEqual((await ask("alpha.example", "SOA", self.port)).rcode(), dns.rcode.REFUSED)

    async def test_our_own_fault(self) -> None:
        """SERVFAIL, logged once, and the service goes on."""
        server = self.serve()
        good = server._answerer.table
        server.reload(None)  # type: ignore[arg-type]
        for ask_by in (query_udp, query_udp, query_tcp):
            response = await ask_by(dns.message.make_query("alpha.example", "MX"), self.port)
            self.assertEqual(response.rcode(), dns.rcode.SERVFAIL)
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)
        server.reload(good)
        self.assertEqual((await ask("alpha.example", "MX", self.port)).rcode(), dns.rcode.NOERROR)

    async def test_ipv6(self) -> None:
        """The same over ::1."""
        server = DnsServer(reactor, [("::1", 0)], table=compile_table([HOSTED]))
        server.startService()
        self.addCleanup(server.stopService)
        query = dns.message.make_query("alpha.example", "MX")
        for ask_by in (dns.query.udp, dns.query.tcp):
            response = await in_thread(
                lambda ask_by=ask_by: ask_by(query, "::1", timeout=10, port=server.addresses[0][1])
            )
            self.assertEqual(len(response.answer), 1)

    async def test_replies_come_from_the_address_that_was_asked(self) -> None:
        """A server at the wildcard address: a client that asked 127.0.0.5 gets its answer from there."""
        upstream = ScriptedUpstream(lambda query: answer(query, "www.far.test. 60 A 192.0.2.80").to_wire()).start()
        self.addCleanup(upstream.stop)
        for wildcard, asked in (("0.0.0.0", ("127.0.0.5", "127.0.0.1")), ("::", ("::1",))):
            server = DnsServer(
                reactor,
                [(wildcard, 0)],
                table=compile_table([HOSTED]),
                forwarder=Forwarder(reactor, [upstream.address]),
            )
            server.startService()
            self.addCleanup(server.stopService)
            for address in asked:
                for name in ("alpha.example", "www.far.test"):
                    query = dns.message.make_query(name, "A")
                    port = server.addresses[0][1]
                    # dnspython takes a reply from the address that it asked only.
                    response = await in_thread(
                        lambda address=address, query=query, port=port: dns.query.udp(query, address, 5, port)
                    )
                    self.assertEqual(response.rcode(), dns.rcode.NOERROR)

    async def test_given_sockets(self) -> None:
        """Sockets that are bound already, as systemd hands them over."""
        datagram, stream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket()
        datagram.bind(("127.0.0.1", 0))
        stream.bind(datagram.getsockname())
        stream.listen()
        server = DnsServer(reactor, [datagram, stream], table=compile_table([HOSTED]))
        server.startService()
        self.addCleanup(server.stopService)
        for ask_by in (query_udp, query_tcp):
            response = await ask_by(dns.message.make_query("alpha.example", "MX"), server.addresses[0][1])
            self.assertEqual(len(response.answer), 1)

    def test_address_in_use(self) -> None:
        """A daemon without its port must not look alive."""
        server = self.serve()
        second = DnsServer(reactor, server.addresses)
        self.assertRaises(OSError, second.privilegedStartService)


class FieldCaseTests(ServerCase):
    """What others met, on the running server."""

    async def test_f069_pointer_loops(self) -> None:
        """F069: FORMERR to each query whose name points anywhere, over UDP and TCP; the next query is answered."""
        self.serve()
        names = (
            b"\xc0\x0c",
            b"\1a\xc0\x10\1b\xc0\x0c",
            b"\xc0\x20",
            b"\xff\xff",
            b"\1a" * 127 + b"\xc0\x0c",
            *(bytes((length,)) + b"a" * 63 for length in range(64, 192, 16)),
        )

        def client() -> list[int]:
            rcodes = []
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.settimeout(10)
                sock.connect(("127.0.0.1", self.port))
                for name in names:
                    query = b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + name + b"\0\1\0\1"
                    sock.send(query)
                    rcodes.append(sock.recv(4096)[3] & 15)
                    with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
                        connection.sendall(framed([query]))
                        rcodes.append(receive_message(connection)[3] & 15)
            return rcodes

        self.assertEqual(set(await in_thread(client)), {dns.rcode.FORMERR})
        self.assertEqual(len((await ask("alpha.example", "MX", self.port)).answer), 1)

    async def test_f072_big_answers(self) -> None:
        """F072: never more than was asked for nor than 1232, with TC; over TCP it is whole."""
        self.serve()
        for payload, limit in ((None, 512), (512, 512), (1232, 1232), (4096, 1232), (65535, 1232)):
            for name, kind in (("forty.big.example", "A"), ("text.big.example", "TXT")):
                options = {"use_edns": False} if payload is None else {"use_edns": 0, "payload": payload}
                query = dns.message.make_query(name, kind, **options)
                over_udp = await query_udp(query, self.port)
                whole = await query_tcp(query, self.port)
                self.assertLessEqual(len(over_udp.to_wire()), limit)
                self.assertFalse(whole.flags & dns.flags.TC)
                self.assertEqual(len(whole.answer[0]), 40 if kind == "A" else 1)
                fits = len(whole.to_wire()) <= limit
                self.assertEqual(bool(over_udp.flags & dns.flags.TC), not fits, (name, payload))

    async def test_f074_empty_non_terminals(self) -> None:
        """F074: NOERROR without an answer, with the SOA, wherever something lies below."""
        self.serve()
        for name, kind in (("_domainkey.alpha.example", "A"), ("_domainkey.alpha.example", "TXT"),
                           ("_tcp.alpha.example", "A"), ("alpha.example", "A")):  # fmt: skip
            response = await ask(name, kind, self.port)
            self.assertEqual((response.rcode(), response.answer), (dns.rcode.NOERROR, []))
            self.assertEqual(response.authority[0].rdtype, dns.rdatatype.SOA)
        gone = await ask("nothing.alpha.example", "A", self.port)
        self.assertEqual(gone.rcode(), dns.rcode.NXDOMAIN)

    async def test_f076_nodata(self) -> None:
        """F076: a host with an A only, asked for all else in upper case; then the A is found."""
        self.serve()
        for kind in ("AAAA", "MX", "TXT"):
            response = await ask("NS.BIG.EXAMPLE", kind, self.port)
            self.assertEqual((response.rcode(), response.answer), (dns.rcode.NOERROR, []))
            self.assertEqual(response.authority[0].rdtype, dns.rdatatype.SOA)
        self.assertEqual((await ask("NS.BIG.EXAMPLE", "A", self.port)).answer[0][0].to_text(), "192.0.2.53")


class TcpTests(ServerCase):
    """Connections (RFC 7766)."""

    def connect(self) -> socket.socket:
        """A client that blocks at most ten seconds; for use in a thread."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    async def test_f071_crumbs(self) -> None:
        """F071: one octet at a time, and two queries in one segment, are answered in order."""
        self.serve()
        queries = [dns.message.make_query("alpha.example", kind).to_wire() for kind in ("MX", "SOA", "TXT")]

        def client(crumb: int) -> list[bytes]:
            with self.connect() as connection:
                data = framed(queries)
                for at in range(0, len(data), crumb):
                    connection.sendall(data[at : at + crumb])
                return [receive_message(connection)[:2] for _ in queries]

        for crumb in (1, 2, 7, 1000):
            self.assertEqual(await in_thread(client, crumb), [query[:2] for query in queries])

    async def test_f071_junk(self) -> None:
        """F071: length 0, and length 3 with 3 junk octets, and a response: hung up, without an exception."""
        self.serve()
        response = dns.message.make_response(dns.message.make_query("alpha.example", "MX")).to_wire()

        def client(data: bytes) -> bytes:
            with self.connect() as connection:
                connection.sendall(data)
                try:
                    return receive_message(connection)
                except ConnectionResetError:
                    return b""

        for data in (b"\0\0", b"\0\3abc", framed([response])):
            self.assertEqual(await in_thread(client, data), b"")
        junk = b"\x12\x34\0\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1"
        self.assertEqual(dns.message.from_wire(await in_thread(client, framed([junk]))).rcode(), dns.rcode.FORMERR)

    async def test_f071_half_open(self) -> None:
        """F071: with 300 links that sent the beginning of a message, UDP and TCP are answered as before."""
        self.serve()

        def client() -> float:
            links = [self.connect() for _ in range(300)]
            for link in links:
                link.sendall(b"\xff\xff" if links.index(link) % 2 else b"\0")
            begun = time.monotonic()
            query = dns.message.make_query("alpha.example", "MX")
            for ask_by in (dns.query.udp, dns.query.tcp):
                assert len(ask_by(query, "127.0.0.1", timeout=5, port=self.port).answer) == 1
            took = time.monotonic() - begun
            for link in links:
                link.close()
            return took

        self.assertLess(await in_thread(client), 2.0)

    async def test_client_closes_its_half(self) -> None:
        """Who has said all it wants still gets its answers, and then the end."""
        self.serve()
        queries = [dns.message.make_query("alpha.example", "MX").to_wire() for _ in range(3)]

        def client() -> list[bytes]:
            with self.connect() as connection:
                connection.sendall(framed(queries))
                connection.shutdown(socket.SHUT_WR)
                return [receive_message(connection)[:2] for _ in range(4)]

        self.assertEqual(await in_thread(client), [*(query[:2] for query in queries), b""])

    async def test_many_on_one_connection(self) -> None:
        """Thousands of pipelined queries to a client that reads late are all answered, in order."""
        self.serve()
        query = dns.message.make_query("forty.big.example", "A").to_wire()[2:]

        def client() -> bool:
            with self.connect() as connection:
                connection.sendall(framed([n.to_bytes(2, "big") + query for n in range(1000)]))
                return all(receive_message(connection)[:2] == n.to_bytes(2, "big") for n in range(1000))

        self.assertTrue(await in_thread(client))

    async def test_large_answers(self) -> None:
        """What does not fit over UDP is whole over TCP."""
        self.serve()
        response = await query_tcp(dns.message.make_query("forty.big.example", "A", use_edns=False), self.port)
        self.assertEqual((len(response.answer[0]), response.flags & dns.flags.TC), (40, 0))


class ForwardingTests(ServerCase):
    """Names that are not ours."""

    def upstream(self) -> ScriptedUpstream:
        """An upstream that knows www.far.test."""
        upstream = ScriptedUpstream(
            lambda query: answer(query, f"{query.question[0].name} 60 A 192.0.2.80").to_wire()
        ).start()
        self.addCleanup(upstream.stop)
        return upstream

    async def test_for_our_clients(self) -> None:
        """Asked upstream for the allowed networks, over UDP and TCP, with RA."""
        self.serve(forwarder=Forwarder(reactor, [self.upstream().address]))
        for ask_by in (query_udp, query_tcp):
            response = await ask_by(dns.message.make_query("www.far.test", "A"), self.port)
            self.assertEqual(response.answer[0].to_text(), "www.far.test. 60 IN A 192.0.2.80")
            self.assertEqual(response.flags, dns.flags.QR | dns.flags.RD | dns.flags.RA)

    async def test_strangers(self) -> None:
        """Clients of other networks are refused, and nothing is asked (RFC 5358)."""
        upstream = self.upstream()
        self.serve(forwarder=Forwarder(reactor, [upstream.address]), networks=("192.0.2.0/24", "2001:db8::/32"))
        for ask_by in (query_udp, query_tcp):
            response = await ask_by(dns.message.make_query("www.far.test", "A"), self.port)
            self.assertEqual(response.rcode(), dns.rcode.REFUSED)
            own = await ask_by(dns.message.make_query("alpha.example", "MX"), self.port)
            self.assertEqual((own.rcode(), own.flags & dns.flags.RA), (dns.rcode.NOERROR, 0))
        self.assertEqual(upstream.asked, [])

    async def test_alias_of_ours_to_a_foreign_name(self) -> None:
        """A client of ours gets the alias and what it leads to in one answer."""
        self.serve(forwarder=Forwarder(reactor, [self.upstream().address]))
        for ask_by in (query_udp, query_tcp):
            response = await ask_by(dns.message.make_query("out.big.example", "A"), self.port)
            self.assertEqual(
                [rrset.to_text() for rrset in response.answer],
                ["out.big.example. 60 IN CNAME www.far.test.", "www.far.test. 60 IN A 192.0.2.80"],
            )

    async def test_order_over_tcp(self) -> None:
        """An own name asked after a foreign one on the same connection is answered after it."""
        self.serve(forwarder=Forwarder(reactor, [self.upstream().address]))
        queries = [
            dns.message.make_query(name, "A").to_wire() for name in ("a.far.test", "alpha.example", "b.far.test")
        ]

        def client() -> list[bytes]:
            with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
                connection.sendall(framed(queries))
                return [receive_message(connection)[:2] for _ in queries]

        self.assertEqual(await in_thread(client), [query[:2] for query in queries])
