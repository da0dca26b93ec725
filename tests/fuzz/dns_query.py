"""DNS queries of any form, over UDP and TCP, from strangers and clients (RFC 1035, RFC 6891, RFC 8945)."""

from __future__ import annotations

from functools import cache

import dns.message

from mailsuite.dns import wire
from mailsuite.dns.answer import Answerer, Foreign
from mailsuite.dns.builder import compile_table
from mailsuite.dns.limit import slipped
from mailsuite.dns.records import MailHost, mail_domain_zone
from mailsuite.dns.transfer import Refused, Secondary, TransferKey, Transfers, is_signed, is_transfer, messages
from mailsuite.model.account import DkimKey, Domain
from mailsuite.model.zone import Record, Zone

HOST = "192.0.2.54"
KEY = TransferKey("key.alpha.example", "hmac-sha256", b"0123456789abcdef0123456789abcdef")


@cache
def zones() -> tuple[Zone, ...]:
    """A mail domain with a wildcard, a delegation, aliases, a big RRset."""
    origin = "alpha.example."
    more = (
        Record(f"*.w.{origin}", "A", 60, "192.0.2.1"),
        Record(f"sub.{origin}", "NS", 60, f"ns.sub.{origin}"),
        Record(f"ns.sub.{origin}", "A", 60, "192.0.2.2"),
        Record(f"c.{origin}", "CNAME", 60, f"x.w.{origin}"),
        Record(f"out.{origin}", "CNAME", 60, "www.far.test."),
        *(Record(f"big.{origin}", "A", 60, f"192.0.2.{n}") for n in range(1, 101)),
    )
    host = MailHost("mail.alpha.example", ("192.0.2.25", "2001:db8::25"))
    keys = (DkimKey("s1", "rsa", "", "MIIB" + "x" * 388),)
    return (mail_domain_zone(Domain("alpha.example", 0, keys), host, serial=7, custom=more),)


@cache
def answerer() -> Answerer:
    """With those zones."""
    return Answerer(compile_table(zones()))


def check(data: bytes) -> None:
    """Raises for an exception, a response that others cannot read, or one that is none to the query."""
    flags, query = data[0] if data else 0, data[1:]
    recursion = bool(flags & 1)
    ours = answerer()
    response = ours.answer(query, recursion)
    # The fast way and the careful one say the same.
    assert response == ours._answer(query, recursion, None), query
    _sound(query, response, wire.UDP_SIZE)
    _sound(query, ours.answer_stream(query, recursion), wire.STREAM_SIZE)
    transfers = Transfers([Secondary((HOST, 53), KEY if flags & 2 else None)])
    if is_transfer(query):
        try:
            accepted, _ = transfers.accept(query, HOST)
            for message in messages(accepted, zones()[0]):
                dns.message.from_wire(message, keyring=transfers._keyrings[HOST], request_mac=accepted.mac, multi=True)
                break
        except Refused as refused:
            dns.message.from_wire(refused.response)
    if is_signed(query) and isinstance(response, bytes):
        try:
            transfers.sign(query, response, HOST)
        except Refused as refused:
            dns.message.from_wire(refused.response)


def _sound(query: bytes, response: bytes | Foreign | None, limit: int) -> None:
    if response is None:
        assert len(query) < wire.HEADER or query[2] & 0x80, "silence"
        return
    if isinstance(response, Foreign):
        wire.decode_name(response.name)
        assert not response.found or dns.message.from_wire(response.found)
        return
    assert response[:2] == query[:2], "id"
    assert response[2] & 0x80, "QR"
    assert len(response) <= limit, len(response)
    parsed = dns.message.from_wire(response)
    assert len(parsed.question) <= 1
    if parsed.question:
        end = wire.name_end(query, wire.HEADER) + 4
        assert response[wire.HEADER : end] == query[wire.HEADER : end], "question"
    dns.message.from_wire(slipped(response))
