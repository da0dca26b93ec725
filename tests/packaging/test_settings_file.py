"""etc/mailsuite.toml against the settings themselves."""

import re
import tempfile
import tomllib
import typing

from msgspec import Struct
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.runtime.settings import Settings, load
from tests.packaging import ROOT

SHIPPED = ROOT / "etc/mailsuite.toml"
NO_DEFAULT = {
    "server.postmaster",
    "tls.certificate",
    "tls.key",
    "delivery.ca_file",
    "dns.upstreams",
    "dns.resolver",
    "dns.zones",
    "dns.transfer_keys",
}
"""Keys whose absence has a meaning of its own, so that a value in the file can only be an example."""


def uncommented() -> str:
    """The file with every key in force."""
    return re.sub(r'^#(?=[a-z0-9_]+ = |"[^"]*" = )', "", SHIPPED.read_text(), flags=re.MULTILINE)


class SettingsFileTests(SynchronousTestCase):
    """What an administrator reads."""

    def test_it_loads_as_it_is(self) -> None:
        """A fresh install has settings without a problem."""
        self.assertEqual(load(SHIPPED).server.hostname, "mail.example.org")

    def test_every_key_is_there_and_no_other(self) -> None:
        """Uncommented, the file has exactly the sections and keys that the settings know."""
        known = {}
        for name, section in typing.get_type_hints(Settings).items():
            if isinstance(section, type) and issubclass(section, Struct):
                known[name] = set(section.__struct_fields__)
        shown = {name: set(section) for name, section in tomllib.loads(uncommented()).items()}
        self.assertEqual(shown.pop("route"), {"example.net", "*"})
        self.assertEqual(shown.pop("tls_policy"), {"example.net"})
        self.assertEqual(shown, known)

    def test_the_values_shown_are_the_defaults(self) -> None:
        """A line with its # taken away changes nothing."""
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as everything:
            # A certificate must be there to be read: any file will do.
            everything.write(re.sub(r'"/etc/(?:ssl/|mailsuite/transfer)[^"]*"', f'"{everything.name}"', uncommented()))
            everything.flush()
            shown, default = load(everything.name), load(SHIPPED)
        for name in Settings.__struct_fields__:
            if name in ("route", "tls_policy"):
                continue
            for key in getattr(default, name).__struct_fields__:
                if f"{name}.{key}" not in NO_DEFAULT:
                    self.assertEqual(getattr(getattr(shown, name), key), getattr(getattr(default, name), key), key)

    def test_every_key_is_explained(self) -> None:
        """Each key, or the pair it belongs to, has a comment above it."""
        lines = SHIPPED.read_text().splitlines()
        for number, line in enumerate(lines):
            if re.match(r'#?([a-z0-9_]+|"[^"]*") = ', line):
                above = lines[number - 1]
                self.assertTrue(above.startswith("#"), f"line {number + 1} has no comment: {line}")
