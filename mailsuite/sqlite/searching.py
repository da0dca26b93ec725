"""A query as SQL: the full-text expression, the rest of the conditions, and the walk from the newest match on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from sqlite3 import Connection
from typing import Any, NamedTuple

from mailsuite.model.folder import LABEL, STARRED
from mailsuite.model.message import Cursor
from mailsuite.model.query import Condition, Field, In, Is, Query, Text
from mailsuite.model.terms import PREFIX_LENGTH, is_paired, terms

SMALL = 2000
"""A list of so many conversations is looked through whole, when there is no word that leads to the messages."""

PER_SECOND = 256
"""Messages are numbered by time: so many to the second."""

_LAST = 2**62
_LATE = 24 * 3600 * PER_SECOND
"""So far above its second a message can be numbered: a second would have to have 22 million of them."""
_COLUMNS = {Field.AUTHOR: "author : ", Field.RECIPIENT: "recipients : ", Field.SUBJECT: "subject : "}
_IS = {"unread": "m.seen = 0", "read": "m.seen = 1", "starred": "m.flagged = 1"}
_OPEN = "m.folder NOT IN ('trash', 'spam')"


def account_prefix(account: str) -> str:
    """What each of the account's terms begins with in the index, so that no search walks through another's mail.

    Alone it is a term of every message. Two accounts may share one: rows are compared with the account too.
    """
    return f"{int.from_bytes(sha256(account.encode()).digest()[:4], 'big'):x}."


def first_number(at: int) -> int:
    """The lowest number of a message that was received in this second (``at`` in ms)."""
    return at // 1000 * PER_SECOND


class Found(NamedTuple):
    """A conversation's newest match; ``at``: its time and id, the place of the hit."""

    number: int
    message: str
    conversation: str
    received_at: int

    @property
    def at(self) -> tuple[int, str]:
        return self.received_at, self.message


def found(c: Connection, account: str, query: Query, before: Cursor | None, limit: int) -> list[Found]:
    """The next conversations below the cursor, each at its newest match."""
    statement = _statement(account, query)
    last = number_of(c, account, before)
    place = "" if statement.worded else _smallest(c, account, query)
    seen: set[str] = set()
    hits: list[Found] = []
    for hit in statement.run_in(c, account, place, last) if place else statement.run(c, last):
        if hit.conversation in seen:
            continue
        seen.add(hit.conversation)
        if before is not None and _shown_before(c, statement, account, hit.conversation, last):
            continue
        hits.append(hit)
        if len(hits) == limit:
            break
    return hits


def number_of(c: Connection, account: str, cursor: Cursor | None) -> int:
    """Where in the order of a search the cursor stands; None: above all."""
    if cursor is None:
        return _LAST
    row = c.execute("SELECT number FROM message WHERE id = ? AND account = ?", (cursor.id, account)).fetchone()
    # Gone since: go on below its second.
    return first_number(cursor.last_at) if row is None else row[0]


def _smallest(c: Connection, account: str, query: Query) -> str:
    """The smallest list in which all that is found must be, "" when none is small."""
    sizes = {
        place: len(
            c.execute(
                "SELECT 1 FROM conversation_folder INDEXED BY conversation_folder_page"
                " WHERE account = ? AND folder = ? AND count > 0 LIMIT ?",
                (account, place, SMALL + 1),
            ).fetchall()
        )
        for place in _lists(query)
    }
    place = min(sizes, key=lambda name: sizes[name], default="")
    return place if place and sizes[place] <= SMALL else ""


def _lists(query: Query) -> Iterator[str]:
    """The lists that a message must be in, or its conversation, for the query to hold."""
    for group in query.groups:
        if len(group) == 1 and not group[0].negated:
            condition = group[0]
            if isinstance(condition, In) and condition.place:
                yield condition.place
            # The view shows no conversation for a flag in trash or spam.
            elif isinstance(condition, Is) and condition.what == "starred" and query.hides_trash:
                yield STARRED


def _shown_before(c: Connection, statement: _Statement, account: str, conversation: str, last: int) -> bool:
    """Does a newer message of the conversation match, so that an earlier page has it?"""
    newer = c.execute(
        "SELECT number FROM message INDEXED BY message_conversation"
        " WHERE account = ? AND conversation = ? AND number >= ?",
        (account, conversation, last),
    ).fetchall()
    return any(next(statement.run(c, number + 1, number), None) is not None for (number,) in newer)


