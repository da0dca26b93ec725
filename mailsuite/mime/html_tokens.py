"""HTML cut into tags as a browser's tokenizer cuts it, in linear time (WHATWG HTML, section 13.2.5)."""

from __future__ import annotations

import re
from collections.abc import Iterator

RAW = frozenset({"style", "script", "title", "textarea", "xmp", "iframe", "noembed", "noframes", "noscript"})
"""Elements whose content has no tags in it (scripting on)."""

_TAG = re.compile(
    r"<(/?)([A-Za-z][^\t\n\f\r />]*+)"
    r"(?>(?:[\t\n\f\r /]*[^\t\n\f\r />][^\t\n\f\r />=]*"
    r"""(?:[\t\n\f\r ]*=[\t\n\f\r ]*(?:"[^"]*(?:"|\Z)|'[^']*(?:'|\Z)|[^\t\n\f\r >"'][^\t\n\f\r >]*|(?=>)))?)*)"""
    r"[\t\n\f\r /]*>"
)
_COMMENT = re.compile(r"<!--(?:-?>|.*?(?:--!?>|\Z))", re.DOTALL)


Tag = tuple[str, bool, int, int, int]
"""Name in lower case, is it an end tag, where the text before it begins, where it begins and ends itself."""


def tags(html: str) -> Iterator[Tag]:
    """The tags in their order; comments, and the end of all, are tags without a name.

    What only looks like a tag inside raw text elements is none. A tag that is never closed ends everything.
    """
    find, matching = html.find, _TAG.match
    position = text = 0
    while (start := find("<", position)) >= 0:
        match = matching(html, start)
        if match is not None:
            slash, name = match.groups()
            position = match.end()
            name = name.lower() if name.isascii() else name
            yield name, slash == "/", text, start, position
            if name in RAW and not slash:
                position = _behind_raw(html, position, name)
            text = position
            continue
        after = html[start + 1 : start + 3]
        if _is_letter(after[:1]) or (after[:1] == "/" and _is_letter(after[1:])):
            yield "", False, text, start, len(html)
            return
        if after[:1] in ("!", "?", "/"):
            position = _behind_comment(html, start)
            yield "", False, text, start, position
            text = position
        else:
            position = start + 1
    yield "", False, text, len(html), len(html)


_RAW_ENDS = {name: re.compile(rf"</{name}(?=[\t\n\f\r />])", re.IGNORECASE | re.ASCII) for name in RAW}


def _is_letter(character: str) -> bool:
    return character.isascii() and character.isalpha()


def _behind_comment(html: str, start: int) -> int:
    if comment := _COMMENT.match(html, start):
        return comment.end()
    end = html.find(">", start)
    return len(html) if end < 0 else end + 1


def _behind_raw(html: str, position: int, name: str) -> int:
    end = _RAW_ENDS[name].search(html, position)
    return end.start() if end else len(html)
