"""Addresses as people type them."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.login.typed import CONTROLS, typed_address


class TypedAddressTests(SynchronousTestCase):
    """typed_address."""

    def test_u_label_equals_a_label(self) -> None:
        """bücher.example and xn--bcher-kva.example are one domain (the example of RFC 5891, field case F094)."""
        for text in (
            "ann@bücher.example",
            "ann@xn--bcher-kva.example",
            "Ann@BÜCHER.Example",
            " ann@bu\u0308cher.example ",
        ):
            self.assertEqual(typed_address(text).key, "ann@xn--bcher-kva.example", text)

    def test_ascii_is_read_as_before(self) -> None:
        """Plain addresses and quoted local parts work, underscores in the domain too."""
        for text, key in (("Ann@Alpha.Example", "ann@alpha.example"), ('"a b"@_x.example', "a b@_x.example")):
            self.assertEqual(typed_address(text).key, key)

    def test_ideographic_full_stop(self) -> None:
        """U+3002 separates labels (UTS #46 section 2.3)."""
        self.assertEqual(typed_address("ann@例え。example").domain, "xn--r8jz45g.example")

    def test_local_part_is_composed(self) -> None:
        """The local part is NFC (RFC 6532 section 3.1)."""
        self.assertEqual(typed_address("jo\u0308rg@alpha.example").local, "j\u00f6rg")

    def test_no_address(self) -> None:
        """What cannot be an address is a ValueError."""
        for text in (
            "",
            "ann",
            "ann@",
            "@alpha.example",
            "ann@a\u202eb.example",
            "ann@a\u2028.example",
            "ann@☃\ufffd.ex",
            "ann@" + "ü" * 300,
            "ann@ü..example",
            "a@b@ü.example",
            "ann@xn--\u00fc.example",
        ):
            with self.assertRaises(ValueError):
                typed_address(text)

    @given(st.text(max_size=80))
    @settings(max_examples=200, deadline=None)
    def test_any_text(self, text: str) -> None:
        """Any text is an Address with an ASCII domain, or a ValueError."""
        for candidate in (text, f"ann@{text}", f"{text}@alpha.example"):
            try:
                address = typed_address(candidate)
            except ValueError:
                continue
            self.assertTrue(address.domain.isascii())
            self.assertEqual(typed_address(str(address)), address)


class ControlsTests(SynchronousTestCase):
    """CONTROLS."""

    def test_line_ends(self) -> None:
        """All that some reader takes for a line end is found: str.splitlines is the list."""
        for code in range(0x3000):
            if len(f"a{chr(code)}b".splitlines()) > 1:
                self.assertTrue(CONTROLS.search(chr(code)), hex(code))

    def test_text_is_none(self) -> None:
        """Letters, spaces and emoji are no controls."""
        self.assertIsNone(CONTROLS.search("Ann Ångström\u00a0שלום 👩‍💻"))
