"""Domains of strangers as they may be shown: a name that imitates another by its letters is shown in its A-labels.

Unicode Technical Standard 39 section 5.2 ("highly restrictive"), RFC 5890.
"""

from __future__ import annotations

import unicodedata

import idna

_TOGETHER = (
    {"LATIN", "CJK", "HIRAGANA", "KATAKANA"},
    {"LATIN", "CJK", "HANGUL"},
    {"LATIN", "CJK", "BOPOMOFO"},
)
"""Scripts that one label may mix."""

_IMITATORS = frozenset({"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU", "DESERET"})
"""Scripts with letters that look like Latin ones: beside Latin labels they may imitate a Latin name as a whole."""

_LONGEST = 255
_LONGEST_LABEL = 63


def show_domain(domain: str) -> str:
    """``domain``, or its A-labels when its letters may deceive; ASCII is returned as it is."""
    if domain.isascii():
        return domain
    labels = [_scripts(label) for label in domain[:_LONGEST].split(".")]
    every: frozenset[str] = frozenset().union(*labels)
    deceives = not _plain(domain) or any(not _belong_together(scripts) for scripts in labels)
    if deceives or (every & _IMITATORS and len(every) > 1) or len(domain) > _LONGEST:
        return a_labels(domain)
    return domain


def show_address(address: str) -> str:
    """As ``show_domain`` for what follows the "@"."""
    local, at, domain = address.rpartition("@")
    return f"{local}@{show_domain(domain)}" if at else address


def a_labels(domain: str) -> str:
    """The domain in A-labels, of what can be no name something like them; ASCII labels are returned as they are."""
    return ".".join(map(_a_label, domain.split(".")))


def u_labels(domain: str) -> str:
    """The domain as it is read, to be compared only: it may deceive. Labels that cannot be decoded stay as they are."""
    return ".".join(map(_u_label, domain.split(".")))


def _plain(domain: str) -> bool:
    """Letters, digits, their marks, hyphens and dots; none that only stands for another, as full-width ones do."""
    return unicodedata.normalize("NFKC", domain) == domain and all(
        c in ".-_" or c.isalnum() or unicodedata.category(c).startswith("M") for c in domain
    )


def _belong_together(scripts: frozenset[str]) -> bool:
    return len(scripts) < 2 or any(scripts <= allowed for allowed in _TOGETHER)


def _script(character: str) -> str:
    """The script by the first word of the character's name; "" for digits, hyphens, marks and the like."""
    if not character.isalpha():
        return ""
    return unicodedata.name(character, "UNKNOWN").partition(" ")[0]


def _scripts(label: str) -> frozenset[str]:
    return frozenset(filter(None, map(_script, label)))


def _u_label(label: str) -> str:
    if not label.lower().startswith("xn--") or not label.isascii() or len(label) > _LONGEST_LABEL:
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except UnicodeError:
        return label


def _a_label(label: str) -> str:
    if label.isascii():
        return label
    try:
        return idna.encode(label, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        # No such name can exist; that is no reason to show it.
        return "xn--" + label.lower().encode("punycode", "replace").decode("ascii")
