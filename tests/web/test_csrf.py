"""Which unsafe requests are let through."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.test.requesthelper import DummyRequest

from mailsuite.web.csrf import same_site

OWN = "https://mail.alpha.example"


class SameSiteTests(SynchronousTestCase):
    """Every combination of method, Sec-Fetch-Site and Origin."""

    def ask(self, method: str, site: str | None, origin: str | None) -> bool:
        request: Any = DummyRequest([b""])
        request.method = method.encode()
        for name, value in (("sec-fetch-site", site), ("origin", origin)):
            if value is not None:
                request.requestHeaders.addRawHeader(name, value)
        return same_site(request, OWN)

    def test_safe_methods(self) -> None:
        """Links from other sites work."""
        for method in ("GET", "HEAD", "OPTIONS"):
            self.assertTrue(self.ask(method, "cross-site", "https://evil.example"))

    def test_fetch_metadata_decides(self) -> None:
        """Only same-origin passes, whatever Origin says."""
        for origin in (None, OWN, "https://evil.example", "null"):
            self.assertTrue(self.ask("POST", "same-origin", origin))
            for site in ("cross-site", "same-site", "none", "", "SAME-ORIGIN"):
                self.assertFalse(self.ask("POST", site, origin), (site, origin))

    def test_origin_decides_without_it(self) -> None:
        """Our own origin, exactly: not another scheme, port or a longer name."""
        self.assertTrue(self.ask("POST", None, OWN))
        for origin in (
            "null",
            "",
            "https://evil.example",
            "http://mail.alpha.example",
            "https://mail.alpha.example:8443",
            "https://mail.alpha.example.evil.example",
            "https://alpha.example",
        ):
            self.assertFalse(self.ask("POST", None, origin), origin)

    def test_no_browser(self) -> None:
        """A client that sends neither is no browser."""
        self.assertTrue(self.ask("POST", None, None))

    def test_other_unsafe_methods(self) -> None:
        """PUT, PATCH and DELETE are as unsafe as POST."""
        for method in ("PUT", "PATCH", "DELETE"):
            self.assertFalse(self.ask(method, "cross-site", None))
