"""What happened to a message, or to an attempt to hand one in, step by step."""

from __future__ import annotations

from dataclasses import dataclass

STEPS = 60
"""How many steps a trace holds: those that come first, and the last one."""

TEXT = 200
"""Characters of a step's text."""


@dataclass(frozen=True, slots=True)
class Step:
    """``at``: ms since the session began; ``took``: how long it lasted, in ms."""

    name: str
    text: str
    at: int = 0
    took: int = 0


@dataclass(frozen=True, slots=True)
class Trace:
    """A session with its one transaction, or one of its transactions with what came before the first.

    ``began``: of the session, ms since 1970. ``recipients`` counts those accepted; ``queue_id`` is "" when nothing
    was accepted. ``sender`` is None when MAIL did not come.
    """

    began: int
    service: str
    client: str
    helo: str
    account: str
    sender: str | None
    recipients: int
    queue_id: str
    steps: tuple[Step, ...]
