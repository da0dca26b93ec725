"""The words of a text as a search knows them: one tokenizer for every store.

Case, width and diacritics are folded: "İSTANBUL" is istanbul, "Việt" is viet, "Straße" is strasse. Words are runs of
letters and digits. Scripts that are written without spaces (Han, Kana, Hangul, Thai, Lao, Khmer, Myanmar) are cut into
pairs of characters, of which the last one of a run also stands alone, so that any part of a run is found. Long words
are found by a part that begins inside them, as compounds need it: ``parts`` are their ends.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

TERM_LENGTH = 40
"""Longer words are cut: nobody types them, and encoded data is full of them."""
PREFIX_LENGTH = 3
"""From so many characters on a word also finds those that begin with it."""

_PAIRED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\ua9e0-\ua9ff\uaa60-\uaa7f\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"
)
# Vowel signs of India's scripts are marks, which \w leaves out though they stand within words.
_MARKS = "\u0900-\u0963\u0966-\u0dff\u0f71-\u0f87\u0f8d-\u0fbc"
_ASCII = re.compile(r"[a-z0-9]+")
_PAIRS = re.compile(f"[{_PAIRED}]")
_WORDS = re.compile(rf"[\w{_MARKS}]+")
_RUNS = re.compile(rf"([{_PAIRED}]+)|([^\W{_PAIRED}]+(?:[{_MARKS}]+[^\W{_PAIRED}]*)*)")
_FOLDED_AWAY = "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf-\u05c7\u064b-\u065f\u0670\u0640\u200b-\u200f"
_DIACRITICS = re.compile(f"[{_FOLDED_AWAY}]")
_HALF_KANA = "\uff66-\uff9f"
_SOURCE_RUNS = re.compile(
    rf"[{_PAIRED}{_HALF_KANA}\u3099\u309a]+|(?:[^\W_{_PAIRED}{_HALF_KANA}]|[{_MARKS}{_FOLDED_AWAY}])+"
)
_ALIKE = str.maketrans({"ı": "i", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "þ": "th", "ħ": "h"})

_LONG = 11
_SHORTEST_PART = 4
_FIRST_PART = 3


def fold(text: str) -> str:
    """The text without what a search does not tell apart."""
    if text.isascii():
        return text.lower()
    bare = _DIACRITICS.sub("", unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold()))
    return unicodedata.normalize("NFC", bare).translate(_ALIKE)


def terms(text: str) -> list[str]:
    """The words of a text, in order, repeats included."""
    if text.isascii():
        found = _ASCII.findall(text.lower())
        return found if len(text) <= TERM_LENGTH else [word[:TERM_LENGTH] for word in found]
    folded = fold(text).replace("_", " ")
    if _PAIRS.search(folded) is None:
        return [word[:TERM_LENGTH] for word in _WORDS.findall(folded)]
    return list(_terms(folded))


def _terms(folded: str) -> Iterator[str]:
    for match in _RUNS.finditer(folded):
        run, word = match.groups()
        if word:
            yield word[:TERM_LENGTH]
        else:
            yield from (run[at : at + 2] for at in range(len(run)))


def parts(words: Iterable[str]) -> set[str]:
    """The ends of the long words among these, from which a prefix finds what lies within them."""
    return {
        word[start:]
        for word in set(words)
        if len(word) >= _LONG and word.isalpha()
        for start in range(_FIRST_PART, len(word) - _SHORTEST_PART + 1)
    }


def is_paired(text: str) -> bool:
    """Does it begin with a character of a script that is cut into pairs?"""
    return _PAIRS.match(text) is not None


def runs(text: str) -> Iterator[tuple[int, int]]:
    """Where in a text as it is written the words and runs stand: (start, end)."""
    return (match.span() for match in _SOURCE_RUNS.finditer(text))
