"""A rule as a person writes it, in a form, in TOML or in JSON, and back.

name = "Shop"
match = "any"                       # or "all", as when it is left out
when = [
    { on = "from", by = "domain", value = "shop.example" },
    { on = "subject", by = "word", value = "invoice", not = true },
]
then = [{ do = "file", target = "Shopping/Bills" }, { do = "star" }]
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeVar

import msgspec

from mailsuite.login.typed import CONTROLS, typed_address
from mailsuite.model.folder import ARCHIVE, INBOX, SPAM, TRASH, Folder, Label, same_name
from mailsuite.model.rule import (
    ACTIONS,
    COMPARES,
    CONDITIONS,
    LARGEST,
    NAME,
    TARGETED,
    VALUE,
    By,
    Do,
    On,
    Rule,
    Then,
    When,
)
from mailsuite.model.terms import terms

F = TypeVar("F")
T = TypeVar("T")

STANDARD = (INBOX, ARCHIVE, SPAM, TRASH)
"""The standard folders that a rule may file into."""

_VERDICT = re.compile(r"(?:spf|dkim|dmarc|arc)=(?:none|pass|fail|softfail|neutral|policy|temperror|permerror)")
_AT = re.compile(r" - at `\$\.?([^`]*)`\Z")


class _When(msgspec.Struct, forbid_unknown_fields=True, rename={"negated": "not"}):
    on: On
    by: By
    value: str | int = ""
    negated: bool = False


class _Then(msgspec.Struct, forbid_unknown_fields=True):
    do: Do
    target: str = ""


class _Rule(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    then: list[_Then]
    when: list[_When] = []
    match: Literal["all", "any"] = "all"
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Names:
    """What targets may be called: the account's own folders and labels; ``address`` is its own."""

    folders: Sequence[Folder]
    labels: Sequence[Label]
    address: str

    def folder(self, text: str) -> str:
        """The id of a folder by its name or id. Raises ValueError."""
        if text.lower() in STANDARD:
            return text.lower()
        for folder in self.folders:
            if text == folder.id or same_name(text, folder.name):
                return folder.id
        raise ValueError(f"there is no folder {text!r} that a rule could file into")

    def label(self, text: str) -> str:
        """As ``folder``."""
        for label in self.labels:
            if text == label.id or same_name(text, label.name):
                return label.id
        raise ValueError(f"there is no label {text!r}")

    def shown(self, then: Then) -> str:
        """The name of an action's target; "" for one that is gone."""
        if then.do is Do.FILE:
            if then.target in STANDARD:
                return then.target
            return next((folder.name for folder in self.folders if folder.id == then.target), "")
        if then.do is Do.LABEL:
            return next((label.name for label in self.labels if label.id == then.target), "")
        return then.target


def read_rule(data: Mapping[str, Any], names: Names) -> Rule:
    """The rule that ``data`` describes. Raises ValueError, which names the rule and the field."""
    what = f"rule {data['name']!r}" if isinstance(data.get("name"), str) else "the rule"
    try:
        typed = msgspec.convert(data, _Rule)
    except msgspec.ValidationError as error:
        text = str(error)
        found = _AT.search(text)
        field = f"{found[1]}: " if found and found[1] else ""
        raise ValueError(f"{what}: {field}{text[: found.start()] if found else text}") from None
    try:
        return _rule(typed, names)
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from None


def _rule(typed: _Rule, names: Names) -> Rule:
    name = typed.name.strip()
    if not name or len(name) > NAME or CONTROLS.search(name):
        raise ValueError(f"name: from 1 to {NAME} characters, none of them a control character")
    if len(typed.when) > CONDITIONS:
        raise ValueError(f"when: at most {CONDITIONS} conditions")
    if not typed.then:
        raise ValueError("then: there must be an action")
    if len(typed.then) > ACTIONS:
        raise ValueError(f"then: at most {ACTIONS} actions")
    when = _each("when", typed.when, _when)
    then = _each("then", typed.then, partial(_then, names=names))
    return Rule(name, when, then, typed.match == "any", typed.enabled)


def _each(field: str, items: Sequence[F], read: Callable[[F], T]) -> tuple[T, ...]:
    """All of them read; an error says which one it is in."""
    found = []
    for n, item in enumerate(items):
        try:
            found.append(read(item))
        except ValueError as error:
            raise ValueError(f"{field}[{n}].{error}") from None
    return tuple(found)


def _when(typed: _When) -> When:
    if typed.by not in COMPARES[typed.on]:
        known = ", ".join(COMPARES[typed.on])
        raise ValueError(f"by: {typed.on} is compared by {known}, not by {typed.by}")
    value = str(typed.value).strip()
    try:
        value = _value(typed.on, typed.by, value)
    except ValueError as error:
        raise ValueError(f"value: {error}") from None
    return When(typed.on, typed.by, value, typed.negated)


def _value(on: On, by: By, value: str) -> str:
    if by is By.PRESENT:
        if value:
            raise ValueError("there is nothing to compare with")
        return ""
    if not value or len(value) > VALUE or CONTROLS.search(value):
        raise ValueError(f"from 1 to {VALUE} characters, none of them a control character")
    if on is On.SIZE:
        if not value.isascii() or not value.isdigit() or int(value) > LARGEST:
            raise ValueError(f"octets, a number up to {LARGEST}")
        return str(int(value))
    if on is On.VERDICT:
        if not _VERDICT.fullmatch(value.lower()):
            raise ValueError('a method and its result, e.g. "dmarc=fail"')
        return value.lower()
    if by is By.DOMAIN:
        return typed_address(f"x@{value.lstrip('@')}").domain
    if by is By.IS and on in (On.AUTHOR, On.TO, On.RECIPIENT) and "@" in value:
        return typed_address(value).key
    if by is By.WORD and not terms(value):
        raise ValueError("there is no word in it")
    return value


def _then(typed: _Then, names: Names) -> Then:
    target = typed.target.strip()
    if typed.do not in TARGETED:
        if target:
            raise ValueError(f"target: {typed.do} has none")
        return Then(typed.do)
    try:
        match typed.do:
            case Do.FILE:
                return Then(typed.do, names.folder(target))
            case Do.LABEL:
                return Then(typed.do, names.label(target))
        key = typed_address(target).key
        if key == names.address:
            raise ValueError(f"{target} is the account itself")
        return Then(typed.do, key)
    except ValueError as error:
        raise ValueError(f"target: {error}") from None


def show_rule(rule: Rule, names: Names) -> dict[str, Any]:
    """The rule as ``read_rule`` reads it, targets by their names; a target that is gone keeps its id."""
    shown: dict[str, Any] = {"name": rule.name, "match": "any" if rule.any else "all", "enabled": rule.enabled}
    shown["when"] = [
        {"on": w.on.value, "by": w.by.value}
        | ({"value": w.value} if w.value else {})
        | ({"not": True} if w.negated else {})
        for w in rule.when
    ]
    shown["then"] = [
        {"do": t.do.value} | ({"target": names.shown(t) or t.target} if t.target else {}) for t in rule.then
    ]
    return shown
