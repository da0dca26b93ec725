"""Refuses HTML and style sheets that would take the sanitiser's libraries quadratic time or memory.

html5ever rebuilds every open formatting element in each new block, and walks the stack of open elements for each tag:
30 kB can become 230 MB. What is counted here is never less than what it will do: an end tag only counts where it surely
closes what was opened last.
"""

from __future__ import annotations

import re

from mailsuite.mime.html_tokens import tags

FORMATTING_WORK = 300_000
"""Open formatting elements, summed over all tags."""

DEPTH_WORK = 20_000_000
"""Open elements, summed over all tags."""

ATTRIBUTES = 2000
"""Attributes of one tag, at most."""

STRANGE_CHARACTERS = 100_000
"""Length of what may follow an element within which tags mean something else."""

_FORMATTING = frozenset(
    {"a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"}
)
_FLAT = """
    area base basefont bgsound body br col colgroup dd dt embed frame head hr html image img input keygen li link meta p
    param source track wbr tbody td tfoot th thead tr
"""
_NOT_NESTED = frozenset(_FLAT.split())
"""Elements without content, and those that close each other: only what is around them makes them deep."""

_CELLS = frozenset({"caption", "col", "colgroup", "tbody", "td", "tfoot", "th", "thead", "tr"})
STRANGE = frozenset({"frameset", "math", "noscript", "plaintext", "select", "svg", "template"})
"""Within them tags mean something else, so that from there on no end tag is trusted."""

_ATTRIBUTE = re.compile(r"""[\t\n\f\r /][^\t\n\f\r />=]|["'][^\t\n\f\r />=]""")
_ANY_TAG = re.compile(r"</?[A-Za-z]")
_FORMATTING_START = re.compile(rf"<(?:{'|'.join(sorted(_FORMATTING))})(?=[\t\n\f\r />])", re.IGNORECASE | re.ASCII)


def count_elements(html: str) -> int | None:
    """No fewer elements than html5ever makes of ``html``; None when it would take too much time or memory."""
    return _Scale(html).weigh()


class _Scale:
    def __init__(self, html: str) -> None:
        self._html = html
        self._open: list[tuple[str, int]] = []
        self._formatting = 0
        self._cells = 0
        self._count = 0
        self._depth_work = 0
        self._formatting_work = 0

    def weigh(self) -> int | None:
        for name, closing, _, start, end in tags(self._html):
            if name in STRANGE or (name == "script" and "<!--" in self._html):
                return self._weigh_rest(start)
            if end - start > 2 * ATTRIBUTES and len(_ATTRIBUTE.findall(self._html, start, end)) > ATTRIBUTES:
                return None
            if closing:
                self._close(name)
            elif name:
                self._start(name)
            self._count += 1
            self._depth_work += len(self._open)
            self._formatting_work += self._formatting
            if self._formatting_work > FORMATTING_WORK + 2 * self._count:
                return None
            if self._depth_work > DEPTH_WORK + 200 * self._count:
                return None
        return self._count + self._formatting_work

    def _start(self, name: str) -> None:
        if name in _CELLS:
            self._cells += 1
        if name not in _NOT_NESTED:
            self._open.append((name, self._cells))
            self._formatting += name in _FORMATTING

    def _close(self, name: str) -> None:
        if name in _CELLS:
            self._cells += 1
        if not self._open or self._open[-1][0] != name:
            return
        cells = self._open.pop()[1]
        if name == "table":
            self._cells = cells
        elif name in _FORMATTING and cells == self._cells:
            # A cell that began in between would hide the element from its end tag.
            self._formatting -= 1

    def _weigh_rest(self, start: int) -> int | None:
        """From ``start`` on nothing is closed any more, and tags may begin and end anywhere."""
        rest = self._html[start:]
        if len(rest) > STRANGE_CHARACTERS:
            return None
        count = len(_ANY_TAG.findall(rest))
        self._count += count
        self._depth_work += count * (len(self._open) + count)
        self._formatting_work += count * (self._formatting + len(_FORMATTING_START.findall(rest)))
        if self._formatting_work > FORMATTING_WORK or self._depth_work > DEPTH_WORK:
            return None
        return self._count + self._formatting_work
