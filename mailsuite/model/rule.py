"""Rules by which an account sorts what comes in: what they ask of a message, what they do, and what comes of them all.

Texts are compared as a search folds them (model.terms): "Straße" is strasse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from mailsuite.model.address import Mailbox
from mailsuite.model.folder import INBOX, SPAM, TRASH
from mailsuite.model.terms import fold, is_paired, terms
from mailsuite.model.vacation import Vacation
from mailsuite.model.verdict import NOT_JUDGED, Authentication

RULES = 100
"""So many rules has an account at most, each with so many conditions and actions."""
CONDITIONS = 20
ACTIONS = 10
FORWARDS = 10
"""To so many addresses lead all rules of an account together."""
NAME = 100
"""Characters of a rule's name."""
VALUE = 200
"""Characters of what a condition compares with."""
LARGEST = 1_000_000_000
"""Octets; no message is larger."""


class On(StrEnum):
    """What a condition looks at."""

    AUTHOR = "from"
    TO = "to"
    """To and Cc."""
    RECIPIENT = "recipient"
    """To, Cc, and the address by which the message came, which a blind copy does not show."""
    SUBJECT = "subject"
    BODY = "body"
    """The text of the message and of its text parts, and the names of files."""
    LIST = "list"
    """List-Id (RFC 2919)."""
    SIZE = "size"
    ATTACHMENT = "attachment"
    VERDICT = "verdict"
    """What port 25 found out about the sender, e.g. "dmarc=fail"."""


class By(StrEnum):
    """How a condition compares."""

    CONTAINS = "contains"
    IS = "is"
    DOMAIN = "domain"
    """An address or list id of this domain or one below it."""
    WORD = "word"
    """These words, whole and beside each other."""
    LARGER = "larger"
    SMALLER = "smaller"
    PRESENT = "present"
    """There is an attachment; it is from a list."""


_TEXTUAL = (By.CONTAINS, By.IS, By.WORD)

COMPARES: dict[On, tuple[By, ...]] = {
    On.AUTHOR: (*_TEXTUAL, By.DOMAIN),
    On.TO: (*_TEXTUAL, By.DOMAIN),
    On.RECIPIENT: (*_TEXTUAL, By.DOMAIN),
    On.SUBJECT: _TEXTUAL,
    On.BODY: (By.CONTAINS, By.WORD),
    On.LIST: (*_TEXTUAL, By.DOMAIN, By.PRESENT),
    On.SIZE: (By.LARGER, By.SMALLER),
    On.ATTACHMENT: (By.PRESENT,),
    On.VERDICT: (By.IS,),
}
"""What goes with what."""


class Do(StrEnum):
    """What a rule does."""

    FILE = "file"
    LABEL = "label"
    STAR = "star"
    READ = "read"
    FORWARD = "forward"
    DISCARD = "discard"
    """To Trash, where it stays for 30 days."""
    STOP = "stop"
    """Later rules do not look at the message."""


TARGETED = (Do.FILE, Do.LABEL, Do.FORWARD)


@dataclass(frozen=True, slots=True)
class When:
    """One condition. ``value`` is a text; octets for SIZE; "method=result" for VERDICT; "" for PRESENT."""

    on: On
    by: By
    value: str = ""
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Then:
    """One action. ``target``: a folder's id, a label's id, an address (Address.key); "" for the others."""

    do: Do
    target: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """``name`` is unique in an account, without regard to case. ``any``: one condition is enough; else all must hold.

    Without conditions it holds for every message.
    """

    name: str
    when: tuple[When, ...]
    then: tuple[Then, ...]
    any: bool = False
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Ruleset:
    """What an account wants done when it files mail. ``generation`` grows with each change; 0: it never had any."""

    generation: int = 0
    rules: tuple[Rule, ...] = ()
    vacation: Vacation | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """A message as rules look at it.

    ``author`` and ``to`` (To and Cc) have their domains in A-labels; ``envelope``: the addresses by which it came to
    the account. Where a domain has A-labels, the address is there once more as it is read. ``text`` is that of
    mime.searchable, ``list_id`` the whole field.
    """

    author: tuple[Mailbox, ...] = ()
    to: tuple[Mailbox, ...] = ()
    envelope: tuple[str, ...] = ()
    subject: str = ""
    text: str = ""
    list_id: str = ""
    size: int = 0
    has_attachments: bool = False
    verdict: Authentication = NOT_JUDGED


@dataclass(frozen=True, slots=True)
class Decision:
    """What all rules together want. ``folders``: into the first of these that there is. ``rules``: which held.

    ``failed``: they could not be asked, which is our fault.
    """

    folders: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    starred: bool = False
    read: bool = False
    forwards: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    failed: bool = False

    @property
    def places(self) -> tuple[str, ...]:
        """The folders to try in turn; Inbox comes last."""
        return (*self.folders, INBOX)

    @property
    def unwanted(self) -> bool:
        """Does it go to Trash or Spam?"""
        return self.places[0] in (TRASH, SPAM)


