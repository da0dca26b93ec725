"""The sanitiser, judged by another parser."""

from __future__ import annotations

import tempfile
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from unittest import mock

import css_inline
import nh3
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mime.sanitize import Sanitized, sanitize
from tests.mime.cpu import cpu
from tests.mime.live_html import LiveHtml
from tests.mime.vectors import VECTORS

URL = "/mail/m/0k3/part/2"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="


def clean(html: str) -> Sanitized:
    return sanitize(html, {"a@x": URL, "a b": URL}.get)


def live(html: str) -> LiveHtml:
    return LiveHtml(clean(html).html, frozenset({URL}))


class VectorTests(SynchronousTestCase):
    """Known attacks."""

    def test_nothing_is_live(self) -> None:
        """No vector leaves an element, attribute, link, picture or style that is not allowed."""
        self.assertGreater(len(VECTORS), 100)
        for vector in VECTORS:
            for html in (vector, f"<style>p{{color:red}}</style>{vector}", f"<table><tr><td>{vector}", vector * 3):
                self.assertEqual(live(html).faults, [], html)

    def test_cleaning_twice_changes_nothing(self) -> None:
        """What is clean stays as it is: a second parser sees the same tree (no mutation)."""
        for vector in VECTORS:
            once = sanitize(vector, lambda _: None).html
            self.assertEqual(live(once).events, LiveHtml(once).events, vector)

    def test_text_around_attacks_is_kept(self) -> None:
        """An attack costs its own element, not the message."""
        for vector in ("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg onload=alert(1)></svg>"):
            self.assertEqual(live(f"<p>before</p>{vector}<p>after</p>").text, "beforeafter")


class PictureTests(SynchronousTestCase):
    """What is loaded."""

    def test_inline_parts_are_shown(self) -> None:
        """A cid: picture gets the URL of its part, percent-encoding and all (RFC 2392); unknown ones get none."""
        self.assertEqual(live('<img src="cid:a@x">').pictures, [URL])
        self.assertEqual(live('<img src="CID:a%40x">').pictures, [URL])
        self.assertEqual(live('<img src="cid:a%20b">').pictures, [URL])
        self.assertEqual(live('<img src="cid:other@x">').pictures, [])
        self.assertEqual(clean('<img src="cid:other@x">').blocked, 0)

    def test_a_url_of_a_part_is_escaped(self) -> None:
        """Whatever the URL holds stays within the attribute."""
        for url in ('/p?a=1&b="><script>', "https://mail.example/p"):
            result = sanitize('<img src="cid:x">', lambda _, url=url: url)  # type: ignore[misc]
            self.assertEqual(LiveHtml(result.html, frozenset({url})).pictures, [url])
            self.assertEqual(LiveHtml(result.html, frozenset({url})).faults, [])

    def test_the_same_path_cannot_be_named_by_the_mail(self) -> None:
        """Only cid: leads to the host's own paths."""
        self.assertEqual(live(f'<img src="{URL}"><img src="/login">').pictures, [])

    def test_pictures_within_the_text_are_shown(self) -> None:
        """data: URLs of pixel formats are kept, SVG and others are not."""
        self.assertEqual(
            live(f'<img src="data:image/png;base64,{PIXEL}">').pictures, [f"data:image/png;base64,{PIXEL}"]
        )
        self.assertEqual(live('<img src="data:image/svg+xml;base64,PHN2Zz4=">').pictures, [])
        self.assertEqual(live('<img src="data:text/html,x">').pictures, [])

    def test_remote_resources_are_counted(self) -> None:
        """Each remote URL counts once, wherever it was to be loaded."""
        for html, count in (
            ("<p>x</p>", 0),
            ('<a href="https://x.example">x</a>', 0),
            ('<img src="https://t.example/a"><img src="https://t.example/b">', 2),
            ('<img src="https://t.example/a?x=1&amp;y=2">', 1),
            ('<img src="//t.example/a">', 1),
            ('<img src="http&#58;//t.example/a">', 1),
            ('<img srcset="https://t.example/a 1x, https://t.example/b 2x">', 1),
            ('<table background="https://t.example/a"><tr><td>x</table>', 1),
            ('<div style="background:url(https://t.example/a)">x</div>', 1),
            ("<style>p{background:url('https://t.example/a')}</style><p>x<p>y", 1),
            ('<style>@import "https://t.example/a.css";</style>', 1),
            ('<link rel=stylesheet href="https://t.example/a.css">', 1),
            ('<video poster="https://t.example/a"><source src="https://t.example/b"></video>', 2),
            ('<iframe src="https://t.example/a"></iframe>', 1),
        ):
            self.assertEqual(clean(html).blocked, count, html)

    def test_a_failing_part_url_is_no_failure(self) -> None:
        """An error of the callback costs the picture only."""

        def fail(content_id: str) -> str:
            raise KeyError(content_id)

        self.assertEqual(LiveHtml(sanitize('<img src="cid:a"><p>x', fail).html).text, "x")


