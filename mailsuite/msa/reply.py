"""To whom a reply goes (RFC 5322 section 3.6.3)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from mailsuite.login.typed import typed_address
from mailsuite.model.address import Mailbox
from mailsuite.model.message import Message


def address_key(mailbox: Mailbox) -> str:
    """By what two spellings of an address are the same one; what is no address, by its letters."""
    try:
        return typed_address(mailbox.address).key
    except ValueError:
        return mailbox.address.lower()


def _others(boxes: Iterable[Mailbox], known: set[str]) -> tuple[Mailbox, ...]:
    """The boxes that are not known yet, each once; they are known afterwards."""
    found = []
    for box in boxes:
        key = address_key(box)
        if key not in known:
            known.add(key)
            found.append(box)
    return tuple(found)


def reply_recipients(
    mine: Collection[str], message: Message, everyone: bool
) -> tuple[Sequence[Mailbox], Sequence[Mailbox]]:
    """To and Cc of a reply; ``mine`` are the keys of the addresses that are the writer's own.

    To is Reply-To, else From; a reply to one's own message goes to its recipients. ``everyone`` adds the others of
    its To and Cc, without the writer.
    """
    described = message.description
    me = set(mine)
    own = message.own or any(address_key(box) in me for box in described.author)
    if own:
        # A note to oneself is answered to oneself.
        to = _others(described.to, set(me)) or _others(described.to, set())
        rest = described.cc
    else:
        to = _others(described.reply_to or described.author, set())
        rest = (*described.to, *described.cc)
    if not everyone:
        return to, ()
    return to, _others(rest, me | {address_key(box) for box in to})
