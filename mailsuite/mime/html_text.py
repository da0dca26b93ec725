"""HTML as plain text: for snippets, for quoting, and when HTML cannot be shown."""

from __future__ import annotations

import re
from html import unescape

from mailsuite.mime.clean import scrub
from mailsuite.mime.html_tokens import tags

_SPACE = re.compile(r"[ \t\n\f\r\x0b\xa0]+")
_PARAGRAPHS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "table", "blockquote", "pre", "hr"})
_OTHER_BLOCKS = """
    address article aside body center dd details div dt fieldset figcaption figure footer form header html legend li
    main nav option section summary tbody tfoot thead tr
"""
_LINES = _PARAGRAPHS | frozenset(_OTHER_BLOCKS.split())
_QUOTE_DEPTH = 10


def html_to_text(html: str, limit: int | None = None) -> str:
    """The text of ``html`` in lines; paragraphs are divided by an empty line, quotes begin with ">". Never raises.

    It stops when ``limit`` characters of text, spaces counted, have been read.
    """
    writer = _Writer()
    length = 0
    for name, closing, text, start, _ in tags(html):
        if text < start:
            writer.text(unescape(html[text:start]))
            length += start - text
            if limit is not None and length > limit:
                break
        if name == "br":
            writer.end_line()
        elif name in _LINES:
            writer.block(name, closing)
        elif closing and name in ("td", "th"):
            writer.text(" ")
    writer.end_line()
    lines = writer.lines
    while lines and not lines[-1].strip("> "):
        lines.pop()
    return scrub("\n".join(lines))


class _Writer:
    """Lines in the making."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._line: list[str] = []
        self._pre = 0
        self._quotes = 0

    def text(self, text: str) -> None:
        if self._pre:
            first, *rest = text.split("\n")
            self._line.append(first)
            for line in rest:
                self.end_line()
                self._line.append(line)
        else:
            self._line.append(_SPACE.sub(" ", text))

    def end_line(self) -> None:
        """End the line, though it be empty."""
        line = "".join(self._line)
        self._line = []
        line = line.rstrip() if self._pre else _SPACE.sub(" ", line).strip()
        prefix = "> " * min(self._quotes, _QUOTE_DEPTH)
        if line or (self.lines and self.lines[-1].strip("> ")):
            self.lines.append(prefix + line if line else prefix.rstrip())

    def block(self, name: str, closing: bool) -> None:
        """A block begins or ends: end the line that was begun, leave one empty line round paragraphs."""
        if any(piece.strip() for piece in self._line):
            self.end_line()
        self._line = []
        if name in _PARAGRAPHS:
            self.end_line()
        step = -1 if closing else 1
        if name == "pre":
            self._pre = max(self._pre + step, 0)
        elif name == "blockquote":
            self._quotes = max(self._quotes + step, 0)
        elif name == "li" and not closing:
            self._line.append("- ")