def decide(rules: Sequence[Rule], facts: Facts) -> Decision:
    """Ask the rules in their order.

    Of several folders the first counts: what an earlier rule decided stays. What goes to Spam is not forwarded.
    """
    seen = _Seen(facts)
    folders: dict[str, None] = {}
    labels: dict[str, None] = {}
    forwards: dict[str, None] = {}
    held: list[str] = []
    done: set[Do] = set()
    for rule in rules:
        if not rule.enabled or not seen.holds(rule):
            continue
        held.append(rule.name)
        for action in rule.then:
            match action.do:
                case Do.FILE:
                    folders[action.target] = None
                case Do.DISCARD:
                    folders[TRASH] = None
                case Do.LABEL:
                    labels[action.target] = None
                case Do.FORWARD:
                    forwards[action.target] = None
                case other:
                    done.add(other)
        if Do.STOP in done:
            break
    if SPAM in folders:
        forwards.clear()
    return Decision(tuple(folders), tuple(labels), Do.STAR in done, Do.READ in done, tuple(forwards), tuple(held))


def needs_text(rules: Sequence[Rule]) -> bool:
    """Does any of them look at the body?"""
    return any(when.on is On.BODY for rule in rules for when in rule.when)


class _Seen:
    """A message's texts, folded when a condition first asks for them."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._texts: dict[On, _Text] = {}

    def holds(self, rule: Rule) -> bool:
        found = (self._condition(when) is not when.negated for when in rule.when)
        return any(found) if rule.any and rule.when else all(found)

    def _condition(self, when: When) -> bool:
        facts = self._facts
        match when.on:
            case On.SIZE:
                limit = int(when.value)
                return facts.size > limit if when.by is By.LARGER else facts.size < limit
            case On.ATTACHMENT:
                return facts.has_attachments
            case On.VERDICT:
                method, _, result = when.value.partition("=")
                return bool(result) and getattr(facts.verdict, method) == result
            case On.LIST if when.by is By.PRESENT:
                return bool(facts.list_id)
        if when.on not in self._texts:
            self._texts[when.on] = self._text(when.on)
        return self._texts[when.on].holds(when)

    def _text(self, on: On) -> _Text:
        facts = self._facts
        match on:
            case On.AUTHOR:
                return _addresses(facts.author)
            case On.TO:
                return _addresses(facts.to)
            case On.RECIPIENT:
                return _addresses((*facts.to, *(Mailbox("", address) for address in facts.envelope)))
            case On.SUBJECT:
                return _Text((facts.subject,))
            case On.LIST:
                _, _, identifier = facts.list_id.rpartition("<")
                identifier = identifier.partition(">")[0].strip() or facts.list_id
                return _Text((facts.list_id,), (identifier, facts.list_id), (identifier.lower(),))
        return _Text((facts.text,))


class _Text:
    """``lines`` are looked through; ``wholes`` are what IS compares with, the same lines unless given."""

    def __init__(self, lines: Sequence[str], wholes: Sequence[str] = (), domains: Sequence[str] = ()) -> None:
        self._lines = lines
        self._wholes = wholes or lines
        self._domains = domains

    def holds(self, when: When) -> bool:
        match when.by:
            case By.CONTAINS:
                wanted = _folded(when.value)
                return any(wanted in line for line in self._folded)
            case By.IS:
                return _folded(when.value) in self._folded_wholes
            case By.DOMAIN:
                return any(f".{domain}".endswith(f".{when.value}") for domain in self._domains)
        if not when.value.isascii() and any(map(is_paired, fold(when.value))):
            # Scripts without spaces have no whole words.
            wanted = _folded(when.value)
            return any(wanted in line for line in self._folded)
        words = terms(when.value)
        return bool(words) and any(_spaced(words) in line for line in self._words)

    @cached_property
    def _folded(self) -> list[str]:
        return [_folded(line) for line in self._lines]

    @cached_property
    def _folded_wholes(self) -> frozenset[str]:
        return frozenset(map(_folded, self._wholes))

    @cached_property
    def _words(self) -> list[str]:
        return [_spaced(terms(line)) for line in self._lines]


def _addresses(boxes: Sequence[Mailbox]) -> _Text:
    lines = [part for box in boxes for part in (box.name, box.address) if part]
    return _Text(lines, (), [box.address.rpartition("@")[2].lower() for box in boxes])


def _folded(text: str) -> str:
    return " ".join(fold(text).split())


def _spaced(words: Sequence[str]) -> str:
    return f" {' '.join(words)} "
