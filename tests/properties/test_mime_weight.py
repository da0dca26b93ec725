"""The estimates that guard the sanitiser's libraries are never too low."""

from __future__ import annotations

import re

import css_inline
import nh3
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mime.css_weight import styles_are_light
from mailsuite.mime.html_weight import count_elements

NAMES = "a b i font p div table td tr caption li ul h1 object button select svg math template form br x".split()  # noqa: SIM905
TAGS = st.builds("<{}{}>".format, st.sampled_from(NAMES), st.sampled_from(["", " color=1", " color=2", " x='>'", "/"]))
ENDS = st.sampled_from(NAMES).map("</{}>".format)
ODD = st.sampled_from(
    ["x", "<!--", "-->", "<![CDATA[", "]]>", "<!x ", ">", "<style>", "</style>", "<p ='", "<textarea>"]
)
HTML = st.lists(TAGS | TAGS | ENDS | ODD, max_size=60).map("".join)
BLOCKS = st.lists(TAGS | ENDS, min_size=1, max_size=6).map("".join)
SELECTORS = st.sampled_from(
    ["*", "p", ".a", "#a", "p.a", "a b", "*,p", "[x]", ":not(q)", "\\70", "p > *", "div p:first-child"]
)
RULES = st.builds("{}{{{}}}".format, SELECTORS, st.sampled_from(["color:red", "--a:'}'", '--b:"{";--c:1', "x:y;" * 50]))


class WeightTests(SynchronousTestCase):
    """Against what the libraries really do."""

    @settings(max_examples=500, deadline=None)
    @given(HTML, BLOCKS, st.integers(0, 60))
    def test_elements(self, html: str, block: str, times: int) -> None:
        """html5ever makes no more than three elements (table, section, row) for each that is counted."""
        html += block * times
        counted = count_elements(html)
        names = set(re.findall(r"[a-z0-9]+", " ".join(NAMES))) | {"tbody", "html"}
        made = len(re.findall("<[a-z]", nh3.clean(html, tags=names, clean_content_tags=set(), attributes={})))
        self.assertTrue(counted is None or made <= 3 * counted + 3, (made, counted))

    @settings(max_examples=300, deadline=None)
    @given(st.lists(RULES, max_size=8).map("".join), HTML, st.integers(1, 30))
    def test_styles(self, css: str, html: str, times: int) -> None:
        """What css-inline adds is within the work that was counted."""
        html = f"<style>{css}</style>" + f"<p class=a>{html}" * times
        elements = count_elements(html)
        if elements is None:
            return
        added = len(css_inline.CSSInliner(load_remote_stylesheets=False).inline(html))
        for work in (100, 1000, 10_000, 100_000):
            if styles_are_light(html, elements, work):
                # Markup that is written out anew: 40 characters for an element of three.
                self.assertLessEqual(added, 120 * elements + 5 * len(html) + 3 * work, (added, elements, work))
                break
