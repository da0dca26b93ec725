"""IRuleStore: the rules and the vacation of accounts, and who was answered."""

from __future__ import annotations

from collections.abc import Sequence

from zope.interface import Interface

from mailsuite.model.rule import Rule, Ruleset
from mailsuite.model.vacation import Vacation


class IRuleStore(Interface):
    """Every method raises StoreUnavailable when the store cannot serve now.

    IAccountDirectory gives the generation as ``Account.rules``, so that who files mail need not ask here for accounts
    without rules, nor again for those whose generation it knows.
    """

    async def ruleset(account: str) -> Ruleset:
        """What the account has; an empty one when it has none."""

    async def set_rules(account: str, rules: Sequence[Rule], generation: int) -> Ruleset:
        """Replace all rules; ``generation`` is that of the ruleset which they were made from.

        Conflict when it was changed meanwhile, NotThere for an unknown account.
        """

    async def set_vacation(account: str, vacation: Vacation | None) -> Ruleset:
        """Begin, change or end it; who was answered before is forgotten. NotThere for an unknown account."""

    async def begin_answer(account: str, sender: str, message: str, now: int, days: int) -> bool:
        """May the vacation answer ``sender`` because of this message? Then it is noted, in the same step.

        Yes once in so many days; for the same message again until ``end_answer``, so that a repetition after a crash
        ends what was begun. No beyond ANSWERED senders within the period.
        """

    async def end_answer(account: str, sender: str, message: str) -> None:
        """The answer to this message is on its way."""
