"""Finds what an HTML text would load from elsewhere, so that a reader can be told how much was blocked."""

from __future__ import annotations

import re
from html import unescape

_URL = r"(?:https?:)?//[^\s\"'<>)]{1,2000}"
_LOADING_TAG = re.compile(
    r"<(?:link|img|iframe|frame|embed|object|video|audio|source|track|input|image|use|feimage|script|body)(?=[\s/])"
    rf"[^<>]*?[\s\"'/](?:src|srcset|href|data|poster|background)\s*=\s*[\"']?\s*({_URL})",
    re.IGNORECASE,
)
_AT_START = re.compile(rf"\s*({_URL})", re.IGNORECASE)
_IN_CSS = re.compile(rf"(?:url\s*\(|@import)\s*[\"']?\s*({_URL})", re.IGNORECASE)


def remote_resources(html: str) -> set[str]:
    """The URLs with which elements and style sheets of ``html`` load. What is hidden by escapes is not found here."""
    return {unescape(url) for pattern in (_LOADING_TAG, _IN_CSS) for url in pattern.findall(html)}


def remote_in(value: str) -> str | None:
    """The URL that an attribute loads, None when it loads nothing from elsewhere."""
    found = _IN_CSS.search(value) or _AT_START.match(value)
    return found[1] if found else None
