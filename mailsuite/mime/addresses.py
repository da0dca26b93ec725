"""Address lists and message ids as they really come, and mailboxes as they should go (RFC 5322 3.4, 3.6.4 and 4.4)."""

from __future__ import annotations

import re

from mailsuite.mime.clean import clean_line, show_overrides
from mailsuite.mime.words import WORD_LENGTH, decode_words, encode_words
from mailsuite.model.address import Address, Mailbox

MAILBOXES = 2000
"""So many mailboxes of a field are read."""

LENGTH = 998
"""Longer names, addresses and ids are cut or, for ids, none: they fit on no line (RFC 5322 section 2.1.1)."""

_UNQUOTED = (
    r"(?P<word>=\?[^?\s]++\?[bBqQ]\?[^?\s]*+\?=)"
    r"|(?P<space>[ \t\r\n\f\v]++)"
    r'|(?P<atom>[^ \t\r\n\f\v"(),:;<>@\\=]++)'
    r"|(?P<special>.)"
)
_TOKEN_UNQUOTED = re.compile(_UNQUOTED, re.DOTALL)
_TOKEN = re.compile(r'"(?P<quoted>(?>(?:[^"\\]+|\\.)*))"|' + _UNQUOTED, re.DOTALL)
_COMMENT = re.compile(r"[()]|\\.", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+(?: [A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+)*\Z")
_SPECIAL = re.compile(r'[()<>\[\]:;@\\,"]')
_SPACES = re.compile(r" {2,}")
_ID = re.compile(r"<\s*+([^<>\s]++)\s*+>")
_BARE_ID = re.compile(r"\s*+([^<>\s]++)\s*+\Z")


def parse_mailboxes(value: str) -> tuple[Mailbox, ...]:
    """The mailboxes of an unfolded address field, members of groups among them; at most 2000, in linear time.

    What is no address stays as the ``address`` of a Mailbox, so that nothing is lost and no sender is blank.
    Encoded words in names are decoded.
    """
    return _Reader(value).read()


def message_ids(value: str) -> tuple[str, ...]:
    """The message ids of a field, in angle brackets and without repetition; ids without "@" count for nothing.

    A value that is one id without its brackets counts too.
    """
    found = _ID.findall(value)
    if not found and (bare := _BARE_ID.match(value)):
        found = [bare.group(1)]
    ids = (f"<{clean_line(text)}>" for text in found if "@" in text.strip("@") and len(text) < LENGTH - 2)
    return tuple(dict.fromkeys(ids))


def show_mailbox(box: Mailbox) -> str:
    """A mailbox as text for people that parses into the same mailbox; not for emission."""
    if not box.name:
        return f"<{box.address}>" if " " in box.address and "@" in box.address else box.address
    return f"{_quoted(box.name) if _SPECIAL.search(box.name) else box.name} <{box.address}>"


def format_mailbox(box: Mailbox) -> str:
    """A mailbox for a header field, on one line that may be folded at its spaces.

    Names are quoted or encoded as they need. Raises ValueError when the address is none.
    """
    address = str(Address.parse(box.address))
    name = clean_line(box.name)
    if not name:
        return address
    if not name.isascii() or "=?" in name or len(name) > WORD_LENGTH:
        name = encode_words(name)
    elif not _ATOMS.match(name):
        name = _quoted(name)
    return f"{name} <{address}>"


def _quoted(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


class _Reader:
    """One pass over the tokens of an address list."""

    def __init__(self, value: str) -> None:
        self._value = value
        self._position = 0
        self._pattern = _TOKEN
        self._comments = True
        self._found: list[Mailbox] = []
        self._reset()

    def _reset(self) -> None:
        self._phrase: list[str] = []
        self._spec: list[str] = []
        self._after: list[str] = []
        self._at = False
        self._angle: list[str] | None = None
        self._open = False
        self._comment = ""

    def read(self) -> tuple[Mailbox, ...]:
        while len(self._found) < MAILBOXES and (match := self._pattern.match(self._value, self._position)):
            self._position = match.end()
            kind, text = match.lastgroup, match.group()
            if kind == "space":
                self._add(" ", " ")
            elif kind == "special":
                self._special(text)
            elif kind == "quoted":
                self._add(_ESCAPED.sub(r"\1", match["quoted"]), text)
            else:
                self._add(text, text)
        if len(self._found) < MAILBOXES:
            self._end()
        return tuple(self._found)

    def _add(self, text: str, spec: str) -> None:
        """A piece: ``text`` when it turns out to be part of a name, ``spec`` of an address."""
        if self._open and self._angle is not None:
            _append(self._angle, spec, True)
        elif self._angle is not None:
            self._after.append(text)
        else:
            self._phrase.append(text)
            _append(self._spec, spec, self._at)

    def _special(self, character: str) -> None:
        if character == "<":
            self._open_angle()
        elif character == ">":
            self._open = False
        elif character == ",":
            if self._open and self._angle and self._angle[0] == "@" and ":" not in self._angle:
                self._angle.append(",")  # between the hosts of a source route
            else:
                self._end()
        elif character == ";":
            self._end()
        elif character == ":" and not self._open and self._angle is None and not self._at:
            self._reset()  # what stands before is the name of a group
        elif character == "(":
            self._skip_comment()
        elif character == '"':
            # Not closed: no later one is either, and to look again at each would take quadratic time.
            self._pattern = _TOKEN_UNQUOTED
        elif character == "@":
            self._at = self._at or self._angle is None
            self._add(character, character)
        elif character not in ")\\":
            self._add(character, character)

    def _open_angle(self) -> None:
        if self._angle:
            phrase = self._after
            self._end()
            self._phrase = phrase
            self._spec = list(phrase)
        self._angle = []
        self._open = True

    def _skip_comment(self) -> None:
        if not self._comments:
            return
        depth = 1
        for match in _COMMENT.finditer(self._value, self._position):
            depth += {"(": 1, ")": -1}.get(match.group(), 0)
            if depth == 0:
                self._comment = _ESCAPED.sub(r"\1", self._value[self._position : match.start()])
                self._position = match.end()
                return
        self._comments = False

    def _end(self) -> None:
        """Make a mailbox of what was gathered."""
        address = "".join(self._angle or ()).strip()
        if address.startswith("@"):
            address = address.rpartition(":")[2]
        address = address.removeprefix("mailto:")
        phrase = "".join(self._phrase)
        if not address:
            phrase, address = self._bare_address(phrase)
        name = _name(phrase) or _name("".join(self._after)) or _name(self._comment)
        if not address:
            # Quoted, it cannot be taken for the address that it may look like.
            name, address = "", _quoted(name) if _SPECIAL.search(name) else name
        address = clean_line(address)[:LENGTH]
        if address:
            self._found.append(Mailbox("" if name.lower() == address.lower() else name, address))
        self._reset()

    def _bare_address(self, phrase: str) -> tuple[str, str]:
        """Name and address where there is no angle bracket: the last word with an "@" is the address."""
        if not self._at:
            return phrase, ""
        last = len(self._spec) - 1 - self._spec[::-1].index("@")
        spaces = [n for n, piece in enumerate(self._spec) if piece == " "]
        start = max((n + 1 for n in spaces if n < last), default=0)
        end = min((n for n in spaces if n > last), default=len(self._spec))
        others = (*self._spec[:start], *self._spec[end:])
        return "".join(others).replace('"', ""), "".join(self._spec[start:end])


def _append(pieces: list[str], piece: str, address: bool) -> None:
    """Add a piece; white space at "@", and in an ``address`` at ".", divides nothing (RFC 5322 section 4.4)."""
    glue = ("@", ".") if address else ("@",)
    if pieces and piece in glue and pieces[-1] == " ":
        pieces.pop()
    if piece != " " or (pieces and pieces[-1] not in (*glue, " ")):
        pieces.append(piece)


def _name(text: str) -> str:
    name = _SPACES.sub(" ", show_overrides(clean_line(decode_words(text))))[:LENGTH]
    if len(name) > 1 and name[0] == name[-1] == "'":
        name = name[1:-1].strip()
    return name
