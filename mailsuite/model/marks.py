"""Where a text shows what was searched for, and the piece of it around the first place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mailsuite.model.query import Text
from mailsuite.model.terms import fold, is_paired, runs

Span = tuple[int, int]

BEFORE = 60
"""Characters of a snippet before the first match."""
LENGTH = 200
_LOOKED_THROUGH = 20_000
"""So many characters of a long text are looked through for a word that is written otherwise than it was typed."""
_PART = 4


@dataclass(frozen=True, slots=True)
class _Run:
    start: int
    end: int
    folded: str


def marks(text: str, texts: Sequence[Text]) -> tuple[Span, ...]:
    """Where the words stand in a text: (start, end) in order, not overlapping."""
    found = sorted({span for wanted in texts for span in _matches(_runs(text), wanted)})
    spans: list[Span] = []
    for start, end in found:
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return tuple(spans)


def around(text: str, texts: Sequence[Text]) -> str:
    """A line of the text with the first match in it; "" when none is found."""
    at = _first(text, texts)
    if at is None:
        return ""
    start = max(0, at - BEFORE)
    if start:
        start = at - len(text[start:at].partition(" ")[2] or text[start:at])
    piece = text[start : start + 2 * LENGTH]
    line = " ".join(piece.split())
    if len(line) > LENGTH:
        line = line[: LENGTH - 1].rstrip() + "…"
    elif start + len(piece) < len(text):
        line += "…"
    return "…" + line if start else line


def _first(text: str, texts: Sequence[Text]) -> int | None:
    lowered = text.lower()
    if len(lowered) == len(text):
        for wanted in texts:
            typed = wanted.text.lower()
            at = lowered.find(typed)
            while at >= 0:
                beginning = lowered[max(0, at - 1) : at].isalnum()
                if not beginning or is_paired(typed):
                    return at
                at = lowered.find(typed, at + 1)
    found = _runs(text[:_LOOKED_THROUGH])
    return min((start for wanted in texts for start, _ in _matches(found, wanted)), default=None)


def _runs(text: str) -> list[_Run]:
    return [_Run(start, end, fold(text[start:end])) for start, end in runs(text)]


def _matches(found: Sequence[_Run], wanted: Text) -> Iterator[Span]:
    pieces = [run.folded for run in _runs(wanted.text)]
    if not pieces:
        return
    if len(pieces) == 1:
        for run in found:
            if (span := _within(run, pieces[0], wanted.prefix)) is not None:
                yield span
        return
    *leading, last = pieces
    for at in range(len(found) - len(leading)):
        if all(found[at + n].folded == piece for n, piece in enumerate(leading)):
            end = _within(found[at + len(leading)], last, wanted.prefix)
            if end is not None:
                yield found[at].start, end[1]


def _within(run: _Run, piece: str, prefix: bool) -> Span | None:
    """The match of one piece in one run."""
    same = len(run.folded) == run.end - run.start
    if is_paired(piece) or (prefix and len(piece) >= _PART):
        at = run.folded.find(piece)
    elif prefix and run.folded.startswith(piece):
        at = 0
    else:
        at = 0 if run.folded == piece else -1
    if at < 0:
        return None
    return (run.start + at, run.start + at + len(piece)) if same else (run.start, run.end)
