"""Who a From field says has written the message, read strictly (RFC 5322 sections 3.4 and 3.6.2).

A tolerant reader would do harm here: whatever another host may take for the author must belong to the account.
"""

from __future__ import annotations

import re

from mailsuite.login.typed import typed_address
from mailsuite.model.address import Address

MAX_OCTETS = 2000

_SKIPPED = re.compile(r'"(?:[^"\\]|\\.)*"|\((?:[^()\\]|\\.)*\)')
"""Quoted strings and comments, whichever begins first: neither may hide the end of the other."""

_ANGLE = re.compile(r'[^<>@,:;"()]*<([^<>]*)>\Z')


def author_of(value: bytes) -> Address:
    """The one address of a From field's value. Raises ValueError when there is none, or more than one."""
    if len(value) > MAX_OCTETS:
        raise ValueError(f"the From field is longer than {MAX_OCTETS} octets")
    bare = _SKIPPED.sub(" ", value.decode("utf-8", "replace")).strip()
    angle = _ANGLE.match(bare)
    return typed_address(angle.group(1) if angle else bare)