class LinkTests(SynchronousTestCase):
    """Where one can go."""

    def test_links(self) -> None:
        """http, https and mailto links are kept as they are."""
        for url in ("https://x.example/a?b=1&c=2#d", "http://x.example", "mailto:a@x.example?subject=x"):
            self.assertEqual(live(f'<a href="{url.replace("&", "&amp;")}">x</a>').links, [url])
        self.assertEqual(live('<a href=" HTTPS://x.example/\n">x</a>').links, ["HTTPS://x.example/"])


class StyleTests(SynchronousTestCase):
    """What mail looks like."""

    def test_style_sheets_are_inlined(self) -> None:
        """Rules reach the elements they match; the sheet itself goes."""
        html = "<html><head><style>.a{color:red} p{font-weight:bold}</style></head><body><p class=a>x</p></body></html>"
        (style,) = live(html).styles
        self.assertEqual(sorted(style.replace(" ", "").split(";")), ["color:red", "font-weight:bold"])

    def test_harmless_declarations_stay(self) -> None:
        """Colours in every notation, sizes, fonts."""
        style = "color:rgba(1, 2, 3, .5);width:50%;font-family:'Segoe UI', Arial;margin:0 auto !important"
        self.assertEqual(live(f'<p style="{style}">x').styles, [style])
        self.assertEqual(live('<p style="color:#fff;position:fixed;width:1px">x').styles, ["color:#fff;width:1px"])

    def test_the_body_keeps_its_colours(self) -> None:
        """White text on a dark body would be white on white without them."""
        result = clean('<body bgcolor="#000" style="color:#fff"><p>x</p></body>').html
        self.assertEqual(result, '<div bgcolor="#000" style="color:#fff"><p>x</p></div>')

    def test_no_style_sheet_is_fetched(self) -> None:
        """Neither files nor hosts are asked for style sheets, by link or @import."""
        asked: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"p{color:red}")

            def log_message(self, format: str, *args: object) -> None:
                return

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        folder = self.enterContext(tempfile.TemporaryDirectory())
        file = Path(folder, "x.css")
        file.write_text("p{color:red}")
        for url in (file.as_uri(), str(file), f"http://127.0.0.1:{server.server_port}/x.css"):
            for html in (
                f'<link rel="stylesheet" href="{url}"><p>x',
                f'<link rel="stylesheet" title="a>b" href="{url}"><style>b{{color:blue}}</style><p>x',
                f"<style>@import url({url});b{{color:blue}}</style><p>x",
                f'<style>@import "{url}";</style><p>x',
            ):
                self.assertEqual(live(html).styles, [], html)
        self.assertEqual(asked, [])


