"""Which hosts belong to one provider."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mta.site import site_of


class SiteTests(SynchronousTestCase):
    """site_of."""

    def test_names(self) -> None:
        """The last two labels, three below a second level for registrations, whatever the case."""
        for name, site in {
            "gmail-smtp-in.l.google.com": "google.com",
            "alt1.ASPMX.l.google.com.": "google.com",
            "alpha-example.mail.protection.outlook.com": "outlook.com",
            "mx.provider.co.uk": "provider.co.uk",
            "mx.provider.com.au": "provider.com.au",
            "mx.gmx.de": "gmx.de",
            "co.uk": "co.uk",
            "localhost": "localhost",
        }.items():
            self.assertEqual(site_of(name), site)

    def test_addresses(self) -> None:
        """Each is its own."""
        for name in ("192.0.2.1", "[192.0.2.1]"):
            self.assertEqual(site_of(name), "192.0.2.1")
        for name in ("2001:db8::1", "[IPv6:2001:DB8::1]"):
            self.assertEqual(site_of(name), "2001:db8::1")
