"""Blocklists of any text (hosts files, filter lists): whatever a list says, names are looked up without a fault."""

from __future__ import annotations

from mailsuite.dns import wire
from mailsuite.dns.blocklist import Blocklist, entries

NEVER = wire.encode_name("never.in-a-list.elsewhere.test")


def check(data: bytes) -> None:
    """Raises for an exception, an entry that does not hold, or a root that blocks all names."""
    lines = data.decode("utf-8", "replace").splitlines()
    blocklist = Blocklist(lines)
    if b"elsewhere" not in data.lower() and b"test" not in data.lower():
        assert not blocklist.blocks(NEVER)
    blocklist.blocks(b"\0")
    free = any(exception for exception, _, _ in entries(lines))
    for _, text, reach in entries(lines):
        try:
            name = wire.encode_name(text).lower()
        except ValueError:
            continue
        if not free and name != b"\0" and reach.name in ("NAME", "BOTH"):
            assert blocklist.blocks(name), text
        below = b"\1x" + name
        if not free and name != b"\0" and reach.name in ("BELOW", "BOTH"):
            assert blocklist.blocks(below), text
