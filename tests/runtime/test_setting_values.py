"""Readers of single values."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_network
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.runtime import network_values, setting_values
from mailsuite.runtime.network_values import Listen, ServerAddress

MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000}
OCTETS = {"B": 1, "kB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
PORTS = st.integers(1, 65535)
ADDRESSES = st.ip_addresses()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def octets(value: object) -> int:
    return setting_values.size(1, "it must hold something")(value)


def bracketed(address: IPv4Address | IPv6Address) -> str:
    return f"[{address}]" if address.version == 6 else str(address)


class ReadersTests(SynchronousTestCase):
    """What each kind of value takes and refuses."""

    def test_known_durations(self) -> None:
        """The forms that the settings file promises."""
        for text, expected in (("90s", 90_000), ("5m", 300_000), ("4h", 14_400_000), ("5d", 432_000_000)):
            self.assertEqual(setting_values.duration(text), expected)

    @given(st.integers(1, 1000), st.sampled_from(sorted(MILLISECONDS)))
    def test_durations(self, number: int, unit: str) -> None:
        """A number and a unit are that many milliseconds."""
        self.assertEqual(setting_values.duration(f"{number}{unit}"), number * MILLISECONDS[unit])

    def test_duration_or_never(self) -> None:
        """0 is never; everything else as usual."""
        self.assertEqual(setting_values.duration_or_never(0), 0)
        self.assertEqual(setting_values.duration_or_never("4h"), 4 * MILLISECONDS["h"])
        for value in ("0", "0s", False, -1, 1, 0.0, None, "4"):
            with self.assertRaisesRegex(ValueError, "never"):
                setting_values.duration_or_never(value)

    def test_durations_refused(self) -> None:
        """No bare numbers, fractions, signs, unknown units, nothing, nor centuries."""
        for value in (5, 5.0, True, "5", "5 m", "-5m", "1.5h", "0s", "5M", "", "5mm", "٣s", "999999999w", None, ["5m"]):
            with self.assertRaises(ValueError, msg=repr(value)):
                setting_values.duration(value)

    @given(st.integers(1, 10**6), st.sampled_from(sorted(OCTETS)), st.sampled_from(["", " "]))
    def test_sizes(self, number: int, unit: str, gap: str) -> None:
        """A number and a unit, or a bare integer, are that many octets."""
        self.assertEqual(octets(f"{number}{gap}{unit}"), number * OCTETS[unit])
        self.assertEqual(octets(number), number)

    def test_sizes_refused(self) -> None:
        """No booleans, fractions, unknown units, negative numbers."""
        for value in (True, 1.5, -1, "-1MB", "1.5MB", "35mb", "35M", "MB", "", "0MB", None):
            with self.assertRaises(ValueError, msg=repr(value)):
                octets(value)

    @given(ADDRESSES, PORTS)
    def test_listen(self, address: IPv4Address | IPv6Address, port: int) -> None:
        """An IP (IPv6 in brackets) and a port; the value's text reads as the value again."""
        listen = network_values.listen(f"{bracketed(address)}:{port}")
        self.assertEqual(listen, Listen(str(address), port))
        self.assertEqual(network_values.listen(str(listen)), listen)

    @given(st.from_regex(r"\A[A-Za-z0-9_.-]{1,40}\Z"))
    def test_listen_inherited(self, name: str) -> None:
        """The name of a systemd socket; the value's text reads as the value again."""
        listen = network_values.listen(f"inherited:{name}")
        self.assertEqual(listen, Listen(inherited=name))
        self.assertEqual(network_values.listen(str(listen)), listen)

    def test_listen_refused(self) -> None:
        """No host names, bare ports, open brackets, ports out of range, odd socket names."""
        refused = ("localhost:25", ":25", "25", "127.0.0.1", "::1:25", "[::1]", "[::1:25", "127.0.0.1:0")
        for value in (*refused, "1.2.3.4:65536", "1.2.3.4: 25", "1.2.3.4:+25", "inherited:", "inherited:a b", 25, None):
            with self.assertRaises(ValueError, msg=repr(value)):
                network_values.listen(value)

    @given(ADDRESSES, PORTS)
    def test_name_server(self, address: IPv4Address | IPv6Address, port: int) -> None:
        """An IP with or without a port; without it is 53."""
        self.assertEqual(network_values.name_server(str(address)), ServerAddress(str(address), 53))
        self.assertEqual(network_values.name_server(f"{bracketed(address)}:{port}"), (str(address), port))

    @given(JSON)
    def test_any_value_is_read_or_refused(self, value: object) -> None:
        """Whatever TOML can hold, a reader returns or raises ValueError, never something else."""
        for reader in (
            setting_values.text,
            setting_values.whole(1),
            setting_values.one_of("a", "b"),
            setting_values.many(setting_values.text),
            setting_values.duration,
            setting_values.duration_or_never,
            octets,
            setting_values.domain_name,
            setting_values.host_name,
            setting_values.address,
            setting_values.absolute_path,
            setting_values.readable_file,
            setting_values.web_origin,
            setting_values.redis_url,
            setting_values.store_url,
            network_values.ip,
            network_values.ipv4,
            network_values.ipv6,
            network_values.network,
            network_values.listen,
            network_values.name_server,
            network_values.secondary,
            network_values.target,
            network_values.probe,
        ):
            try:
                reader(value)
            except ValueError as error:
                self.assertTrue(str(error))

    def test_addresses_of_one_family(self) -> None:
        """An address of the family, or nothing."""
        self.assertEqual(network_values.ipv4("192.0.2.1"), "192.0.2.1")
        self.assertEqual(network_values.ipv6("2001:db8:0::1"), "2001:db8::1")
        for reader, value in ((network_values.ipv4, "::1"), (network_values.ipv6, "192.0.2.1")):
            self.assertEqual(reader(""), "")
            self.assertRaises(ValueError, reader, value)

    def test_domain_names(self) -> None:
        """Lower case, U-labels as A-labels (RFC 5891), no final dot; no empty labels, no spaces, no IPs."""
        self.assertEqual(setting_values.domain_name("Bücher.Example."), "xn--bcher-kva.example")
        for value in (
            "",
            ".",
            "a..b",
            "-a.example",
            "a b.example",
            "192.0.2.1",
            "a" * 64 + ".example",
            "a." * 127 + "aa",
        ):
            with self.assertRaises(ValueError, msg=value):
                setting_values.domain_name(value)

    def test_host_name(self) -> None:
        """A machine's full name has two labels at least."""
        self.assertEqual(setting_values.host_name("Mail.Example.ORG"), "mail.example.org")
        with self.assertRaisesRegex(ValueError, "'mail' is not the full name"):
            setting_values.host_name("mail")

    def test_targets(self) -> None:
        """Routes lead to names or IPs with a port, never to a port alone."""
        self.assertEqual(network_values.target("Relay.Example.net:587"), "relay.example.net:587")
        self.assertEqual(network_values.target("localhost:2525"), "localhost:2525")
        self.assertEqual(network_values.target("[2001:DB8::1]:25"), "[2001:db8::1]:25")
        for value in ("relay.example.net", "2001:db8::1:25", "300.1.2.3:25", ":25", "a b:25"):
            with self.assertRaises(ValueError, msg=value):
                network_values.target(value)

    def test_networks(self) -> None:
        """A network has no host bits."""
        self.assertEqual(network_values.network("192.0.2.0/24"), ip_network("192.0.2.0/24"))
        self.assertEqual(network_values.network("::1"), IPv6Network("::1/128"))
        for value in ("192.0.2.1/24", "192.0.2.0/33", "example.org", 1):
            with self.assertRaises(ValueError, msg=repr(value)):
                network_values.network(value)

    def test_web_origin(self) -> None:
        """A site's address without path, query or login."""
        self.assertEqual(setting_values.web_origin("https://mail.example.org/"), "https://mail.example.org")
        self.assertEqual(setting_values.web_origin("http://127.0.0.1:8080"), "http://127.0.0.1:8080")
        refused = ("mail.example.org", "https://", "ftp://a.example", "https://a.example/mail", "https://a.example?x=1")
        for value in (*refused, "https://u:p@a.example", "https://a.example:99999", "https://[::1"):
            with self.assertRaises(ValueError, msg=value):
                setting_values.web_origin(value)

    def test_urls_of_servers(self) -> None:
        """What Redis and the store may be; an error shows no URL, for it may hold a password."""
        for value in ("", "redis://127.0.0.1", "redis://:secret@redis.example:6380/2", "unix:///run/redis.sock?db=1"):
            self.assertEqual(setting_values.redis_url(value), value)
        for value in ("127.0.0.1:6379", "rediss://:secret@a.example", "redis://:secret@", "unix://secret", "unix:"):
            with self.assertRaises(ValueError) as caught:
                setting_values.redis_url(value)
            self.assertNotIn("secret", str(caught.exception))
        self.assertEqual(setting_values.store_url("sqlite:///srv/mail.db"), "sqlite:///srv/mail.db")
        for value in ("sqlite://", "sqlite://srv/mail.db", "mongodb://a.example", "/srv/mail.db"):
            with self.assertRaises(ValueError, msg=value):
                setting_values.store_url(value)

    def test_paths(self) -> None:
        """Paths begin at the root; a certificate must be a file that can be read."""
        self.assertEqual(setting_values.absolute_path("/srv/mail"), Path("/srv/mail"))
        with self.assertRaisesRegex(ValueError, "absolute"):
            setting_values.absolute_path("srv/mail")
        self.assertEqual(setting_values.readable_file(__file__), Path(__file__))
        with self.assertRaisesRegex(ValueError, "not a file that can be read"):
            setting_values.readable_file("/nonexistent/mail.pem")
        with self.assertRaisesRegex(ValueError, "not a file that can be read"):
            setting_values.readable_file("/")

    def test_many_names_the_entry(self) -> None:
        """What is wrong in a list is told with its place."""
        with self.assertRaisesRegex(ValueError, r"entry 2, 'x': must be an IP address"):
            setting_values.many(network_values.ip)(["192.0.2.1", "x"])