@dataclass(frozen=True, slots=True)
class _Statement:
    """``worded``: ``match`` says more than whose the message is."""

    match: str
    where: str
    values: tuple[Any, ...]
    lowest: int
    highest: int
    worded: bool

    def run_in(self, c: Connection, account: str, place: str, below: int) -> Iterator[Found]:
        """As ``run``, for a statement without a word, from the conversations of a list that is small."""
        rows = c.execute(
            "SELECT m.number, m.id, m.conversation, m.received_at"  # noqa: S608
            " FROM conversation_folder f INDEXED BY conversation_folder_page"
            " CROSS JOIN message m INDEXED BY message_conversation"
            " ON m.account = f.account AND m.conversation = f.conversation"
            f" WHERE f.account = ? AND f.folder = ? AND f.count > 0 AND m.number < ? AND m.number >= ? AND {self.where}"
            " ORDER BY m.number DESC",
            (account, place, min(below, self.highest), self.lowest, *self.values),
        )
        return (Found(*row) for row in rows)

    def run(self, c: Connection, below: int, lowest: int = 0) -> Iterator[Found]:
        """Matching messages from the newest on, numbered from ``lowest`` to below ``below``."""
        rows = c.execute(
            "SELECT m.number, m.id, m.conversation, m.received_at FROM message_index"  # noqa: S608
            " CROSS JOIN message m ON m.number = message_index.rowid"
            f" WHERE message_index MATCH ? AND message_index.rowid < ? AND message_index.rowid >= ? AND {self.where}"
            " ORDER BY message_index.rowid DESC",
            (self.match, min(below, self.highest), max(lowest, self.lowest), *self.values),
        )
        return (Found(*row) for row in rows)


def _statement(account: str, query: Query) -> _Statement:
    prefix = account_prefix(account)
    wanted: list[str] = []
    unwanted: list[str] = []
    where = ["m.account = ?", "m.folder <> 'deleted'"]
    values: list[Any] = [account]
    for group in query.groups:
        matches = [_match(condition, prefix) for condition in group]
        if all(matches):
            if len(group) == 1 and group[0].negated:
                unwanted.append(matches[0])
            else:
                wanted.append(_either(group, matches, prefix))
            continue
        alternatives = []
        for condition, match in zip(group, matches, strict=True):
            if match:
                alternatives.append("m.number IN (SELECT rowid FROM message_index WHERE message_index MATCH ?)")
                values.append(f'"{prefix}" NOT {match}' if condition.negated else match)
            else:
                alternatives.append(_state(condition, values))
        where.append(f"({' OR '.join(alternatives)})")
    if query.hides_trash:
        where.append(_OPEN)
    for bound, column in ((query.before, "m.received_at < ?"), (query.smaller, "m.size < ?")):
        if bound:
            where.append(column)
            values.append(bound)
    for bound, column in ((query.after, "m.received_at >= ?"), (query.larger, "m.size > ?")):
        if bound:
            where.append(column)
            values.append(bound)
    worded = bool(wanted or unwanted)
    match = " AND ".join(wanted) or f'"{prefix}"'
    if unwanted:
        match = f"({match}) NOT ({' OR '.join(unwanted)})"
    highest = first_number(query.before) + _LATE if query.before else _LAST
    return _Statement(match, " AND ".join(where), tuple(values), first_number(query.after), highest, worded)


def _either(group: Sequence[Condition], matches: Sequence[str], prefix: str) -> str:
    each = [
        f'("{prefix}" NOT {match})' if condition.negated else match
        for condition, match in zip(group, matches, strict=True)
    ]
    return f"({' OR '.join(each)})"


def _match(condition: Condition, prefix: str) -> str:
    """A condition as a full-text expression, "" when it is none."""
    if isinstance(condition, Is):
        return f'"{prefix}.file"' if condition.what == "attachment" else ""
    if not isinstance(condition, Text):
        return ""
    phrases = [
        f'{_COLUMNS.get(condition.field, "")}"{" ".join(prefix + term for term in phrase)}"{" *" if open_ended else ""}'
        for phrase, open_ended in _phrases(condition)
    ]
    # Without a word every message matches: what cannot be looked for does not narrow a search.
    return f"({' AND '.join(phrases)})" if phrases else f'"{prefix}"'


def _phrases(text: Text) -> Iterator[tuple[list[str], bool]]:
    """Terms that follow one another, and whether the last one may go on.

    The index has the last character of an unspaced run by itself too. In a query that is one too many, unless the run
    is this one character: then it is the beginning of a pair, or such a last one.
    """
    phrase: list[str] = []
    open_ended = False
    previous = ""
    for term in terms(text.text):
        alone = is_paired(term) and len(term) == 1
        if alone and len(previous) == 2 and previous[1] == term and is_paired(previous):
            # What comes next stands one place further on in the index.
            yield phrase, False
            phrase, previous = [], ""
            continue
        previous = term
        phrase.append(term)
        open_ended = alone or (text.prefix and len(term) >= PREFIX_LENGTH and not is_paired(term))
        if alone:
            yield phrase, True
            phrase = []
    if phrase:
        yield phrase, open_ended


def _state(condition: Condition, values: list[Any]) -> str:
    """A condition on what a message's row says."""
    if isinstance(condition, Is):
        text = _IS[condition.what]
    elif isinstance(condition, In) and condition.place == STARRED:
        text = f"(m.flagged = 1 AND {_OPEN})"
    elif isinstance(condition, In) and condition.place.startswith(LABEL):
        values.append(f'%"{_escaped(condition.place.removeprefix(LABEL))}"%')
        text = f"(m.labels LIKE ? ESCAPE '\\' AND {_OPEN})"
    else:
        assert isinstance(condition, In)
        values.append(condition.place)
        text = "m.folder = ?"
    return f"NOT {text}" if condition.negated else text


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