class BombTests(SynchronousTestCase):
    """Small texts that would cost much."""

    def assert_cheap(self, name: str, html: str) -> Sanitized:
        """Less than a second of CPU, and nothing live."""
        self.assertLess(cpu(lambda: clean(html)), 1.0, name)
        result = clean(html)
        self.assertEqual(LiveHtml(result.html).faults, [], name)
        # Memory: bounded, and beyond that no more than some times the input.
        self.assertLess(len(result.html), 30 * len(html) + 10_000_000, name)
        return result

    def test_bombs(self) -> None:
        """Nesting, unclosed formatting, attributes, selectors: each is cut short or becomes text."""
        fonts = "".join(f"<font color=c{n}>" for n in range(300))
        declarations = "".join(f"--a{n}:b;" for n in range(2000))
        for name, html in {
            "nested div": "<div>" * 50_000 + "x",
            "nested b": "<b>" * 50_000 + "x",
            "nested font": "".join(f"<font color=c{n}>" for n in range(50_000)) + "x",
            "rebuilt formatting": f"<p>{fonts}</p>" + "<p>x</p>" * 3000,
            "formatting hidden by a marker": "<object>".join(f"<font color=c{n}></font>" for n in range(1000))
            + f"<p>{fonts}</object></p>"
            + "<p>x</p>" * 3000,
            "formatting closed in a cell": "".join(f"<table><font color=c{n}><td></font></td>" for n in range(300))
            + "<p>x</p>" * 3000,
            "end tags in comments": "".join(f"<font color=c{n}><!--</font>-->" for n in range(300)) + "<p>x</p>" * 3000,
            "end tags in attributes": "".join(f'<font color=c{n}><i title="</font>"></i>' for n in range(300))
            + "<p>x</p>" * 3000,
            "end tags in CDATA": "".join(f"<font color=c{n}><svg><![CDATA[></svg></font>]]></svg>" for n in range(300))
            + "<p>x</p>" * 3000,
            "end tags in select": "".join(f"<font color=c{n}><select></font></select>" for n in range(300))
            + "<p>x</p>" * 3000,
            "attributes": "<p " + " ".join(f"a{n}=1" for n in range(100_000)) + ">",
            "attributes by slashes": "<p" + "/a" * 300_000 + ">",
            "unclosed tags": "<a " * 100_000,
            "unclosed quotes": '<a b="' * 100_000,
            "unclosed comments": "<!--" * 100_000,
            "spaces in a tag": "<a" + " " * 300_000,
            "every rule for every element": f"<style>*{{{declarations}}}</style>" + "<p>x" * 2000,
            "a class by a reference": f"<style>.a{{{declarations}}}</style>" + "<p class=&#97;>x" * 2000,
            "a rule hidden behind a string": f'<style>*{{--a:"{{";{declarations}}}</style>' + "<p>x" * 2000,
            "many universal rules": "<style>" + "*{--a:b}" * 8000 + "</style>" + "<p>x" * 2000,
            "many selectors": "<style>" + ",".join(["*"] * 8000) + "{color:red}</style>" + "<p>x" * 2000,
            "rules for rebuilt elements": f"<style>font{{{'color:red;' * 300}}}</style><p>{fonts}</p>" + "<p>x" * 300,
            "a sheet hidden behind its attribute": f'<style a="<">*{{{declarations}}}</style>' + "<p>x" * 2000,
            "a sheet in a foreign element": f"<svg><style>*{{{declarations}}}</style></svg>" + "<p>x" * 2000,
            "a sheet in references": "<svg><style>" + f"&#42;{{{declarations}}}" + "</style></svg>" + "<p>x" * 2000,
            "unclosed style tags": "<style " * 50_000,
            "unclosed styles": "<style>" * 50_000,
            "a long sheet": "<style>" + "p{--a:b}" * 100_000 + "</style><p>x",
            "a long style": f'<p style="{"color:red;" * 100_000}">x',
            "many urls": "<img src='//t.example/x'>" * 20_000,
        }.items():
            self.assert_cheap(name, html)

    def test_too_heavy_html_is_shown_as_text(self) -> None:
        """Nothing that could be read is lost."""
        html = "<p>first</p>" + "<div>" * 50_000 + "last &amp; least"
        self.assertEqual(LiveHtml(self.assert_cheap("deep", html).html).text.split(), ["first", "last", "&", "least"])

    def test_a_large_newsletter_is_shown_as_html(self) -> None:
        """120 kB of tables, links and a style sheet are no bomb."""
        row = (
            '<table><tr><td class="a" style="padding:3px"><p class="b">Hello <b>world</b> '
            '<a href="https://x.example/z?a=1&amp;b=2">link</a><br></p></td></tr></table>\n'
        )
        sheet = "<style>.a{color:red}.b{font-weight:bold} td{border:1px solid} a:hover{color:blue}</style>"
        result = live(f"<html><head>{sheet}</head><body>{row * 800}</body></html>")
        self.assertEqual(len(result.links), 800)
        self.assertEqual(sum("color:red" in style.replace(" ", "") for style in result.styles), 800)

    def test_very_long_html_is_cut_and_says_so(self) -> None:
        """More than 4 million characters are not shown."""
        result = self.assert_cheap("long", "<p>" + "x" * 5_000_000)
        self.assertIn("longer than can be shown", LiveHtml(result.html).text)

    def test_too_much_in_a_strange_element(self) -> None:
        """Where tags cannot be told apart, only so much is parsed."""
        result = self.assert_cheap("select", "<select></select>" + "<p>x</p>" * 20_000)
        self.assertEqual(LiveHtml(result.html).text.split(), ["x"] * 20_000)

    def test_a_library_that_fails(self) -> None:
        """Errors, and panics (which are no Exception), give text; an interrupt is not ours to keep."""

        class Panic(BaseException):
            pass

        html = "<style>p{color:red}</style><p>a &amp; <script>b</script>c"
        for owner, name in ((nh3, "Cleaner"), (css_inline, "CSSInliner")):
            for error in (ValueError, Panic):

                def fail(error: type[BaseException] = error, **options: object) -> None:
                    raise error

                with self.patched(owner, name, fail):
                    self.assertEqual(live(html).faults, [])
                    self.assertEqual(live(html).text, "a & c")

        def interrupt(**options: object) -> None:
            raise KeyboardInterrupt

        with self.patched(nh3, "Cleaner", interrupt), self.assertRaises(KeyboardInterrupt):
            clean(html)

    def patched(self, owner: object, name: str, value: object) -> AbstractContextManager[object]:
        return mock.patch.object(owner, name, value)

    def test_half_a_surrogate_pair(self) -> None:
        """Text that cannot be encoded is shown all the same."""
        self.assertEqual(live("<p>a\ud800b</p>").text, "a\ufffdb")
