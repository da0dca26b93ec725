"""The word to a secondary server that a zone has changed (RFC 1996), signed when there is a key (RFC 8945)."""

from __future__ import annotations

from collections.abc import Mapping

import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdatatype

from mailsuite.dns import wire
from mailsuite.dns.transfer import TransferKey


class Notice:
    """One NOTIFY, ``wire``, and what is to be thought of the datagrams that may answer it.

    ``id`` is a random number of 16 bits. It is signed as of the time it is made.
    """

    def __init__(self, origin: str, id: int, key: TransferKey | None) -> None:
        message = dns.message.make_query(origin, dns.rdatatype.SOA, id=id, use_edns=False)
        message.set_opcode(dns.opcode.NOTIFY)
        message.flags = (message.flags & ~dns.flags.RD) | dns.flags.AA
        self._key = None if key is None else key.tsig
        if self._key is not None:
            message.use_tsig(self._key)
        self._id = id
        self.wire = message.to_wire()
        self._mac = message.mac

    def judge(self, data: bytes) -> str | None:
        """ "" when it was accepted, why when it was refused, None when ``data`` does not answer it.

        With a key only a signed answer says that it was accepted; a refusal is told unsigned by who does not know
        the key (RFC 8945 section 5.2).
        """
        if len(data) < wire.HEADER or int.from_bytes(data[:2], "big") != self._id or data[2] & 0xF8 != 0xA0:
            return None
        if rcode := data[3] & 15:
            return wire.rcode_text(rcode)
        if self._key is None:
            return ""
        try:
            answer = dns.message.from_wire(data, keyring=self._key, request_mac=self._mac)
        except (dns.exception.DNSException, ValueError):
            return None
        return "" if answer.had_tsig else None


def changed(old: Mapping[str, int], new: Mapping[str, int]) -> list[str]:
    """The origins whose serial is not what it was, by name."""
    return sorted(origin for origin, serial in new.items() if old.get(origin) != serial)
