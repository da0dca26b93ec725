"""The machine's own name servers."""

import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailsuite.runtime.resolv_conf import nameservers


class NameserversTests(SynchronousTestCase):
    """resolv.conf(5)."""

    def test_servers_in_order(self) -> None:
        """Comments, other words and what is no address are passed over; so are we ourselves."""
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(
                "# nameserver 192.0.2.1\nsearch example.org\nnameserver 127.0.0.1\nnameserver 127.0.0.53\n"
                "nameserver\t2001:db8::53\nnameserver ::1\nnameserver x\nnameserver\n options ndots:1\n"
            )
            file.flush()
            self.assertEqual(nameservers(Path(file.name)), (("127.0.0.53", 53), ("2001:db8::53", 53)))

    def test_no_file(self) -> None:
        """A machine without the file has none."""
        self.assertEqual(nameservers(Path("/nonexistent")), ())
