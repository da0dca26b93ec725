"""Values in columns: JSON of the model's dataclasses, read back strictly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from mailsuite.model.address import Mailbox
from mailsuite.model.draft import Draft
from mailsuite.model.envelope import Envelope
from mailsuite.model.errors import Undecodable
from mailsuite.model.job import Attempt, PlanEntry, RecipientResult
from mailsuite.model.message import Description
from mailsuite.model.verdict import Authentication

T = TypeVar("T")

Reader = Callable[[str], T]


def encode(value: Any) -> str:
    """A dataclass, or a tuple of them or of strings, as JSON."""
    return msgspec.json.encode(value).decode()


def decode(reader: Reader[T], text: str, what: str) -> T:
    """Read a column back; ``what`` names the row. Raises Undecodable."""
    try:
        return reader(text)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Undecodable(what, str(error)) from error


envelope: Reader[Envelope] = msgspec.json.Decoder(Envelope).decode
plan: Reader[tuple[PlanEntry, ...]] = msgspec.json.Decoder(tuple[PlanEntry, ...]).decode
recipients: Reader[tuple[RecipientResult, ...]] = msgspec.json.Decoder(tuple[RecipientResult, ...]).decode
history: Reader[tuple[Attempt, ...]] = msgspec.json.Decoder(tuple[Attempt, ...]).decode
description: Reader[Description] = msgspec.json.Decoder(Description).decode
mailboxes: Reader[tuple[Mailbox, ...]] = msgspec.json.Decoder(tuple[Mailbox, ...]).decode
draft: Reader[Draft] = msgspec.json.Decoder(Draft).decode
authentication: Reader[Authentication] = msgspec.json.Decoder(Authentication).decode
strings: Reader[tuple[str, ...]] = msgspec.json.Decoder(tuple[str, ...]).decode
