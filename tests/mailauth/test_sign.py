"""Our signatures, judged by dkimpy and openssl."""

from __future__ import annotations

import base64
import re
import subprocess

import dkim
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mailauth.canonical import relaxed_field
from mailsuite.mailauth.fields import read_header
from mailsuite.mailauth.sign import Signer
from mailsuite.model.account import DkimKey
from mailsuite.testing.temporary import temporary_directory
from tests.mailauth.support import DOMAIN, MESSAGE, NOW, ed25519_key, record, rsa_key, signed

LIST = MESSAGE.replace(
    b"\r\n\r\n",
    b"\r\nList-Unsubscribe: <https://alpha.example/u>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\n",
    1,
)


def accepted_by_dkimpy(content: bytes) -> bool:
    """What dkimpy says of the topmost signature."""
    return bool(dkim.verify(content, dnsfunc=lambda name, timeout=5: record(rsa_key()).encode()))


def names(content: bytes) -> list[str]:
    """The names in h= of the topmost signature."""
    match = re.search(r"h=([^;]*);", read_header(content).fields[0].text)
    assert match is not None
    return re.split(r"\s*:\s*", match[1])


class SignTests(SynchronousTestCase):
    """Signer."""

    def test_dkimpy_accepts(self) -> None:
        """A plain message, and one of a list."""
        for content in (MESSAGE, LIST):
            self.assertTrue(accepted_by_dkimpy(signed(content)))
            self.assertFalse(accepted_by_dkimpy(signed(content).replace(b"fine", b"fin")))

    def test_nothing_can_be_added(self) -> None:
        """No field that is signed can be added once more, nor one that is not there."""
        for name in (
            b"From",
            b"To",
            b"Cc",
            b"Subject",
            b"Date",
            b"Reply-To",
            b"Message-ID",
            b"MIME-Version",
            b"Content-Type",
        ):
            self.assertFalse(
                accepted_by_dkimpy(signed(MESSAGE).replace(b"\r\nTo:", b"\r\n" + name + b": x\r\nTo:")), name
            )

    def test_f050_the_one_click_fields_are_covered(self) -> None:
        """F050: both are in h=, and no List field can be added; in mail of no list a mailing list may add its own."""
        self.assertLessEqual({"list-unsubscribe", "list-unsubscribe-post"}, set(names(signed(LIST))))
        self.assertFalse(
            accepted_by_dkimpy(signed(LIST).replace(b"\r\nTo:", b"\r\nList-Unsubscribe: <https://x/>\r\nTo:"))
        )
        self.assertTrue(
            accepted_by_dkimpy(signed(MESSAGE).replace(b"\r\nTo:", b"\r\nList-Id: <l.beta.example>\r\nTo:"))
        )

    def test_lines_are_short(self) -> None:
        """RFC 5322 section 2.1.1: at most 78 octets, in pure ASCII."""
        field = signed(LIST).removesuffix(LIST)
        self.assertTrue(field.isascii())
        self.assertLessEqual(max(map(len, field.split(b"\r\n"))), 78)

    def test_both_keys_sign(self) -> None:
        """One field for each key, in their order."""
        fields = read_header(signed(MESSAGE, rsa_key(), ed25519_key())).named(b"dkim-signature")
        self.assertEqual(["rsa" in one.text for one in fields], [True, False])

    def test_openssl_accepts_ed25519(self) -> None:
        """RFC 8463 section 3: the signature is over the SHA-256 of the canonical header, computed here by openssl."""
        key, content = ed25519_key(), signed(MESSAGE, ed25519_key())
        header = read_header(content)
        own = header.fields[0]
        data = b"".join(
            relaxed_field(header.named(name)[0]) for name in (b"from", b"to", b"subject", b"date", b"message-id")
        )
        value, _, b_value = own.raw.partition(b"\tb=")
        data += b"dkim-signature:" + re.sub(rb"\s+", b" ", value.partition(b":")[2]).strip() + b" b="
        folder = temporary_directory(self)
        (folder / "data").write_bytes(data)
        digest = subprocess.run(
            ["openssl", "dgst", "-sha256", "-binary", str(folder / "data")], capture_output=True, check=True
        ).stdout
        (folder / "digest").write_bytes(digest)
        (folder / "signature").write_bytes(base64.b64decode(b"".join(b_value.split())))
        (folder / "key.pem").write_text(key.private)
        command = ["openssl", "pkeyutl", "-verify", "-rawin", "-inkey", str(folder / "key.pem")]
        command += ["-in", str(folder / "digest"), "-sigfile", str(folder / "signature")]
        self.assertIn(b"Success", subprocess.run(command, capture_output=True, check=False).stdout)

    def test_a_key_of_another_kind_is_refused(self) -> None:
        """The error names the selector."""
        with self.assertRaises(ValueError):
            Signer(DOMAIN, [DkimKey("x", "rsa", "no key", "")])

    @settings(max_examples=30, deadline=None)
    @given(st.binary(max_size=300).map(lambda body: re.sub(rb"\r?\n|\r", b"\r\n", body)))
    def test_any_body_is_accepted_by_dkimpy(self, body: bytes) -> None:
        """Whatever the body holds, as long as its lines end in CRLF."""
        content = MESSAGE.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body + b"\r\n"
        self.assertTrue(accepted_by_dkimpy(Signer(DOMAIN, [rsa_key()]).sign(content, NOW) + content))
