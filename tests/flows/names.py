"""A resolver of the outside world."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class Names(threading.Thread):
    """Knows ``records``, rdata by lower-case name with its dot and by type; no other name exists."""

    def __init__(self, records: Mapping[tuple[str, str], str]) -> None:
        super().__init__(daemon=True)
        self._records = records
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    def run(self) -> None:
        while True:
            data, client = self._socket.recvfrom(4096)
            if not data:
                return
            query = dns.message.from_wire(data)
            (question,) = query.question
            name, kind = question.name.to_text().lower(), dns.rdatatype.to_text(question.rdtype)
            reply = dns.message.make_response(query, recursion_available=True)
            if found := self._records.get((name, kind)):
                reply.answer.append(dns.rrset.from_text(question.name, 300, "IN", kind, found))
            elif name not in {known for known, _ in self._records}:
                reply.set_rcode(dns.rcode.NXDOMAIN)
            self._socket.sendto(reply.to_wire(), client)

    def stop(self) -> None:
        """End the thread."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"", ("127.0.0.1", self.port))
        self.join(5)
        self._socket.close()
