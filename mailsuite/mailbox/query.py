"""Reads the line that a person types into the search field.

Words are looked for everywhere; ``"…"`` is a phrase, ``-`` before a condition turns it round, ``OR`` between two means
either. Operators: ``from: to: subject: in: label: has:attachment is:unread|read|starred before: after: larger:
smaller:``, a value with spaces in quotes. Nothing is an error: what is no operator is text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo

from mailsuite.model.folder import DELETED, FOLDERS, SNOOZED, STARRED
from mailsuite.model.query import Condition, Field, In, Is, Query, Text
from mailsuite.model.terms import terms

CHARACTERS = 1000
CONDITIONS = 40
"""What is typed beyond these is not looked at."""

_TOKEN = re.compile(r'(-?)(?:([A-Za-z]{2,10}):)?(?:"([^"]*)(?:"|$)|([^\s"]+))')
_DATE = re.compile(r"(\d{4})(?:[-/.](\d{1,2})(?:[-/.](\d{1,2}))?)?\Z")
_SIZE = re.compile(r"(\d{1,9})([kmg]?)b?\Z")
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_FIELDS = {"from": Field.AUTHOR, "to": Field.RECIPIENT, "cc": Field.RECIPIENT, "subject": Field.SUBJECT}
_STATES = ("unread", "read", "starred")
_ANYWHERE = ("anywhere", "all", "everywhere")


def parse_query(line: str, places: Mapping[str, str], zone: tzinfo) -> Query:
    """The query; never raises. ``places``: casefolded names of own folders to their ids, and of labels, as "label:"
    and the name, to their views. ``zone`` is the person's: days begin at its midnight.
    """
    return _Reader(places, zone).read(line[:CHARACTERS])


@dataclass(slots=True)
class _Reader:
    places: Mapping[str, str]
    zone: tzinfo
    groups: list[list[Condition]] = field(default_factory=list)
    bounds: Query = field(default_factory=Query)

    def read(self, line: str) -> Query:
        joins = False
        last: tuple[int, int] | None = None
        for match in list(_TOKEN.finditer(line))[:CONDITIONS]:
            if match[0] == "OR":
                joins = bool(self.groups)
                continue
            found = self._condition(match)
            if found is not None:
                if joins:
                    self.groups[-1].append(found)
                else:
                    self.groups.append([found])
                last = (len(self.groups) - 1, len(self.groups[-1]) - 1) if match[4] else None
            joins = False
        if last is not None:
            # The word that is being typed may go on.
            group, n = last
            condition = self.groups[group][n]
            if isinstance(condition, Text):
                self.groups[group][n] = replace(condition, prefix=True)
        return replace(self.bounds, groups=tuple(map(tuple, self.groups)))

    def _condition(self, match: re.Match[str]) -> Condition | None:
        negated = bool(match[1])
        name = (match[2] or "").lower()
        value = match[4] if match[3] is None else match[3]
        if name in _FIELDS:
            return _text(value, _FIELDS[name], negated)
        plain = value.casefold().strip()
        match name:
            case "is" if plain in _STATES:
                return Is(plain, negated)
            case "has" if plain in ("attachment", "attachments", "file"):
                return Is("attachment", negated)
            case "in" if plain in _ANYWHERE:
                self.bounds = replace(self.bounds, everywhere=True)
                return None
            case "in":
                return In(self._place(plain), negated)
            case "label":
                return In(self.places.get(f"label:{plain}", ""), negated)
            case "before" | "after" if (at := self._date(plain)) is not None:
                self._bound(name, at, negated)
                return None
            case "larger" | "smaller" if size := _SIZE.match(plain):
                self._bound(name, int(size[1]) * _UNITS[size[2]], negated)
                return None
        return _text(f"{match[2]}:{value}" if name else value, Field.ANY, negated)

    def _place(self, name: str) -> str:
        return name if name in (*FOLDERS, STARRED, SNOOZED) else self.places.get(name, DELETED)

    def _bound(self, name: str, value: int, negated: bool) -> None:
        """Turned round, "before" is "after" and the other way about; of several bounds the narrowest counts."""
        match (name, negated):
            case ("before", False) | ("after", True):
                self.bounds = replace(self.bounds, before=min(self.bounds.before or value, value))
            case ("after", False) | ("before", True):
                self.bounds = replace(self.bounds, after=max(self.bounds.after, value))
            case ("larger", False) | ("smaller", True):
                self.bounds = replace(self.bounds, larger=max(self.bounds.larger, value))
            case _:
                self.bounds = replace(self.bounds, smaller=min(self.bounds.smaller or value, value))

    def _date(self, text: str) -> int | None:
        match = _DATE.match(text)
        if match is None:
            return None
        try:
            at = datetime(int(match[1]), int(match[2] or 1), int(match[3] or 1), tzinfo=self.zone)
            return max(1, int(at.timestamp() * 1000))
        except (ValueError, OverflowError):
            return None


def _text(text: str, where: Field, negated: bool) -> Text | None:
    """None when there is no word in it."""
    return Text(text, where, negated=negated) if terms(text) else None
