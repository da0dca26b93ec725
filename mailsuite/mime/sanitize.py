"""HTML of strangers made harmless: no script, nothing loaded from elsewhere, nothing that leaves its box.

The second wall; the first is the policy under which it is shown (Content-Security-Policy of the frame).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

import css_inline
import nh3

from mailsuite.mime.clean import scrub
from mailsuite.mime.css_weight import styles_are_light
from mailsuite.mime.html_text import html_to_text
from mailsuite.mime.html_weight import count_elements
from mailsuite.mime.plain import CHARACTERS, CUT, LINK_REL, LINK_TARGET, text_to_html
from mailsuite.mime.remote import remote_in, remote_resources
from mailsuite.mime.styles import filter_style

__all__ = ["Sanitized", "sanitize", "text_to_html"]

_TAGS = """
    a abbr address article aside b bdi bdo big blockquote br caption center cite code col colgroup dd del dfn div dl dt
    em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark ol p pre q s samp section
    small span strike strong sub sup table tbody td tfoot th thead tr tt u ul var wbr
"""
_WITHOUT_CONTENT = """
    script style title noscript template iframe object applet noembed noframes svg math xml textarea select
"""
_LOADING = {"src", "srcset", "background", "lowsrc", "dynsrc"}
"""Attributes that load; of these only ``src`` is ever kept. The others are let through to be counted."""

_ATTRIBUTES = {
    "*": {"style", "align", "valign", "width", "height", "bgcolor", "color", "dir", "lang", "title", "background"},
    "a": {"href"},
    "img": {"alt", "border", "hspace", "vspace", *_LOADING},
    "table": {"border", "cellpadding", "cellspacing"},
    "td": {"colspan", "rowspan", "nowrap"},
    "th": {"colspan", "rowspan", "nowrap"},
    "col": {"span"},
    "colgroup": {"span"},
    "font": {"face", "size"},
    "ol": {"start", "type"},
    "ul": {"type"},
    "li": {"value", "type"},
}
_IGNORED_IN_URL = re.compile(r"[\t\n\r]")
_C0_AND_SPACE = "".join(map(chr, range(33)))
_LINK = re.compile(r"(?:https?://|mailto:)", re.IGNORECASE)
_PICTURE = re.compile(r"data:image/(?:png|gif|jpe?g|webp);base64,[A-Za-z0-9+/=]*\Z", re.IGNORECASE)
_BODY = re.compile(r"<(/?)body(?=[\s/>])", re.IGNORECASE)
_LINK_ELEMENT = re.compile(r"<link(?=[\s/>])[^<>]*>?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sanitized:
    """``html`` is a fragment to put into a body; ``blocked`` counts the remote resources that it wanted to load."""

    html: str
    blocked: int


def sanitize(html: str, part_url: Callable[[str], str | None]) -> Sanitized:
    """``html`` with an allow-list of elements, attributes and style declarations; style sheets are inlined.

    ``part_url`` gives the URL of the inline part with a Content-ID (without brackets), None when there is none;
    only these URLs and pictures within the text itself are loaded. Links open a new window and tell nobody where
    they were. Never raises: what cannot be made harmless in little time becomes text.
    """
    html = scrub(html)
    shown = html[:CHARACTERS]
    cleaning = _Cleaning(part_url, remote_resources(shown))
    clean = cleaning.clean(shown)
    if clean is None:
        clean = text_to_html(html_to_text(shown))
    return Sanitized(clean + (CUT if len(html) > CHARACTERS else ""), len(cleaning.blocked))


class _Cleaning:
    """The cleaning of one text; ``blocked`` are the remote URLs met."""

    def __init__(self, part_url: Callable[[str], str | None], blocked: set[str]) -> None:
        self.blocked = blocked
        self._part_url = part_url
        self._parts: set[str] = set()
        self._styles: dict[str, str | None] = {}

    def clean(self, html: str) -> str | None:
        """None when a library fails, or would take too long."""
        # The body element is lost in a fragment, and with it the colours that the author's text relies on.
        html = _BODY.sub(r"<\1div", _LINK_ELEMENT.sub("", html))
        try:
            elements = count_elements(html)
            if elements is None:
                return None
            if "<style" in html.lower() and styles_are_light(html, elements):
                inlined = css_inline.CSSInliner(load_remote_stylesheets=False, keep_link_tags=False).inline(html)
                html = inlined if count_elements(inlined) is not None else html
            return self._cleaner().clean(html)
        except BaseException as error:
            # A panic in Rust is a BaseException of its own.
            if isinstance(error, (KeyboardInterrupt, SystemExit, GeneratorExit)):
                raise
            return None

    def _cleaner(self) -> nh3.Cleaner:
        return nh3.Cleaner(
            tags=set(_TAGS.split()),
            clean_content_tags=set(_WITHOUT_CONTENT.split()),
            attributes=_ATTRIBUTES,
            attribute_filter=self._attribute,
            url_schemes={"http", "https", "mailto", "cid", "data"},
            url_relative=lambda url: url if url in self._parts else None,
            link_rel=LINK_REL,
            set_tag_attribute_values={"a": {"target": LINK_TARGET}},
        )

    def _attribute(self, tag: str, name: str, value: str) -> str | None:
        if name == "style":
            if value not in self._styles:
                self._styles[value] = filter_style(value, self._refuse)
            return self._styles[value]
        if name == "href":
            url = _IGNORED_IN_URL.sub("", value).strip(_C0_AND_SPACE)
            return url if _LINK.match(url) else None
        if name == "src" and tag == "img":
            return self._picture(_IGNORED_IN_URL.sub("", value).strip(_C0_AND_SPACE))
        if name in _LOADING:
            self._refuse(value)
            return None
        return value

    def _picture(self, url: str) -> str | None:
        if url[:4].lower() == "cid:":
            return self._inline(unquote(url[4:]).strip("<> "))
        if _PICTURE.match(url):
            return url
        self._refuse(url)
        return None

    def _inline(self, content_id: str) -> str | None:
        try:
            url = self._part_url(content_id)
        except Exception:
            return None
        if url is not None:
            self._parts.add(url)
        return url

    def _refuse(self, value: str) -> None:
        if url := remote_in(value):
            self.blocked.add(url)
