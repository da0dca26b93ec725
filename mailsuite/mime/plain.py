"""Plain text as HTML that is safe to show: escaped, links to click, quotes as block quotes (RFC 3676 section 4.5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from mailsuite.mime.clean import scrub

LINK_REL = "noopener noreferrer nofollow"
LINK_TARGET = "_blank"

CHARACTERS = 4_000_000
"""So much of a text is shown."""

CUT = "<p>[The message is longer than can be shown. The rest is in its source.]</p>"

_LINK = re.compile(
    r"(?P<url>\bhttps?://[^\s<>\"\u00a0]{1,2000})|(?P<host>(?<![\w.@/-])www\.[^\s<>\"\u00a0]{1,2000})"
    r"|(?P<mail>(?<![\w.+@-])[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,10}(?![\w@]))"
)
_QUOTE = re.compile(r"(?:> ?){1,}")
_QUOTE_DEPTH = 20
_CLOSING = {")": "(", "]": "[", "}": "{"}


def text_to_html(text: str) -> str:
    """``text`` as an HTML fragment: web and mail addresses can be clicked, lines that begin with ">" are quotes."""
    rest = CUT if len(text) > CHARACTERS else ""
    text = text[:CHARACTERS]
    out = ['<div style="white-space:pre-wrap">']
    depth = 0
    first = True
    for line in scrub(text).split("\n"):
        marks = _QUOTE.match(line)
        level = min(marks.group().count(">"), _QUOTE_DEPTH) if marks else 0
        if level != depth:
            out.append("<blockquote>" * (level - depth) + "</blockquote>" * (depth - level))
            depth = level
        elif not first:
            out.append("\n")
        first = False
        out.extend(_linked(line[marks.end() :] if marks else line))
    out.append("</blockquote>" * depth + "</div>" + rest)
    return "".join(out)


def _linked(line: str) -> Iterator[str]:
    position = 0
    for match in _LINK.finditer(line):
        shown = _without_punctuation(match.group())
        yield escape(line[position : match.start()])
        prefix = {"url": "", "host": "http://", "mail": "mailto:"}[match.lastgroup or "url"]
        yield f'<a href="{escape(prefix + shown)}" target="{LINK_TARGET}" rel="{LINK_REL}">{escape(shown)}</a>'
        position = match.start() + len(shown)
    yield escape(line[position:])


def _without_punctuation(url: str) -> str:
    """Without the sentence's punctuation at the end, and without a bracket that was opened before the link."""
    end = len(url)
    while end > 1:
        last = url[end - 1]
        if last in ".,;:!?'\"*_" or (last in _CLOSING and url.count(_CLOSING[last], 0, end) < url.count(last, 0, end)):
            end -= 1
        else:
            break
    return url[:end]
