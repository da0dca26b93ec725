"""winmail.dat: what is in it, whatever is wrong with it (field case F030); tnefparse is the second opinion."""

from __future__ import annotations

import logging
import struct

import tnefparse
from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mime.tnef import ATTRIBUTES, DEPTH, FILES, Inner, unpack
from tests.mime import tnef_files as write
from tests.mime.cpu import cpu


class UnpackTests(SynchronousTestCase):
    """[MS-OXTNEF]."""

    def test_f030_file_and_body(self) -> None:
        """A .docx under its long name with its octets, and the HTML in its own charset; the key does not matter."""
        found = unpack(write.USUAL)
        self.assertEqual(found.html, write.HTML)
        self.assertEqual(found.text, "Grüße in plain")
        self.assertEqual(found.files, (Inner("Brief äöü.docx", "application/x-docx", write.DOCX),))
        self.assertEqual(found.defects, ())

    def test_second_opinion(self) -> None:
        """tnefparse reads the same; it takes the plain body for UTF-8, which has the OEM code page."""
        plain = write.attribute(write.MESSAGE, write.BODY, b"Gr\xfc\xdfe in plain\0")
        theirs = tnefparse.TNEF(write.USUAL.replace(plain, b""))
        self.assertEqual(theirs.htmlbody, write.HTML)
        (one,) = theirs.attachments
        self.assertEqual((one.long_filename().rstrip("\0"), one.data), ("Brief äöü.docx", write.DOCX))

    def test_f030_broken(self) -> None:
        """What comes before the fault is there; what is no TNEF at all is a ValueError."""
        whole = unpack(write.USUAL)
        for length in range(6, len(write.USUAL), 7):
            found = unpack(write.USUAL[:length])
            self.assertIn(found.html, ("", whole.html))
            self.assertIn(len(found.files), (0, 1))
        cut = unpack(write.USUAL + b"\1\2")
        self.assertEqual((cut.html, cut.defects), (whole.html, ("it ends within an attribute",)))
        for octets in (b"", b"x\x9f>\x22", b"\x78\x9f\x3e\x21\0\0", b"PK\3\4" * 10):
            with self.assertRaises(ValueError):
                unpack(octets)

    def test_f030_ten_thousand_attributes(self) -> None:
        """They are read; ten times as many are cut; neither takes a second."""
        one = write.attribute(write.MESSAGE, 0x00069999, b"\0" * 8)
        tail = write.file("last.txt", b"x")
        self.assertEqual(len(unpack(write.tnef(one * 10_000, tail)).files), 1)
        found = unpack(write.tnef(one * 100_000, tail))
        self.assertEqual((found.files, len(found.defects)), ((), 1))
        self.assertIn(str(ATTRIBUTES), found.defects[0])
        self.assertLess(cpu(lambda: unpack(write.tnef(one * 100_000))), 1.0)

    def test_counts_that_lie(self) -> None:
        """Four thousand million properties, values or octets are announced: nothing waits for them."""
        most = struct.pack("<I", 0xFFFFFFFF)
        several = struct.pack("<HH", 0x1000 | write.BINARY, 0x1013) + most
        for properties in (
            most,
            most + bytes(8),
            most + write.prop(write.LONG, 1, bytes(4)),
            write.props(several),
            write.props(several + bytes(40_000)),
            write.props(struct.pack("<HH", 0x1000 | write.LONG, 1) + most),
            write.props(struct.pack("<HHI", write.BINARY, 0x1013, 1) + most + b"x"),
            write.props(struct.pack("<HH", write.LONG, 0x8001) + bytes(16) + struct.pack("<I", 1) + most),
            write.props(struct.pack("<HH", 0x0077, 1) + bytes(99)),
        ):
            data = write.tnef(write.attribute(write.MESSAGE, write.PROPERTIES, properties), write.file("a", b"x"))
            self.assertLess(cpu(lambda data=data: unpack(data)), 0.5)  # type: ignore[misc]
            self.assertEqual([one.name for one in unpack(data).files], ["a"])

    def embedded(self, inner: bytes) -> bytes:
        """A file whose content is another message."""
        content = write.prop(write.OBJECT, 0x3701, write.MESSAGE_OBJECT + inner)
        name = write.prop(write.ANSI, 0x3707, b"Forwarded\0")
        return write.attribute(write.FILE, write.BEGIN, bytes(14)) + write.attribute(
            write.FILE, write.FILE_PROPERTIES, write.props(content, name)
        )

    def test_messages_within(self) -> None:
        """An attached message gives its body and its files; not without end."""
        found = unpack(write.tnef(self.embedded(write.USUAL)))
        self.assertEqual([one.name for one in found.files], ["Forwarded.html", "Brief äöü.docx"])
        deep = write.USUAL
        for _ in range(DEPTH + 3):
            deep = write.tnef(self.embedded(deep))
        found = unpack(deep)
        self.assertEqual(found.files, ())
        self.assertIn(f"more than {DEPTH} messages", found.defects[0])
        odd = unpack(write.tnef(self.embedded(b"no message")))
        self.assertEqual(odd.files, (Inner("Forwarded", "application/octet-stream", b"no message"),))

    def test_many_files(self) -> None:
        """200 are listed."""
        found = unpack(write.tnef(write.file("a", b"x") * (FILES + 50)))
        self.assertEqual((len(found.files), len(found.defects)), (FILES, 1))

    def test_names_are_harmless(self) -> None:
        """No path, no control, no change of direction."""
        for name, shown in (
            ("../../etc/passwd", "passwd"),
            ("a\u202efdp.exe", "a[U+202E]fdp.exe"),
            ("C:\\x\\y.doc", "y.doc"),
        ):
            (one,) = unpack(write.tnef(write.file(name, b""))).files
            self.assertEqual(one.name, shown)

    def test_names_in_the_codepage(self) -> None:
        """A title without a long name is in the OEM code page."""
        data = write.tnef(
            write.attribute(write.MESSAGE, write.CODEPAGE, struct.pack("<II", 1251, 0)),
            write.attribute(write.FILE, write.BEGIN, bytes(14)),
            write.attribute(write.FILE, write.TITLE, "письмо.txt\0".encode("cp1251")),
            write.attribute(write.FILE, write.DATA, b"x"),
        )
        self.assertEqual(unpack(data).files[0].name, "письмо.txt")

    @settings(max_examples=300, deadline=None)
    @given(st.data())
    @example(None)
    def test_any_damage(self, data: st.DataObject | None) -> None:
        """Octets changed, removed or put in anywhere raise nothing, and unpack to nothing larger."""
        octets = bytearray(write.tnef(self.embedded(write.USUAL), write.file("b", b"y" * 50)))
        for _ in range(0 if data is None else data.draw(st.integers(1, 8))):
            assert data is not None
            place = data.draw(st.integers(6, len(octets) - 1))
            octets[place : place + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=6))
        found = unpack(bytes(octets))
        self.assertLessEqual(sum(len(one.content) for one in found.files), 2 * len(octets))
        for one in found.files:
            one.name.encode()

    @settings(max_examples=100, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.text(
                    st.characters(min_codepoint=33, exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20
                ).filter(lambda name: "/" not in name and "\\" not in name),
                st.binary(max_size=200),
            ),
            max_size=4,
        )
    )
    def test_files_as_tnefparse_reads_them(self, files: list[tuple[str, bytes]]) -> None:
        """The contents of any files, in their order."""
        data = write.tnef(
            write.attribute(write.MESSAGE, write.CODEPAGE, struct.pack("<II", 1252, 0)),
            *(write.file(name, content) for name, content in files),
        )
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        theirs = [one.data for one in tnefparse.TNEF(data).attachments]
        self.assertEqual([one.content for one in unpack(data).files], theirs)
        self.assertEqual(theirs, [content for _, content in files])
