"""Whose domain a message says it is from (RFC 5322 section 3.6.2, RFC 9989 section 4.3)."""

from __future__ import annotations

from dataclasses import dataclass

from mailsuite.mailauth.fields import Header
from mailsuite.mailauth.lookups import a_label
from mailsuite.mime.addresses import parse_mailboxes

LENGTH = 20_000
"""Octets of a From field that is still read."""


@dataclass(frozen=True, slots=True)
class Author:
    """``domains`` of the mailboxes in From as A-labels, without repeats; ``unusable`` are mailboxes that have none.

    ``fault`` in words when there is no author that could be judged: the message is to be refused.
    """

    domains: tuple[str, ...] = ()
    unusable: tuple[str, ...] = ()
    fault: str = ""


def author_of(header: Header) -> Author:
    """The author domains of a message."""
    fields = header.named(b"from")
    if len(fields) != 1:
        return Author(fault="there is no From field" if not fields else f"there are {len(fields)} From fields")
    if len(fields[0].value) > LENGTH:
        return Author(fault=f"the From field is longer than {LENGTH} octets")
    domains, unusable = [], []
    for mailbox in parse_mailboxes(fields[0].text):
        local, at, domain = mailbox.address.rpartition("@")
        name = a_label(domain) if local and at else ""
        if name:
            domains.append(name)
        else:
            unusable.append(mailbox.address)
    if not domains:
        return Author(unusable=tuple(unusable), fault="the From field has no mailbox with a domain")
    return Author(tuple(dict.fromkeys(domains)), tuple(unusable))
