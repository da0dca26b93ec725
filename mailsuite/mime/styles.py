"""The style attribute of mail, reduced to declarations that can neither load nor leave the message's box."""

from __future__ import annotations

import re
from collections.abc import Callable

_NAMES = """
    background background-color border border-bottom border-bottom-color border-bottom-style border-bottom-width
    border-collapse border-color border-left border-left-color border-left-style border-left-width border-radius
    border-right border-right-color border-right-style border-right-width border-spacing border-style border-top
    border-top-color border-top-style border-top-width border-width box-sizing caption-side clear color direction
    display empty-cells float font font-family font-size font-style font-variant font-weight height letter-spacing
    line-height list-style-position list-style-type margin margin-bottom margin-left margin-right margin-top max-height
    max-width min-height min-width opacity overflow overflow-wrap padding padding-bottom padding-left padding-right
    padding-top table-layout text-align text-decoration text-decoration-color text-decoration-line text-indent
    text-overflow text-transform vertical-align visibility white-space width word-break word-spacing word-wrap
"""
PROPERTIES = frozenset(_NAMES.split())
VALUE_CHARACTERS = 500

_VALUE = re.compile(r"[\w\s#%.,'\"!/*+()-]*\Z")
_DASHED = re.compile(r"(?<![\w-])--")
_FUNCTION = re.compile(r"([\w-]*)\s*\(")
_FUNCTIONS = frozenset({"rgb", "rgba", "hsl", "hsla"})


def filter_style(style: str, refused: Callable[[str], None]) -> str | None:
    """The harmless declarations of a style attribute, None when none is left.

    ``refused`` is told the value of every declaration that is left out.
    """
    kept = []
    for declaration in style.split(";"):
        name, _, value = declaration.partition(":")
        name, value = name.strip().lower(), value.strip()
        if name in PROPERTIES and _is_harmless(value):
            kept.append(f"{name}:{value}")
        else:
            refused(value)
    return ";".join(kept) or None


def _is_harmless(value: str) -> bool:
    # Of functions only colours: no url(), var(), attr(), image-set(), expression(), nor what comes next year. Names
    # that an author defines begin with two dashes.
    return (
        0 < len(value) <= VALUE_CHARACTERS
        and _VALUE.match(value) is not None
        and "/*" not in value
        and _DASHED.search(value) is None
        and value.count('"') % 2 == 0
        and value.count("'") % 2 == 0
        and value.count("(") == value.count(")")
        and all(name.lower() in _FUNCTIONS for name in _FUNCTION.findall(value))
    )
