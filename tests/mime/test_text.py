"""Texts of messages: which, in what characters, in one line."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mime.charsets import decode, known
from mailsuite.mime.structure import structure
from mailsuite.mime.text import best_html, best_text, decode_bytes, decode_text, html_to_text, snippet
from mailsuite.mime.transfer import decode_transfer
from tests.mime.cpu import cpu


def multipart(kind: str, *parts: str) -> str:
    boundary = f"b{abs(hash((kind, parts)))}"
    body = "".join(f"--{boundary}\n{part}\n" for part in parts)
    return f"Content-Type: multipart/{kind}; boundary={boundary}\n\n{body}--{boundary}--\n"


PLAIN = "Content-Type: text/plain\n\nplain text"
HTML = "Content-Type: text/html\n\n<p>html text"
OTHER = "Content-Type: text/plain\n\nother text"
EMPTY = "Content-Type: text/plain\n\n\n"
FILE = "Content-Type: text/plain\nContent-Disposition: attachment; filename=x.txt\n\nfile"
HTML_FILE = "Content-Type: text/html; name=x.html\nContent-Disposition: attachment\n\nfile"
PICTURE = "Content-Type: image/png\nContent-ID: <x>\n\nAAAA"
MESSAGE = f"Content-Type: message/rfc822\n\nSubject: x\n{PLAIN}"


class BestPartTests(SynchronousTestCase):
    """Which parts are the body."""

    def test_bodies(self) -> None:
        """The author's text, not what is attached to it."""
        for message, plain, html in (
            (PLAIN, "plain text", None),
            (HTML, None, "<p>html text"),
            (multipart("alternative", PLAIN, HTML), "plain text", "<p>html text"),
            (multipart("alternative", PLAIN, multipart("related", HTML, PICTURE)), "plain text", "<p>html text"),
            (multipart("mixed", multipart("alternative", PLAIN, HTML), FILE), "plain text", "<p>html text"),
            (multipart("mixed", PLAIN, FILE, HTML_FILE), "plain text", None),
            (multipart("mixed", PLAIN, OTHER), "plain text", None),
            (multipart("mixed", PLAIN, HTML), "plain text", None),
            (multipart("mixed", FILE, PLAIN), "plain text", None),
            (multipart("mixed", EMPTY, HTML), None, "<p>html text"),
            (multipart("mixed", MESSAGE), None, None),
            (multipart("mixed", OTHER, MESSAGE), "other text", None),
            (MESSAGE, None, None),
            (PICTURE, None, None),
            ("Content-Type: text/plain; name=x.txt\n\nplain text", "plain text", None),
        ):
            raw = message.replace("\n", "\r\n").encode()
            root = structure(raw)
            text, page = best_text(root), best_html(root)
            self.assertEqual(text and decode_text(raw, text), plain, message)
            self.assertEqual(page and decode_text(raw, page), html, message)


