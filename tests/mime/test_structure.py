"""The MIME tree and its offsets."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mime.structure import structure
from mailsuite.model.message import Part


def crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


MIXED = crlf(
    """\
From: ann@a.example
Content-Type: multipart/mixed; boundary="outer"

preamble
--outer
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain; charset=utf-8

plain
--inner
Content-Type: text/html

<p>html

--inner--
--outer  \t
Content-Type: image/png; name=x.png
Content-Transfer-Encoding: BASE64
Content-ID: <pic@a.example>
Content-Disposition: inline; filename=y.png

AAAA
--outer
Content-Type: message/rfc822
Content-Disposition: attachment

Subject: inner
Content-Type: multipart/mixed; boundary=third

--third

first
--third

second
--third--
--outer
Content-Type: message/rfc822

Subject: simple

simple text
--outer

no header, type text/plain
--outer--
epilogue --outer
"""
)


def shape(part: Part) -> object:
    """Path, type and children."""
    return part.path, part.content_type, [shape(child) for child in part.children]


def bodies(raw: bytes) -> dict[str, bytes]:
    return {part.path: raw[part.start : part.end] for part in structure(raw).walk()}


class StructureTests(SynchronousTestCase):
    """RFC 2046 section 5.1."""

    def test_tree(self) -> None:
        """Parts are numbered as IMAP numbers them (RFC 9051 section 6.4.5)."""
        self.assertEqual(
            shape(structure(MIXED)),
            (
                "",
                "multipart/mixed",
                [
                    ("1", "multipart/alternative", [("1.1", "text/plain", []), ("1.2", "text/html", [])]),
                    ("2", "image/png", []),
                    (
                        "3",
                        "message/rfc822",
                        [("3.TEXT", "multipart/mixed", [("3.1", "text/plain", []), ("3.2", "text/plain", [])])],
                    ),
                    ("4", "message/rfc822", [("4.1", "text/plain", [])]),
                    ("5", "text/plain", []),
                ],
            ),
        )

    def test_offsets(self) -> None:
        """A body ends before the line end that belongs to the boundary (section 5.1.1)."""
        found = bodies(MIXED)
        self.assertEqual(found["1.1"], b"plain")
        self.assertEqual(found["1.2"], b"<p>html\r\n")
        self.assertEqual(found["2"], b"AAAA")
        self.assertTrue(found["3"].startswith(b"Subject: inner\r\n"))
        self.assertEqual((found["3.1"], found["3.2"]), (b"first", b"second"))
        self.assertEqual(found["4.1"], b"simple text")
        self.assertEqual(found["5"], b"no header, type text/plain")

    def test_fields_of_a_part(self) -> None:
        """Encoding and disposition in lower case, the file name of the disposition, the id without brackets."""
        part = structure(MIXED).children[1]
        self.assertEqual(
            (part.encoding, part.disposition, part.filename, part.content_id),
            ("base64", "inline", "y.png", "pic@a.example"),
        )
        self.assertEqual(structure(MIXED).children[0].children[0].charset, "utf-8")
        self.assertEqual(structure(MIXED).children[0].encoding, "7bit")

    def test_messages_within_are_attachments(self) -> None:
        """An embedded message is one, and so is what is not text."""
        attachments = [part.path for part in structure(MIXED).walk() if part.is_attachment]
        self.assertEqual(attachments, ["3", "4"])

    def test_line_feeds_alone(self) -> None:
        """The same tree when lines end in LF only."""
        self.assertEqual(shape(structure(MIXED.replace(b"\r\n", b"\n"))), shape(structure(MIXED)))

    def test_missing_ends(self) -> None:
        """Without its closing line the last part goes to the end; an inner one ends with the outer one."""
        raw = crlf("Content-Type: multipart/mixed; boundary=b\n\n--b\n\nfirst\n--b\n\nlast\n")
        self.assertEqual(bodies(raw) | {"": b""}, {"": b"", "1": b"first", "2": b"last\r\n"})
        raw = crlf(
            "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=c\n\n"
            "--c\n\ninner\n--b\n\nouter\n--b--\n"
        )
        self.assertEqual(bodies(raw)["1.1"], b"inner")
        self.assertEqual(bodies(raw)["2"], b"outer")

    def test_boundaries_that_begin_alike(self) -> None:
        """Only the whole line counts."""
        raw = crlf("Content-Type: multipart/mixed; boundary=b\n\n--b\n\n--bb\n-b\n --b\nx--b\n--b x\n--b--\n")
        self.assertEqual(bodies(raw)["1"], b"--bb\r\n-b\r\n --b\r\nx--b\r\n--b x")

    def test_empty_parts(self) -> None:
        """A part without header or body has no octets."""
        raw = crlf("Content-Type: multipart/mixed; boundary=b\n\n--b\n--b\n\n--b\nX: y\n--b--")
        self.assertEqual([raw[p.start : p.end] for p in structure(raw).children], [b"", b"", b""])

    def test_no_boundary(self) -> None:
        """A multipart that cannot be divided is text that can be read."""
        for field in ("multipart/mixed", 'multipart/mixed; boundary=""', "multipart/mixed; boundary=c"):
            raw = crlf(f"Content-Type: {field}\n\n--b\n\ntext\n--b--\n")
            self.assertEqual(shape(structure(raw)), ("1", "text/plain", []))

    def test_defaults(self) -> None:
        """text/plain (RFC 2045 section 5.2), message/rfc822 in a digest (RFC 2046 section 5.1.5)."""
        for field in (
            "X: y",
            "Content-Type: ",
            "Content-Type: text",
            "Content-Type: a/b/c",
            "Content-Type: te xt/\x01",
        ):
            self.assertEqual(structure(crlf(f"{field}\n\nx")).content_type, "text/plain", field)
        raw = crlf("Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: x\n\ntext\n--b--\n")
        self.assertEqual(
            shape(structure(raw)),
            ("", "multipart/digest", [("1", "message/rfc822", [("1.1", "text/plain", [])])]),
        )

    def test_one_part(self) -> None:
        """Its number is 1."""
        part = structure(crlf("Content-Type: Text/HTML; Charset=UTF-8 (comment)\n\nbody"))
        self.assertEqual((part.path, part.content_type, part.charset), ("1", "text/html", "utf-8"))

    def test_embedded_in_an_encoding(self) -> None:
        """A message in base64 is against the standard; it is a file, for its octets are not here."""
        raw = crlf("Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdA==")
        self.assertEqual(shape(structure(raw)), ("1", "message/rfc822", []))
