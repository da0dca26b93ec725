"""An account's rules and vacation, for pages and commands: listed, changed, tried, applied to mail that is there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mailsuite.interfaces.blobs import IBlobStore
from mailsuite.interfaces.folders import IFolderStore
from mailsuite.interfaces.messages import IMessageStore
from mailsuite.interfaces.rules import IRuleStore
from mailsuite.interfaces.threads import InThread
from mailsuite.mailbox.change import Changer
from mailsuite.mailbox.rule_form import Names, read_rule
from mailsuite.mime.facts import facts_of
from mailsuite.mime.headers import HEADER_OCTETS
from mailsuite.mime.searchable import searchable
from mailsuite.model.account import Account
from mailsuite.model.action import Action, Chosen, Verb
from mailsuite.model.errors import Conflict, NotThere
from mailsuite.model.folder import FOLDERS, INBOX, same_name
from mailsuite.model.message import Cursor, Message
from mailsuite.model.rule import FORWARDS, RULES, Decision, Do, Rule, decide, needs_text
from mailsuite.model.vacation import Vacation, check_vacation

MOST = 5_000
"""So many messages are tried or changed at once."""

_PAGE = 50
_STEP = 500


@dataclass(frozen=True, slots=True)
class ShownRule:
    """``broken``: in words what of it no longer works; it is skipped when mail is filed."""

    rule: Rule
    broken: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tried:
    """What rules would do with a message."""

    message: Message
    decision: Decision


@dataclass(frozen=True, slots=True)
class Applied:
    """``undo`` are the tokens of what was done, for ``undo_applied``."""

    messages: int
    undo: tuple[str, ...]


class Rules:
    """Raises StoreUnavailable, Conflict when the rules were changed meanwhile, ValueError with rule and field."""

    def __init__(self, store: IRuleStore, folders: IFolderStore) -> None:
        self._store = store
        self._folders = folders

    async def names(self, account: Account) -> Names:
        """What targets are called."""
        folders, labels = await self._folders.folders(account.id), await self._folders.labels(account.id)
        return Names(folders, labels, account.address)

    async def shown(self, account: Account) -> Sequence[ShownRule]:
        """All rules in their order."""
        names = await self.names(account)
        rules = (await self._store.ruleset(account.id)).rules
        return [ShownRule(rule, _broken(rule, names)) for rule in rules]

    async def read(self, account: Account, data: Mapping[str, Any]) -> Rule:
        """The rule that ``data`` describes (mailbox.rule_form), not kept yet."""
        return read_rule(data, await self.names(account))

    async def add(self, account: Account, rule: Rule, position: int | None = None) -> None:
        """Put it behind the others, or before the one at ``position``. Conflict when its name is taken."""
        known = await self._store.ruleset(account.id)
        if any(same_name(rule.name, each.name) for each in known.rules):
            raise Conflict(f"there is a rule {rule.name!r} already")
        rules = list(known.rules)
        rules.insert(len(rules) if position is None else position, rule)
        await self._keep(account, rules, known.generation)

    async def change(self, account: Account, name: str, rule: Rule) -> None:
        """Put another in its place. NotThere; Conflict when the new name is that of a third."""
        known = await self._store.ruleset(account.id)
        at = _index(known.rules, name)
        rules = list(known.rules)
        rules[at] = rule
        if any(n != at and same_name(rule.name, each.name) for n, each in enumerate(rules)):
            raise Conflict(f"there is a rule {rule.name!r} already")
        await self._keep(account, rules, known.generation)

    async def move(self, account: Account, name: str, position: int) -> None:
        """Have it asked at another place in the order, from 0. NotThere."""
        known = await self._store.ruleset(account.id)
        rules = list(known.rules)
        rules.insert(position, rules.pop(_index(rules, name)))
        await self._keep(account, rules, known.generation)

    async def remove(self, account: Account, name: str) -> None:
        """NotThere."""
        known = await self._store.ruleset(account.id)
        rules = list(known.rules)
        del rules[_index(rules, name)]
        await self._keep(account, rules, known.generation)

    async def _keep(self, account: Account, rules: Sequence[Rule], generation: int) -> None:
        if len(rules) > RULES:
            raise ValueError(f"rules: an account has {RULES} at most")
        targets = {then.target for rule in rules for then in rule.then if then.do is Do.FORWARD}
        if len(targets) > FORWARDS:
            raise ValueError(f"rules: they forward to {len(targets)} addresses, {FORWARDS} is the most")
        await self._store.set_rules(account.id, rules, generation)

    async def vacation(self, account: Account) -> Vacation | None:
        """What is set."""
        return (await self._store.ruleset(account.id)).vacation

    async def set_vacation(self, account: Account, vacation: Vacation | None) -> None:
        """Set it, or end it. ValueError names the field."""
        if vacation is not None:
            check_vacation(vacation)
        await self._store.set_vacation(account.id, vacation)


class RuleTrial:
    """Rules on mail that was filed before; of its envelope nothing is known any more. Raises StoreUnavailable."""

    def __init__(self, messages: IMessageStore, folders: IFolderStore, blobs: IBlobStore, thread: InThread) -> None:
        self._messages = messages
        self._folders = folders
        self._blobs = blobs
        self._thread = thread

    async def test(self, account: Account, rules: Sequence[Rule], last: int, place: str = INBOX) -> Sequence[Tried]:
        """What the rules would do with the last messages of a folder, newest first: those for which one holds."""
        text = needs_text(rules)
        tried = []
        async for message in self._last(account, place, min(last, MOST)):
            decision = await self._decide(message, rules, text)
            if decision.rules:
                tried.append(Tried(message, decision))
        return tried

    async def apply(self, account: Account, rule: Rule, changer: Changer, place: str = INBOX) -> Applied:
        """Do to the last 5,000 messages of a folder what the rule does, though it may be switched off; nothing is
        forwarded. What points to a deleted folder or label is skipped.

        When the store fails midway, what was done stays, and doing it again does the rest.
        """
        tried = await self.test(account, [replace(rule, enabled=True)], MOST, place)
        folders = {*FOLDERS, *(folder.id for folder in await self._folders.folders(account.id))}
        labels = {label.id for label in await self._folders.labels(account.id)}
        chosen: dict[Action, list[str]] = {}
        for each in tried:
            for action in _actions(each, folders, labels):
                chosen.setdefault(action, []).append(each.message.id)
        tokens = []
        changed: set[str] = set()
        for action, ids in sorted(chosen.items(), key=lambda item: item[0].verb is Verb.MOVE):
            for start in range(0, len(ids), _STEP):
                step = ids[start : start + _STEP]
                try:
                    done = await changer.do(account.id, action, Chosen(messages=tuple(step)))
                except NotThere:
                    break  # the folder or label was deleted meanwhile
                tokens.append(done.undo)
                changed.update(step)
        return Applied(len(changed), tuple(filter(None, tokens)))

    async def _decide(self, message: Message, rules: Sequence[Rule], text: bool) -> Decision:
        try:
            content = await self._blobs.read(message.blob, 0, None if text else HEADER_OCTETS)
        except NotThere:
            content = b""

        def work() -> Decision:
            description = message.description
            words = searchable(content, description.structure) if text else ""
            facts = facts_of(content, description, words, message.verdict)
            return decide(rules, replace(facts, size=message.size))

        return await self._thread(work)

    async def _last(self, account: Account, place: str, most: int) -> AsyncIterator[Message]:
        before: Cursor | None = None
        found = 0
        while True:
            rows = await self._messages.page(account.id, place, before, _PAGE)
            for row in rows:
                for message in reversed(await self._messages.messages(account.id, row.id)):
                    if message.folder == place and found < most:
                        found += 1
                        yield message
            if len(rows) < _PAGE or found >= most:
                return
            before = Cursor(rows[-1].last_at, rows[-1].id)


async def undo_applied(account: Account, applied: Applied, changer: Changer) -> None:
    """Take it back, the last step first. NotThere when it is too late."""
    for token in reversed(applied.undo):
        await changer.undo(account.id, token)


def _actions(tried: Tried, folders: set[str], labels: set[str]) -> Sequence[Action]:
    decision, message = tried.decision, tried.message
    actions = [Action(Verb.LABEL, label) for label in decision.labels if label in labels]
    if decision.starred:
        actions.append(Action(Verb.STAR))
    if decision.read:
        actions.append(Action(Verb.READ))
    target = next((place for place in decision.folders if place in folders), message.folder)
    if target != message.folder:
        actions.append(Action(Verb.MOVE, target))
    return actions


def _index(rules: Sequence[Rule], name: str) -> int:
    for at, rule in enumerate(rules):
        if same_name(rule.name, name):
            return at
    raise NotThere(f"there is no rule {name!r}")


def _broken(rule: Rule, names: Names) -> tuple[str, ...]:
    return tuple(
        f"then[{n}].target: the {'folder' if then.do is Do.FILE else 'label'} was deleted"
        for n, then in enumerate(rule.then)
        if then.do in (Do.FILE, Do.LABEL) and not names.shown(then)
    )
