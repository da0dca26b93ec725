"""Refuses style sheets that would take css-inline quadratic time or memory.

It writes every declaration of a rule into every element that matches: 27 kB can become 42 MB. What is estimated here
is never less.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from html import unescape

from mailsuite.mime.html_tokens import tags
from mailsuite.mime.html_weight import STRANGE

STYLE_CHARACTERS = 64 * 1024
WORK = 3_000_000
"""Characters of declarations, summed over the elements that may match."""

_STRANGE_TAG = re.compile(rf"<(?:{'|'.join(sorted(STRANGE))}|script)(?=[\s/>])", re.IGNORECASE)
_CSS_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_STRINGS = re.compile(r"\"[^\"'\\{}\n]*\"|'[^\"'\\{}\n]*'")
_BRACKETS = re.compile(r"\([^()\[\]{}\"']*\)|\[[^()\[\]{}\"']*\]")
_UNCLEAR = re.compile(r"[\\\"'()\[\]]|<!--|-->")
_RULE = re.compile(r"([^{};]*)\{([^{}]*)")
_COMBINATOR = re.compile(r"[\s>+~]+")
_NAME = re.compile(r"[\w-]+")
_MARK = "\x01"
"""Stands for a string, or what was in brackets, in a style sheet."""


def styles_are_light(html: str, elements: int, limit: int = WORK) -> bool:
    """Can the style sheets of ``html``, which has at most ``elements`` elements, be inlined within ``limit``?"""
    css = "\n".join(_sheets(html))
    if len(css) > STYLE_CHARACTERS:
        return False
    if _STRANGE_TAG.search(html):
        # Where style sheets begin and end is not clear.
        return len(html) * elements <= limit
    css = _STRINGS.sub(_MARK, _CSS_COMMENT.sub(" ", css))
    for _ in range(3):
        css = _BRACKETS.sub(_MARK, css)
    if _UNCLEAR.search(css):
        # Escapes, or braces in strings: what belongs to which rule is not clear.
        return len(css) * elements <= limit
    names = Counter(_NAME.findall(unescape(html).lower()))
    # html5ever may make several elements of one tag.
    factor = max(1, elements // max(1, html.count("<")))
    work = 0
    for selectors, declarations in _RULE.findall(css):
        for selector in selectors.lower().split(","):
            matches = _matches(selector.strip(), names, elements)
            work += min(matches * factor, elements) * (len(declarations) + len(selector) + 8)
        if work > limit:
            return False
    return True


def _sheets(html: str) -> Iterator[str]:
    """The contents of the style elements."""
    begins = -1
    for name, closing, text, _, end in tags(html):
        if begins >= 0:
            yield html[begins:text]
        begins = end if name == "style" and not closing else -1


def _matches(selector: str, names: Counter[str], elements: int) -> int:
    """How many elements a selector can match at most: by the rarest name in its last part."""
    last = _COMBINATOR.split(selector)[-1]
    if _MARK in last:
        return elements
    found = _NAME.findall(last.partition(":")[0])
    return min((names[name] for name in found), default=elements)
