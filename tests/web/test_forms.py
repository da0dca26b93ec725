"""Reading requests."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin, urlsplit

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.test.requesthelper import DummyRequest

from mailsuite.web.forms import accepts_gzip, field, local_path, number


class LocalPathTests(SynchronousTestCase):
    """Where a login may lead to."""

    def test_paths(self) -> None:
        """Paths of this site stay as they are."""
        for path in ("/", "/mail/inbox", "/mail/inbox/t/0abc?x=1#m", "/mail/search?q=http://x"):
            self.assertEqual(local_path(path), path)

    def test_elsewhere(self) -> None:
        """What a browser would take for another site, or for no path, is dropped."""
        for text in (
            "",
            "mail",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "https://evil.example/",
            "https:evil.example",
            "javascript:alert(1)",
            " /mail",
            "\x00/mail",
        ):
            self.assertEqual(local_path(text), "", text)

    @settings(max_examples=200, deadline=None)
    @given(st.text(alphabet=st.sampled_from("/\\:.?#@ \t\n\r\0ahtpsevil%2f"), max_size=12))
    def test_never_leaves(self, text: str) -> None:
        """Whatever is let through, a browser resolves to our own host (browsers drop tabs and line ends)."""
        path = local_path(text)
        seen = "".join(c for c in path.replace("\\", "/") if c not in "\t\r\n")
        self.assertEqual(urlsplit(urljoin("https://mail.alpha.example/login", seen)).netloc, "mail.alpha.example")


class FieldTests(SynchronousTestCase):
    """Values of forms and queries."""

    def test_missing_broken(self) -> None:
        """No value is the empty text; broken UTF-8 does not raise."""
        request: Any = DummyRequest([b""])
        request.args = {b"a": [b"\xff\xc3\xa4", b"2"]}
        self.assertEqual(field(request, "a"), "\ufffdä")
        self.assertEqual(field(request, "b"), "")

    def test_number(self) -> None:
        """Anything but a plain number is 0."""
        request: Any = DummyRequest([b""])
        for text, value in (("17", 17), ("-1", 0), ("", 0), ("1e3", 0), ("٣", 0), ("9" * 40, 0), ("12abc", 0)):
            request.args = {b"n": [text.encode()]}
            self.assertEqual(number(request, "n"), value, text)

    def test_gzip(self) -> None:
        """Accept-Encoding by RFC 9110 section 12.5.3."""
        for offer, wanted in (
            ("gzip, deflate, br", True),
            ("br;q=1.0, gzip;q=0.8", True),
            ("GZIP", True),
            ("gzip;q=0", False),
            ("identity", False),
            ("", False),
        ):
            request: Any = DummyRequest([b""])
            request.requestHeaders.setRawHeaders("accept-encoding", [offer])
            self.assertEqual(accepts_gzip(request), wanted, offer)
