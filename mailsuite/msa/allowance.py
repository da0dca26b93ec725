"""How many messages and recipients an account may send in an hour and in a day."""

from __future__ import annotations

from dataclasses import dataclass

from mailsuite.interfaces.counters import ICounter
from mailsuite.model.account import Account
from mailsuite.model.errors import Deferral

_HOUR = 3600
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Rates:
    """Of one account, from its first message on."""

    messages_per_hour: int
    messages_per_day: int
    recipients_per_hour: int
    recipients_per_day: int


class Allowance:
    """Counts what accounts send. ``counter`` counts nothing while Redis is down: then nobody is limited."""

    def __init__(self, counter: ICounter, rates: Rates) -> None:
        self._counter = counter
        self._limits = (
            ("messages", "hour", _HOUR, rates.messages_per_hour),
            ("messages", "day", _DAY, rates.messages_per_day),
            ("recipients", "hour", _HOUR, rates.recipients_per_hour),
            ("recipients", "day", _DAY, rates.recipients_per_day),
        )

    async def left(self, account: Account) -> None:
        """Raises the Deferral that ``take`` would raise for a message to one recipient."""
        for what, span, _, most in self._limits:
            if await self._counter.value(_key(account, what, span)) >= most:
                raise _spent(what, span, most)

    async def take(self, account: Account, recipients: int) -> None:
        """Count a message. Raises Deferral 450 or 452 4.7.1, and then it is not counted."""
        taken = []
        for what, span, seconds, most in self._limits:
            amount = 1 if what == "messages" else recipients
            key = _key(account, what, span)
            taken.append((key, seconds, amount))
            if await self._counter.hit(key, seconds, amount) > most:
                for counted, window, number in taken:
                    await self._counter.hit(counted, window, -number)
                raise _spent(what, span, most)


def _key(account: Account, what: str, span: str) -> str:
    return f"msa:{what}:{span}:{account.id}"


def _spent(what: str, span: str, most: int) -> Deferral:
    code = 450 if what == "messages" else 452
    return Deferral(code, "4.7.1", f"this account may send {most} {what} in one {span}; try again later")
