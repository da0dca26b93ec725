"""New DKIM keys, read by OpenSSL."""

import subprocess
from base64 import b64decode

from twisted.trial.unittest import SynchronousTestCase

from mailsuite.login.keys import new_dkim_keys
from mailsuite.model.account import DkimKey


def openssl(private: str, *arguments: str) -> bytes:
    """What ``openssl pkey`` makes of a private key."""
    return subprocess.run(
        ["openssl", "pkey", *arguments], input=private.encode(), capture_output=True, check=True
    ).stdout


class NewDkimKeysTests(SynchronousTestCase):
    """new_dkim_keys."""

    def keys(self) -> dict[str, DkimKey]:
        """The keys of one call by their algorithm."""
        return {key.algorithm: key for key in new_dkim_keys("202611")}

    def test_one_of_each_algorithm(self) -> None:
        """An rsa and an ed25519 key, with selectors that tell them apart."""
        self.assertEqual(
            {key.algorithm: key.selector for key in new_dkim_keys("202611")},
            {"rsa": "202611-rsa", "ed25519": "202611-ed25519"},
        )

    def test_rsa_public_part(self) -> None:
        """p= is the base64 of the SubjectPublicKeyInfo that OpenSSL derives (RFC 6376 section 3.6.1)."""
        key = self.keys()["rsa"]
        self.assertEqual(b64decode(key.public, validate=True), openssl(key.private, "-pubout", "-outform", "DER"))

    def test_rsa_length(self) -> None:
        """The modulus has 2048 bits (RFC 8301 section 3.2)."""
        self.assertIn(b"(2048 bit", openssl(self.keys()["rsa"].private, "-noout", "-text"))

    def test_ed25519_public_part(self) -> None:
        """p= is the bare 32 octets: OpenSSL's SubjectPublicKeyInfo without its 12 octets of head (RFC 8463, 8410)."""
        key = self.keys()["ed25519"]
        info = openssl(key.private, "-pubout", "-outform", "DER")
        self.assertEqual(b64decode(key.public, validate=True), info[12:])
        self.assertEqual(len(info[12:]), 32)

    def test_private_form(self) -> None:
        """The private part is unencrypted PKCS#8 in PEM."""
        for key in new_dkim_keys("202611"):
            self.assertTrue(key.private.startswith("-----BEGIN PRIVATE KEY-----\n"))

    def test_fresh_each_time(self) -> None:
        """Two domains never share a key."""
        self.assertNotEqual(self.keys()["ed25519"].public, self.keys()["ed25519"].public)

    def test_stem_must_be_a_label(self) -> None:
        """A selector is a DNS label: anything else is refused."""
        for stem in ("", "A", "a.b", "-a", "a-", "a b", "ä", "a" * 56, "a\n"):
            with self.assertRaises(ValueError):
                new_dkim_keys(stem)

    def test_selectors_fit_a_label(self) -> None:
        """The longest stem still makes labels of at most 63 octets (RFC 1035 section 2.3.4)."""
        self.assertEqual(max(len(key.selector) for key in new_dkim_keys("a" * 55)), 63)
