"""Sockets that are handed over, and those that are opened here."""

import json
import os
import socket
import subprocess
import sys
from typing import cast

from twisted.internet import reactor
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailsuite.runtime.network_values import Listen
from mailsuite.runtime.sockets import NotHandedOver, descriptors, handed_sockets, probe, stream_endpoints

# A daemon as systemd starts one: sockets at 3, 4, 5, their names in the environment. endpoints is imported first,
# whose own reader empties os.environ.
CHILD = """
import os
os.environ["LISTEN_PID"] = str(os.getpid())
os.execve(sys.executable, [sys.executable, "-c", '''
import json, socket, sys
import twisted.internet.endpoints
from twisted.internet import reactor
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.protocol import Protocol, Factory
from mailsuite.runtime.network_values import Listen
from mailsuite.runtime.sockets import handed_sockets, inherited, stream_endpoints

class Hello(Protocol):
    def connectionMade(self):
        self.transport.write(b"hello")
        self.transport.loseConnection()

ports = []
[endpoint] = stream_endpoints(reactor, [Listen(inherited="smtp")])
endpoint.listen(Factory.forProtocol(Hello)).addCallback(ports.append)
udp, tcp = handed_sockets(Listen(inherited="dns"))
print(json.dumps({
    "handed": {name: [each.descriptor for each in found] for name, found in inherited().items()},
    "smtp": ports[0].getHost().port,
    "udp": udp.getsockname()[1],
    "tcp": tcp.getsockname()[1],
}), flush=True)
reactor.callLater(30, reactor.stop)
reactor.run()
'''], os.environ)
"""


class HandedOverTests(SynchronousTestCase):
    """sd_listen_fds(3)."""

    def test_names(self) -> None:
        """Descriptors count from 3; one name may have several."""
        environ = {"LISTEN_PID": "7", "LISTEN_FDS": "3", "LISTEN_FDNAMES": "smtp:dns:dns"}
        self.assertEqual(descriptors(environ, 7), {"smtp": [3], "dns": [4, 5]})

    def test_for_another_process(self) -> None:
        """What was handed to our parent is not ours; without a word from systemd there is nothing."""
        self.assertEqual(descriptors({"LISTEN_PID": "7", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "smtp"}, 8), {})
        self.assertEqual(descriptors({}, 8), {})


class InheritedTests(SynchronousTestCase):
    """A real process that gets real sockets."""

    def test_a_child_serves_what_it_is_given(self) -> None:
        """TCP and UDP arrive by name, each by its kind, and the TCP ports answer."""
        smtp = socket.create_server(("127.0.0.1", 0))
        tcp = socket.create_server(("::1", 0), family=socket.AF_INET6)
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        given = (smtp, tcp, udp)
        for each in given:
            self.addCleanup(each.close)

        # The child gets them at 3, 4, 5, as systemd would; above the numbers that dup2 overwrites first.
        high = [os.dup2(each.fileno(), 100 + place) for place, each in enumerate(given)]
        prepare = "import os, sys\nfor n in range(3): os.dup2(100 + n, 3 + n)\n"
        child = subprocess.Popen(
            [sys.executable, "-c", prepare + CHILD],
            stdout=subprocess.PIPE,
            pass_fds=high,
            env=os.environ | {"LISTEN_FDS": "3", "LISTEN_FDNAMES": "smtp:dns:dns"},
        )
        for descriptor in high:
            os.close(descriptor)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        assert child.stdout is not None
        self.addCleanup(child.stdout.close)

        found = json.loads(child.stdout.readline())
        self.assertEqual(found["handed"], {"smtp": [3], "dns": [4, 5]})
        self.assertEqual(found["smtp"], smtp.getsockname()[1])
        self.assertEqual((found["udp"], found["tcp"]), (udp.getsockname()[1], tcp.getsockname()[1]))
        with socket.create_connection(smtp.getsockname(), timeout=10) as link:
            self.assertEqual(link.recv(10), b"hello")

    def test_what_is_missing_is_said(self) -> None:
        """No socket is opened in the place of one that should have come."""
        with self.assertRaisesRegex(NotHandedOver, "no stream socket named 'smtp' was handed over .*: none"):
            stream_endpoints(reactor, [Listen(inherited="smtp")], {})
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            handed = {"dns": [probe(udp.fileno())]}
            with self.assertRaisesRegex(NotHandedOver, "no stream socket named 'dns' .*: dns"):
                stream_endpoints(reactor, [Listen(inherited="dns")], handed)
            with self.assertRaisesRegex(NotHandedOver, "no stream socket named 'dns'"):
                handed_sockets(Listen(inherited="dns"), handed)
            with self.assertRaisesRegex(NotHandedOver, "no datagram socket named 'smtp'"):
                handed_sockets(Listen(inherited="smtp"), handed)


class OpenedTests(TestCase):
    """Sockets that a daemon opens by itself."""

    async def test_streams(self) -> None:
        """An endpoint for each place, IPv4 or IPv6; a place that is taken is an error."""
        addresses = []
        for endpoint in stream_endpoints(reactor, [Listen("127.0.0.1", 0), Listen("::1", 0)], {}):
            port = await endpoint.listen(Factory())
            self.addCleanup(port.stopListening)
            addresses.append(cast(IPv4Address | IPv6Address, port.getHost()))
        self.assertEqual([address.host for address in addresses], ["127.0.0.1", "::1"])
        [taken] = stream_endpoints(reactor, [Listen("127.0.0.1", addresses[0].port)], {})
        with self.assertRaises(CannotListenError):
            await taken.listen(Factory())
