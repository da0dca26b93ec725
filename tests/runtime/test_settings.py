"""Reading the settings file."""

import tempfile
from ipaddress import ip_network
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailsuite.model.address import Address
from mailsuite.runtime.network_values import Listen, ServerAddress
from mailsuite.runtime.sections import Dns, Redis, Server
from mailsuite.runtime.settings import Settings, SettingsError, load

HOST = '[server]\nhostname = "mail.example.org"\n'
DAY = 24 * 3600 * 1000


class SettingsCase(SynchronousTestCase):
    """Writes a file and reads it."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def read(self, text: str, resolv_conf: str = "/nonexistent") -> Settings:
        """The settings that ``text`` gives."""
        self.path = self.directory / "mailsuite.toml"
        self.path.write_text(text, encoding="utf-8")
        return load(self.path, resolv_conf)

    def problems(self, text: str) -> list[str]:
        """What is said about ``text``, without the file's name."""
        with self.assertRaises(SettingsError) as caught:
            self.read(text)
        prefix = f"{self.path}:"
        for problem in caught.exception.problems:
            self.assertTrue(problem.startswith(prefix), problem)
        self.assertEqual(str(caught.exception), "\n".join(caught.exception.problems))
        return [problem.removeprefix(prefix) for problem in caught.exception.problems]


class ReadingTests(SettingsCase):
    """A file without mistakes."""

    def test_all_kinds_of_values(self) -> None:
        """Each kind of value arrives as its type, in milliseconds and octets."""
        settings = self.read(
            """
            [server]
            hostname = "Mail.Example.org"
            data = "/srv/mail"
            postmaster = "Postmaster@example.org"
            [mx]
            listen = ["127.0.0.1:2525", "[::]:25"]
            max_size = "10MB"
            [delivery]
            retry = ["90s", "1h"]
            expire = "5d"
            [route]
            "Beta.example" = "127.0.0.1:2526"
            "*" = "relay.example.net:587"
            [dns]
            upstreams = ["192.0.2.53", "[2001:db8::53]:5353"]
            clients = ["192.0.2.0/24"]
            [web]
            public_url = "https://webmail.example.org/"
            """
        )
        self.assertEqual(settings.server.hostname, "mail.example.org")
        self.assertEqual(settings.server.postmaster, Address("Postmaster", "example.org"))
        self.assertEqual(settings.database, Path("/srv/mail/mailsuite.db"))
        self.assertEqual(settings.mx.listen, (Listen("127.0.0.1", 2525), Listen("::", 25)))
        self.assertEqual(settings.mx.max_size, 10_000_000)
        self.assertEqual(settings.delivery.retry, (90_000, 3_600_000))
        self.assertEqual(settings.delivery.expire, 5 * DAY)
        self.assertEqual(settings.route, {"beta.example": "127.0.0.1:2526", "*": "relay.example.net:587"})
        self.assertEqual(settings.dns.upstreams, (("192.0.2.53", 53), ("2001:db8::53", 5353)))
        self.assertEqual(settings.dns.clients, (ip_network("192.0.2.0/24"),))
        self.assertEqual(settings.web.public_url, "https://webmail.example.org")

    def test_what_follows_from_the_host_name(self) -> None:
        """URL and title of the webmail and the name server are this machine when nothing else is said."""
        settings = self.read(HOST)
        self.assertEqual(settings.web.public_url, "https://mail.example.org")
        self.assertEqual(settings.web.title, "mail.example.org")
        self.assertEqual(settings.dns.nameservers, ("mail.example.org",))

    def test_settings_cannot_be_changed(self) -> None:
        """They are frozen, so that a reload swaps all or nothing."""
        settings = self.read(HOST)
        with self.assertRaises(AttributeError):
            settings.server = Server(hostname="x.example")  # type: ignore[misc]
        with self.assertRaises(AttributeError):
            settings.mx.max_size = 1  # type: ignore[misc]

    def test_the_store_may_be_elsewhere(self) -> None:
        """A sqlite URL names the database file."""
        settings = self.read(HOST + '[store]\nurl = "sqlite:///srv/other.db"\n')
        self.assertEqual(settings.database, Path("/srv/other.db"))

    def test_upstreams_of_the_machine(self) -> None:
        """Without the key the machine's name servers are asked; an empty list asks nobody."""
        resolv = self.directory / "resolv.conf"
        resolv.write_text("nameserver 127.0.0.1\nnameserver 192.0.2.53\n")
        self.assertEqual(self.read(HOST, str(resolv)).dns.upstreams, (ServerAddress("192.0.2.53", 53),))
        self.assertEqual(self.read(HOST + "[dns]\nupstreams = []\n", str(resolv)).dns.upstreams, ())

    def test_a_password_is_not_shown(self) -> None:
        """The text of the settings has no Redis URL in it."""
        settings = Settings(server=Server(hostname="m.example"), redis=Redis(url="redis://:secret@127.0.0.1"))
        self.assertNotIn("secret", repr(settings))


