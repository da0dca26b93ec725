"""Addresses to which an account's bulk mail is not sent any more."""

from __future__ import annotations

from dataclasses import dataclass

from mailsuite.model.status import Status


@dataclass(frozen=True, slots=True)
class Suppression:
    """``address`` (key form) answered ``status`` to bulk mail of ``account`` (its id) at a time in ms since 1970."""

    account: str
    address: str
    status: Status
    at: int
