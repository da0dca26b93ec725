"""Addresses."""

from __future__ import annotations

from email.headerregistry import Address as StdlibAddress

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.model.address import Address

LOCALS = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=64)
DOMAINS = st.from_regex(r"\A[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?){0,4}\Z")


class AddressTests(SynchronousTestCase):
    """RFC 5321 section 4.1.2."""

    @given(LOCALS, DOMAINS)
    def test_text_and_back(self, local: str, domain: str) -> None:
        """Every address survives being written and read."""
        address = Address(local, domain)
        self.assertEqual(Address.parse(str(address)), address)

    @given(st.from_regex(r"\A[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,9}(\.[a-z]{1,9}){0,4}\Z"), DOMAINS)
    def test_quotes_where_the_standard_library_has_them(self, local: str, domain: str) -> None:
        """The addr-spec is the one that email.headerregistry writes."""
        self.assertEqual(str(Address(local, domain)), StdlibAddress(username=local, domain=domain).addr_spec)

    @given(st.text(max_size=80))
    def test_any_text_is_read_or_refused(self, text: str) -> None:
        """Nothing but ValueError comes of bad input, and what is accepted has no control characters."""
        try:
            address = Address.parse(text)
        except ValueError:
            return
        self.assertFalse(any(ord(c) < 32 or ord(c) == 127 for c in str(address)))
        self.assertEqual(Address.parse(str(address)), address)

    def test_forms(self) -> None:
        """The quoted form equals its unquoted twin; the domain has no case and no final dot."""
        self.assertEqual(Address.parse('"ann"@Beta.Example.'), Address("ann", "beta.example"))
        self.assertEqual(Address.parse('"a b"@beta.example'), Address("a b", "beta.example"))
        self.assertEqual(Address.parse("u@[IPv6:2001:db8:5::2]").domain, "[ipv6:2001:db8:5::2]")
        self.assertEqual(Address("Ann", "beta.example").key, "ann@beta.example")

    def test_refused(self) -> None:
        """What is not an address, and what is too long (64 octets before the @, section 4.5.3.1.1)."""
        for text in ("", "ann", "@b.example", "ann@", "a b@c.example", "a@b..example", "a@-", 'a"b@c.example', "a@b c"):
            with self.assertRaises(ValueError, msg=text):
                Address.parse(text)
        Address.parse("a" * 64 + "@b.example")
        with self.assertRaises(ValueError):
            Address.parse("a" * 65 + "@b.example")
