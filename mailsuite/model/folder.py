"""The folders that every account has, its own ones, its labels, and the views that are lists without being folders."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

INBOX = "inbox"
SENT = "sent"
DRAFTS = "drafts"
ARCHIVE = "archive"
SPAM = "spam"
TRASH = "trash"

FOLDERS = (INBOX, SENT, DRAFTS, ARCHIVE, SPAM, TRASH)
"""Where mail may be filed and moved; own folders come after them."""
SNOOZED = "snoozed"
"""A folder for what sleeps: only snoozing puts mail into it, with the time at which it comes back."""
DELETED = "deleted"
"""What was deleted for ever is kept here until that can no longer be undone. No list, count or search shows it."""
STARRED = "starred"
"""A view of the flagged conversations, not a folder."""
LABEL = "label/"
"""The view of a label is called this and the label's id."""

NAME_LENGTH = 100
"""Characters of a folder's or label's name, of each level of it."""
LEVELS = 8
MOST = 500
"""So many own folders, and so many labels, has an account at most."""

COLOURS = ("grey", "red", "orange", "yellow", "green", "teal", "blue", "purple", "pink")
"""What a label is shown in; a theme says which shade that is."""

_RESERVED = frozenset((*FOLDERS, STARRED, SNOOZED, DELETED, "labels", "search"))


@dataclass(frozen=True, slots=True)
class Folder:
    """An account's own folder. The id never changes; ``name`` is nested by "/"."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Label:
    """A label of an account; the id never changes."""

    id: str
    name: str
    colour: str = COLOURS[0]


def label_view(label: str) -> str:
    """The name of the view that shows a label's conversations."""
    return LABEL + label


_OWN_PLACE = re.compile(r"f[0-9a-z]{1,30}|label/[0-9a-z]{1,30}")
"""Ids of own folders begin with f, so that they are none of the names above."""


def is_place(text: str) -> bool:
    """Could this be a list: a folder, a view, the id of an own folder? Whether an account has it the store knows."""
    return text in (*FOLDERS, STARRED, SNOOZED) or _OWN_PLACE.fullmatch(text) is not None


def in_order(folders: Iterable[str]) -> tuple[str, ...]:
    """Standard folders first, in the order of FOLDERS, then the others by id."""
    return tuple(sorted(folders, key=lambda name: (FOLDERS.index(name) if name in FOLDERS else len(FOLDERS), name)))


def folder_name(text: str) -> str:
    """A name for a folder as it is kept: NFC, levels without space around them.

    Raises ValueError, in words for the person who typed it.
    """
    levels = [_level(level) for level in unicodedata.normalize("NFC", text).split("/")]
    if len(levels) > LEVELS:
        raise ValueError(f"folders can be nested {LEVELS} levels deep")
    if levels[0].casefold() in _RESERVED:
        raise ValueError(f"{levels[0]} is the name of a folder that every mailbox has")
    return "/".join(levels)


def label_name(text: str) -> str:
    """A name for a label as it is kept; "/" is a character like others. Raises ValueError, as ``folder_name``."""
    return _level(unicodedata.normalize("NFC", text))


def same_name(one: str, other: str) -> bool:
    """Would people take the two for one name?"""
    return one.casefold() == other.casefold()


def free_name(name: str, taken: Container[str]) -> str:
    """The name, or with a number behind it the first that is free; ``taken`` holds casefolded names."""
    found, n = name, 1
    while found.casefold() in taken:
        n += 1
        found = f"{name} ({n})"
    return found


def spelled(name: str, own: Iterable[Folder]) -> str:
    """The name in which the folders above are written as those that are there, whatever case was typed."""
    known = {folder.name.casefold(): folder.name for folder in own}
    *above, leaf = name.split("/")
    path = ""
    for level in above:
        typed = path + level
        path = known.get(typed.casefold(), typed) + "/"
    return path + leaf


def brought_back(gone: Iterable[Folder], own: Iterable[Folder]) -> Sequence[Folder]:
    """Folders that were removed, those above first, under names that are free beside ``own``. What was nested in one
    of them still is; one whose parent is gone comes to the top level.
    """
    names = {folder.name.casefold(): folder.name for folder in own}
    moved: dict[str, str] = {}
    back = []
    for folder in sorted(gone, key=lambda each: each.name.count("/")):
        parent, _, leaf = folder.name.rpartition("/")
        parent = moved.get(parent) or names.get(parent.casefold(), "")
        name = free_name(f"{parent}/{leaf}" if parent else leaf, names.keys() | _RESERVED)
        moved[folder.name] = names[name.casefold()] = name
        back.append(Folder(folder.id, name))
    return back


def is_below(name: str, parent: str) -> bool:
    """Is the folder nested in ``parent``, at any depth?"""
    return name.startswith(parent + "/")


def _level(text: str) -> str:
    text = text.strip()
    if not text:
        raise ValueError("a name must not be empty")
    if len(text) > NAME_LENGTH:
        raise ValueError(f"a name has at most {NAME_LENGTH} characters")
    # Cc: controls, Cf: marks that turn the direction or are invisible, Cs: halves of characters, Zl, Zp: line ends.
    if any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in "\u200c\u200d" for c in text):
        raise ValueError("a name must not hold control characters")
    return text