class WhomWeAskTests(SynchronousTestCase):
    """The server of the suite's own look-ups."""

    def test_resolver(self) -> None:
        """A configured one wins; else it is our own service, by a local address when it listens on all."""
        resolver = ServerAddress("192.0.2.1", 5353)
        for listen, expected in (
            (Listen("127.0.0.2", 5300), ("127.0.0.2", 5300)),
            (Listen("0.0.0.0", 53), ("127.0.0.1", 53)),
            (Listen("::", 5300), ("::1", 5300)),
            (Listen(inherited="dns"), ("127.0.0.1", 53)),
        ):
            self.assertEqual(Dns(listen=(listen,)).asked, expected)
            self.assertEqual(Dns(listen=(listen,), resolver=resolver).asked, resolver)


class ProblemsTests(SettingsCase):
    """A file with mistakes."""

    def test_all_at_once_with_line_and_key(self) -> None:
        """One reading tells every mistake of every kind, in the order of the lines."""
        found = self.problems(
            "[server]\n"
            'hostname = "mail"\n'  # 2
            "data = 5\n"
            "[mx]\n"
            "listen = [\n"  # 5
            '  "127.0.0.1:25", # ]\n'
            '  "localhost:25",\n'
            "]\n"
            'bare_newline = "accept"\n'  # 9
            "max_recipients = 99\n"
            "max_sessions = true\n"
            'max_size = "63KiB"\n'
            "[delivery]\n"
            "retry = []\n"  # 14
            'expire = "soon"\n'
            "retry_limit = -1\n"
            "[dns]\n"
            'addresses = ["mail.example.org"]\n'  # 18
            'clients = ["192.0.2.1/24"]\n'
            "[route]\n"
            '"beta.example" = "127.0.0.1"\n'  # 21
            '"a b" = "127.0.0.1:25"\n'
        )
        expected = (
            "2: server.hostname: 'mail' is not the full name of a machine",
            "3: server.data: must be a string",
            "5: mx.listen: entry 2, 'localhost:25': must be an IP address and a port",
            "9: mx.bare_newline: must be one of 'reject', 'normalise'",
            "10: mx.max_recipients: must be a whole number, at least 100 (RFC 5321",
            "11: mx.max_sessions: must be a whole number, at least 1",
            "12: mx.max_size: must be at least 65536 octets (RFC 5321",
            "14: delivery.retry: must not be empty",
            "15: delivery.expire: must be a time such as",
            "16: delivery.retry_limit: must be a whole number, at least 0",
            "18: dns.addresses: entry 1, 'mail.example.org': must be an IP address",
            "19: dns.clients: entry 1, '192.0.2.1/24': must be a network",
            "21: route.beta.example: needs a port",
            "22: route.a b: is not a domain name",
        )
        self.assertEqual(len(found), len(expected), found)
        for problem, beginning in zip(found, expected, strict=True):
            self.assertTrue(problem.startswith(beginning), f"{problem!r} does not begin with {beginning!r}")

    def test_unknown_keys_and_sections(self) -> None:
        """They are refused, and the nearest known name is offered."""
        found = self.problems(HOST + "[mx]\nmax_sise = 1\nzzz = 1\n[delivry]\n[qqq]\n")
        self.assertEqual(
            found,
            [
                "4: mx.max_sise: is not a key of [mx], did you mean 'max_size'?",
                "5: mx.zzz: is not a key of [mx]",
                "6: delivry: is not a section, did you mean 'delivery'?",
                "7: qqq: is not a section",
            ],
        )

    def test_a_key_outside_its_section(self) -> None:
        """A value where a section should be is told."""
        self.assertEqual(self.problems('mx = "x"\n' + HOST), ["1: mx: must be a section, [mx]"])

    def test_inline_tables_have_the_line_of_the_table(self) -> None:
        """Where a key has no line of its own its section's is told."""
        found = self.problems("mx = { max_sessions = 0 }\n" + HOST)
        self.assertEqual(found, ["1: mx.max_sessions: must be a whole number, at least 1"])

    def test_certificate_and_key(self) -> None:
        """Both or none."""
        for key, other in (("certificate", "key"), ("key", "certificate")):
            self.assertEqual(
                self.problems(f'{HOST}[tls]\n{key} = "{__file__}"\n'), [f"4: tls.{key}: needs tls.{other} beside it"]
            )
        settings = self.read(f'{HOST}[tls]\ncertificate = "{__file__}"\nkey = "{__file__}"\n')
        self.assertEqual(settings.tls.key, Path(__file__))

    def test_more_certificates(self) -> None:
        """Each is a pair of files that can be read; they need a main one, which comes first."""
        pair = f'["{__file__}", "{__file__}"]'
        main = f'certificate = "{__file__}"\nkey = "{__file__}"\n'
        settings = self.read(f"{HOST}[tls]\n{main}more = [{pair}]\n")
        self.assertEqual(settings.tls.pairs, ((Path(__file__), Path(__file__)),) * 2)
        self.assertEqual(self.read(HOST).tls.pairs, ())
        (found,) = self.problems(f"{HOST}[tls]\nmore = [{pair}]\n")
        self.assertTrue(found.startswith("4: tls.more: needs tls.certificate and tls.key"), found)
        (found,) = self.problems(f'{HOST}[tls]\n{main}more = [["{__file__}"]]\n')
        self.assertIn("entry 1", found)
        self.assertIn("must be a certificate and its key", found)

    def test_yes_or_no(self) -> None:
        """A switch is true or false and nothing like it."""
        self.assertTrue(self.read(f"{HOST}[mx]\nrequire_ptr = true\n").mx.require_ptr)
        for wrong in ('"yes"', "1"):
            self.assertEqual(
                self.problems(f"{HOST}[mx]\nrequire_ptr = {wrong}\n"), ["4: mx.require_ptr: must be true or false"]
            )

    def test_one_place_to_listen_for_one_service(self) -> None:
        """Two services cannot have the same socket."""
        found = self.problems(HOST + '[mx]\nlisten = ["[::]:25"]\n[web]\nlisten = ["[0::0]:25"]\n')
        self.assertEqual(found, ["6: web.listen: [::]:25 is used by mx.listen already"])

    def test_session_times(self) -> None:
        """A session cannot be idle for longer than it lives, be it by a default."""
        found = self.problems(HOST + '[web]\nsession_idle = "31d"\n')
        self.assertEqual(found, ["4: web.session_idle: must not be longer than web.session_max"])

    def test_a_domain_without_quotes(self) -> None:
        """TOML reads dots as tables: the quotes that are missing are shown."""
        (found,) = self.problems(HOST + '[route]\nbeta.example = "127.0.0.1:25"\n')
        self.assertIn('4: route.beta: write a domain with its dots in quotes: "example.org" = "host:port"', found)

    def test_not_toml(self) -> None:
        """A syntax error is told with its line."""
        (found,) = self.problems('[server]\nhostname = "a\n')
        self.assertTrue(found.startswith("2: is not TOML: "), found)

    def test_files_that_cannot_be_read(self) -> None:
        """Missing files and other encodings are told without a traceback."""
        with self.assertRaises(SettingsError) as caught:
            load("/nonexistent/mailsuite.toml")
        self.assertEqual(
            caught.exception.problems, ("/nonexistent/mailsuite.toml: cannot be read: No such file or directory",)
        )
        path = self.directory / "latin1.toml"
        path.write_bytes(b'[server]\nhostname = "m\xfcnchen.example"\n')
        with self.assertRaisesRegex(SettingsError, "is not UTF-8: .* at octet 22"):
            load(path)
