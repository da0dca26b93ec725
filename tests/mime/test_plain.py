"""Plain text as HTML."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mime.sanitize import text_to_html
from tests.mime.cpu import cpu
from tests.mime.live_html import LiveHtml


class TextToHtmlTests(SynchronousTestCase):
    """What a reader sees of text/plain."""

    def live(self, text: str) -> LiveHtml:
        found = LiveHtml(text_to_html(text))
        self.assertEqual(found.faults, [])
        return found

    def test_text_stays_text(self) -> None:
        """Markup is shown, not obeyed; lines and spaces stay."""
        for text in ("<script>alert(1)</script>", "a & b &amp; c", "x\n  y\n\nz", "\"'`", ""):
            self.assertEqual(self.live(text).text, text)
        self.assertIn("pre-wrap", self.live("x").styles[0])

    def test_links(self) -> None:
        """Web and mail addresses can be clicked, without the punctuation of the sentence."""
        for text, links in (
            ("see https://x.example/a?b=1&c=2#d.", ["https://x.example/a?b=1&c=2#d"]),
            ("(http://x.example/a_(b))", ["http://x.example/a_(b)"]),
            ("www.x.example, and", ["http://www.x.example"]),
            ("mail ann@x.example!", ["mailto:ann@x.example"]),
            ("<https://x.example>", ["https://x.example"]),
            ('"https://x.example/"', ["https://x.example/"]),
            ("javascript:alert(1) data:text/html,x file:///x", []),
            ("a@b@c.example x.www.example", []),
            ("https://ann@x.example/ b@x.example", ["https://ann@x.example/", "mailto:b@x.example"]),
            ("https://", []),
        ):
            found = self.live(text)
            self.assertEqual(found.links, links, text)
            self.assertEqual(found.text, text)

    def test_quotes(self) -> None:
        """Lines behind ">" are block quotes, nested as deep as they are marked, at most 20."""
        html = text_to_html("a\n> b\n> > c\n>> d\n> e\nf")
        self.assertEqual(
            html.partition(">")[2].removesuffix("</div>"),
            "a<blockquote>b<blockquote>c\nd</blockquote>e</blockquote>f",
        )
        self.assertEqual(text_to_html(">" * 1000 + "x").count("<blockquote>"), 20)
        self.assertEqual(text_to_html("> a").count("</blockquote>"), 1)

    def test_very_long_texts(self) -> None:
        """What cannot be shown whole says so."""
        found = self.live("> " + "x" * 5_000_000)
        self.assertIn("longer than can be shown", found.text)
        self.assertLess(len(found.text), 4_100_000)

    def test_long_texts(self) -> None:
        """Linear time."""
        for text in (
            "a" * 500_000,
            "a@" * 200_000,
            "www." * 100_000,
            "https://" * 60_000,
            "https://x" + ")" * 500_000,
            ">" * 500_000,
            "a.b-" * 100_000,
            "https://x" + "(" * 300_000 + ")" * 300_000,
        ):
            self.assertLess(cpu(lambda text=text: text_to_html(text)), 1.0, text[:20])  # type: ignore[misc]
