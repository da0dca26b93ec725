"""The keys of secondaries, from settings and their file."""

from __future__ import annotations

from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.daemons.dns import secondaries
from mailsuite.dns.transfer import Secondary, TransferKey
from mailsuite.runtime.settings import SettingsError, load
from mailsuite.testing.temporary import temporary_directory

LINE = "k.example:hmac-sha256:MDEyMzQ1Njc4OWFiY2RlZg=="
KEY = TransferKey("k.example", "hmac-sha256", b"0123456789abcdef")


class SecondariesTests(SynchronousTestCase):
    """Each with the key that it names."""

    def read(self, named: str, keys: str | None) -> list[Secondary]:
        """``named`` as in dns.secondaries, ``keys`` the content of the file."""
        folder = temporary_directory(self)
        text = f'[server]\nhostname = "mail.example.org"\n[dns]\nsecondaries = {named}\n'
        if keys is not None:
            (folder / "keys").write_text(keys)
            text += f'transfer_keys = "{folder}/keys"\n'
        (folder / "toml").write_text(text)
        return secondaries(load(folder / "toml"))

    def test_with_and_without(self) -> None:
        """Names of keys are compared without case; a file may hold comments."""
        self.assertEqual(
            self.read('["192.0.2.54:5353 K.Example", "2001:db8::54"]', f"# ours\n\n{LINE}\n"),
            [Secondary(("192.0.2.54", 5353), KEY), Secondary(("2001:db8::54", 53))],
        )
        self.assertEqual(self.read("[]", None), [])

    def test_refused(self) -> None:
        """A key that is not there, one that nobody has, a line that is none, each named; the secret never is."""
        for named, keys, part in (
            ('["192.0.2.54 other.example"]', LINE, "other.example is not in"),
            ('["192.0.2.54 k.example"]', None, "k.example is not in"),
            ('["192.0.2.54"]', LINE, "k.example is of no secondary"),
            ("[]", LINE, "k.example is of no secondary"),
            ('["192.0.2.54 k.example"]', f"#\nk.example:md5:{LINE[-24:]}", "keys:2: "),
        ):
            said = str(self.assertRaises(UsageError, self.read, named, keys))
            self.assertIn(part, said)
            self.assertNotIn(LINE[-24:], said)
        for named in ('["192.0.2.54 a key"]', '["ns.example.org k.example"]', '["192.0.2.54:0 k.example"]'):
            said = str(self.assertRaises(SettingsError, self.read, named, None))
            self.assertIn("dns.secondaries", said)
