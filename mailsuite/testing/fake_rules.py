"""FakeRuleStore: IRuleStore in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from zope.interface import implementer

from mailsuite.interfaces.rules import IRuleStore
from mailsuite.model.errors import Conflict
from mailsuite.model.rule import Rule, Ruleset
from mailsuite.model.vacation import ANSWERED, Vacation
from mailsuite.testing.builders import DAY
from mailsuite.testing.fake_directory import FakeAccountDirectory


@implementer(IRuleStore)
class FakeRuleStore:
    """See IRuleStore; the accounts are those of ``directory``. ``reads`` counts what was asked for."""

    def __init__(self, directory: FakeAccountDirectory, check: Callable[[], None]) -> None:
        self._directory = directory
        self._check = check
        self._rulesets: dict[str, Ruleset] = {}
        self._answered: dict[str, dict[str, tuple[int, str, bool]]] = {}
        self.reads = 0

    async def ruleset(self, account: str) -> Ruleset:
        self._check()
        self.reads += 1
        return self._rulesets.get(account, Ruleset())

    async def set_rules(self, account: str, rules: Sequence[Rule], generation: int) -> Ruleset:
        known = await self.ruleset(account)
        if known.generation != generation:
            raise Conflict("the rules were changed meanwhile")
        return await self._keep(account, replace(known, rules=tuple(rules)))

    async def set_vacation(self, account: str, vacation: Vacation | None) -> Ruleset:
        kept = await self._keep(account, replace(await self.ruleset(account), vacation=vacation))
        self._answered.pop(account, None)
        return kept

    async def _keep(self, account: str, ruleset: Ruleset) -> Ruleset:
        ruleset = replace(ruleset, generation=ruleset.generation + 1)
        await self._directory.note_rules(account, ruleset.generation if ruleset.rules or ruleset.vacation else 0)
        self._rulesets[account] = ruleset
        return ruleset

    async def begin_answer(self, account: str, sender: str, message: str, now: int, days: int) -> bool:
        self._check()
        kept = {who: entry for who, entry in self._answered.get(account, {}).items() if entry[0] > now - days * DAY}
        self._answered[account] = kept
        if sender in kept:
            return kept[sender][1:] == (message, False)
        if len(kept) >= ANSWERED:
            return False
        kept[sender] = (now, message, False)
        return True

    async def end_answer(self, account: str, sender: str, message: str) -> None:
        self._check()
        answered = self._answered.get(account, {})
        if sender in answered and answered[sender][1] == message:
            answered[sender] = (answered[sender][0], message, True)