class DecodeTests(SynchronousTestCase):
    """Transfer encodings and charsets."""

    def text(self, raw: bytes) -> str:
        return decode_text(raw, structure(raw))

    def test_transfer_encodings(self) -> None:
        """base64 and quoted-printable, in any case, with faults; others as they are."""
        for encoding, body, octets in (
            (b"base64", b"w6QK\r\nYg==\r\n", "ä\nb".encode()),
            (b"Base64", b"w6Q", "ä".encode()),
            (b"base64", b"w6Q=\r\n-- \r\nfooter of a list", "ä".encode()),
            (b"base64", b"!w 6-Q\x00=", "ä".encode()),
            (b"base64", b"w", b""),
            (b"base64", b"", b""),
            (b"quoted-printable", b"=C3=A4=\r\nb=20\r\n=zz=", "äb \r\n=zz".encode()),
            (b"QUOTED-PRINTABLE (comment)", b"=c3=a4", "ä".encode()),
            (b"8bit", b"\xc3\xa4", "ä".encode()),
            (b"x-unknown", b"=C3", b"=C3"),
        ):
            raw = b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body
            self.assertEqual(decode_bytes(raw, structure(raw)), octets, (encoding, body))
        self.assertEqual(decode_transfer(b"a=", "quoted-printable"), b"a")

    def test_charsets(self) -> None:
        """Labels by which mail calls them; the larger set where mail means it."""
        for label, codec, text in (
            ("utf-8", "utf-8", "Grüße"),
            ("UTF8", "utf-8", "Grüße"),
            ("iso-8859-1", "cp1252", "“Grüße”"),
            ("us-ascii", "utf-8", "Grüße"),
            ("us-ascii", "cp1252", "Grüße"),
            ("iso-8859-15", "iso8859_15", "€"),
            ("windows-1251", "cp1251", "привет"),
            ("cp-1251", "cp1251", "привет"),
            ("KOI8-R", "koi8_r", "привет"),
            ("gb2312", "gb18030", "鎔新年"),
            ("ks_c_5601-1987", "cp949", "안녕"),
            ("Shift_JIS", "cp932", "①テスト"),
            ("iso-2022-jp", "iso2022_jp", "テスト"),
            ("big5", "big5", "測試"),
            ("hz-gb-2312", "hz", "新年"),
            ("utf-7", "utf_7", "Grüße+"),
            ("utf-16", "utf_16", "Grüße"),
            ("utf-16le", "utf_16_le", "Grüße"),
            ("", "utf-8", "Grüße"),
            ("iso-8859-8-e", "iso8859_8", "שלום"),
        ):
            self.assertEqual(decode(text.encode(codec), label), text, label)
            self.assertTrue(known(label), label)
        for label in ("x-unknown", "idna", "punycode", "base64", "../../x", "utf-8" * 1000):
            self.assertFalse(known(label), label)

    def test_wrong_labels(self) -> None:
        """What a label cannot be is read as UTF-8 or windows-1252; a few broken octets spoil nothing else."""
        self.assertEqual(decode("Grüße".encode(), "iso-2022-jp"), "Grüße")
        self.assertEqual(decode("Grüße 新年".encode()[:-1], "utf-8"), "Grüße 新\ufffd")
        self.assertEqual(decode(b"\xef\xbb\xbfx", "utf-8"), "x")
        self.assertEqual(decode(b"\xff\xfe\xfd", "utf-8"), "ÿþý")
        self.assertEqual(decode(b"+2AA-", "utf-7").encode(), "\ufffd".encode())

    def test_text(self) -> None:
        """Lines end in LF, NUL is gone, HTML may name its own charset."""
        self.assertEqual(self.text(b"X: y\r\n\r\na\r\nb\rc\nd\0"), "a\nb\nc\nd")
        page = '<html><head><meta charset="koi8-r"></head>привет'.encode("koi8_r")
        self.assertTrue(self.text(b"Content-Type: text/html\r\n\r\n" + page).endswith("привет"))
        page = '<meta http-equiv="Content-Type" content="text/html; charset=koi8-r">привет'.encode("koi8_r")
        self.assertTrue(self.text(b"Content-Type: text/html; charset=x\r\n\r\n" + page).endswith("привет"))
        self.assertTrue(self.text(b"Content-Type: text/html; charset=koi8-r\r\n\r\n" + page).endswith("привет"))


class SnippetTests(SynchronousTestCase):
    """One line for lists."""

    def test_snippets(self) -> None:
        """White space is one space, quotes are left out, the length is kept."""
        for text, line in (
            ("a\n\n b\tc ", "a b c"),
            ("", ""),
            ("Yes.\n\nOn Monday Ann wrote:\n> No?\n>> Really\n", "Yes."),
            ("> question\nanswer\n> more\nanswer 2", "answer answer 2"),
            ("> only\n> quoted", "> only > quoted"),
            ("Hello \u200c \u00ad\u034f \ufeff world", "Hello world"),
            ("نمی\u200cخواهم", "نمی\u200cخواهم"),
            ("a\x00\x07b", "ab"),
        ):
            self.assertEqual(snippet(text), line, text)
        self.assertEqual(snippet("word " * 100, 20), "word word word word…")
        self.assertEqual(len(snippet("x" * 500)), 200)

    def test_long_lines(self) -> None:
        """A list of messages is made of many snippets: none takes more than some milliseconds."""
        for text in ("x" * 8000 + "\n> y", "x: " * 4000 + ">", ">" * 8000, "\u200b" * 8000, ":\n" * 4000 + ">"):
            self.assertLess(cpu(lambda text=text: snippet(text)), 0.02, text[:10])  # type: ignore[misc]


class HtmlToTextTests(SynchronousTestCase):
    """HTML as text."""

    def test_lines(self) -> None:
        """Blocks end lines, paragraphs leave one empty, quotes are marked, what is not shown is left out."""
        for html, text in (
            ("<p>a</p><p>b &amp; c</p>", "a\n\nb & c"),
            ("a<br>b<br/>c", "a\nb\nc"),
            ("<div>a</div><div>b</div>", "a\nb"),
            ("<b>a</b>  \n <i>b</i>", "a b"),
            ("<ul><li>a<li>b</ul>", "- a\n- b"),
            ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
            ("yes<blockquote>no<blockquote>why</blockquote></blockquote>", "yes\n\n> no\n>\n> > why"),
            ("<pre>a  b\n  c</pre>", "a  b\n  c"),
            ("<style>p{}</style><script>x</script><title>t</title>a<!-- b -->c", "ac"),
            ("<head><title>t</title></head><body>a</body>", "a"),
            ("a < b > c", "a < b > c"),
            ("a &lt;b&gt; &nbsp; &#x41;&bogus;", "a <b> A&bogus;"),
            ('<a title=">">x</a>', "x"),
            ("a<p", "a"),
            ("", ""),
        ):
            self.assertEqual(html_to_text(html), text, html)

    def test_limit(self) -> None:
        """It reads no more than is asked for."""
        self.assertLess(len(html_to_text("<p>word</p>" * 10_000, 100)), 300)
