"""The inputs that fuzzing of the DNS service begins with; F numbers are those of the field cases."""

# ruff: noqa: E501 (an input stands on one line)

from __future__ import annotations

import dns.edns
import dns.message
import dns.name

APEX = b"$TTL 60\n@ SOA ns post 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n"
"""A zone."""


def _query(name: str, kind: str, flags: int = 0, **options: object) -> bytes:
    return bytes([flags]) + dns.message.make_query(name, kind, id=7, **options).to_wire()  # type: ignore[arg-type]


def _signed() -> bytes:
    query = dns.message.make_query("alpha.example", "AXFR", id=7)
    query.use_tsig({dns.name.from_text("key.alpha.example"): b"0123456789abcdef0123456789abcdef"})
    return b"\2" + query.to_wire()


DNS_QUERY = {
    "hit": _query("alpha.example", "MX"),
    "edns": _query("alpha.example", "TXT", use_edns=0, payload=1232),
    "F069_itself": b"\0\0\7\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1",
    "F069_each_other": b"\0\0\7\1\0\0\1\0\0\0\0\0\0\1a\xc0\x10\1b\xc0\x0c\0\1\0\1",
    "F069_label": b"\0\0\7\1\0\0\1\0\0\0\0\0\0\x40abc\0\0\1\0\1",
    "F072_big": _query("big.alpha.example", "A", use_edns=0, payload=65535),
    "F074_empty": _query("_domainkey.alpha.example", "TXT"),
    "F076_nodata": _query("MAIL.alpha.example", "MX"),
    "wildcard": _query("x.y.w.alpha.example", "A"),
    "referral": _query("x.sub.alpha.example", "A", 1),
    "alias": _query("out.alpha.example", "A", 1),
    "foreign": _query("www.far.test", "A", 1, use_edns=0),
    "any": _query("alpha.example", "ANY"),
    "transfer": _query("alpha.example", "AXFR"),
    "signed": _signed(),
    "options": _query(
        "alpha.example", "MX", use_edns=0, options=[dns.edns.GenericOption(dns.edns.OptionType(65001), b"12345678")]
    ),
}

_POINTER = b"\xc0\x0c"
DNS_RESPONSE = {
    "address": b"\0\0\1\0\0\0\0" + _POINTER + b"\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1",
    "alias": b"\0\0\2\0\0\0\0"
    + _POINTER
    + b"\0\5\0\1\0\0\0\x3c\0\4\1x\xc0\x10\1x\xc0\x10\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1",
    "negative": b"\0\0\0\0\1\0\0\xc0\x10\0\6\0\1\0\0\0\x3c\0\x18\xc0\x10\xc0\x10" + bytes(16) + b"\0\0\0\5",
    "F069_loop": b"\4\0\1\0\0\0\0\xc0\x1e\0\5\0\1\0\0\0\x3c\0\2\xc0\x1e",
    "F069_header": b"\0\0\1\0\0\0\0\xc0\x0b\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1",
    "F069_ttl": b"\0\0\2\0\0\0\0"
    + _POINTER
    + b"\0\1\0\1\0\1\xff\xff\0\4\xc0\0\2\1\xc0\x26\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1",
    "F077_cut": b"\0\0\x09\0\0\0\0" + (_POINTER + b"\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1") * 8 + _POINTER + b"\0\1",
    "opt": b"\0\0\0\0\0\0\1\0\0\x29\4\xd0\0\0\0\0\0\0",
    "text": b"\3\0\1\0\0\0\0" + _POINTER + b"\0\x10\0\1\0\0\0\x3c\0\4\3abc",
    "header": b"\x10\x12\x34\x81\x82\0\0\0\0\0\0\0\0",
}

DNS_ZONE = {
    "plain": APEX + b'www 60 IN A 192.0.2.1\n*.w TXT "a" "b"\nc CNAME www\nx TYPE65280 \\# 1 ab\n',
    "include": APEX + b"$INCLUDE more sub\n\0a A 192.0.2.1\n$ORIGIN b.example.\nx A 192.0.2.2\n",
    "parens": b"$ORIGIN a.example.\n@ 60 SOA ns post ( 1 2 ; serial\n 3 4\n 5 )\n NS ns\nns 1w A 192.0.2.1\n",
    "delegation": APEX + b"sub NS ns.sub\nns.sub A 192.0.2.9\nsub DS 1 8 2 " + b"ab" * 32 + b"\n",
    "mail": APEX
    + b'@ MX 10 ns\n_dmarc TXT "v=DMARC1; p=none"\n_25._tcp TLSA 3 1 1 '
    + b"cd" * 32
    + b"\n_x._tcp SRV 0 0 1 ns\n",
    "escapes": APEX + b'a\\.b\\032\\255 A 192.0.2.1\n@ TXT "\\000\\"\\\\"\n',
    "generate": APEX + b"$GENERATE 1-3 h$ A 192.0.2.$\n",
}

DNS_BLOCKLIST = {
    "hosts": b"127.0.0.1 localhost\n0.0.0.0 ads.example more.example # why\n::1 x\n",
    "filter": b"[Adblock Plus]\n! c\n||ads.example^$third-party\n@@||good.example^\nshop.example##.banner\n/ads/\n",
    "names": b"ads.example\n*.below.example\n.both.example\n\xff\xfe\n*..\n||.^\n",
}

CORPUS = {
    "dns_query": DNS_QUERY,
    "dns_response": DNS_RESPONSE,
    "dns_zone": DNS_ZONE,
    "dns_blocklist": DNS_BLOCKLIST,
}

WORDS = {
    "dns_query": "\x05alpha\x07example\x00|\x04mail|\x03big|\x01w|\x03sub|\x03out|\x00\x01\x00\x01|\x00\x00\x29|\x00\x0f\x00\x01|"
    "\x00\xfa\x00\xff|\x00\xfc\x00\x01|\x00\xfb\x00\x01|\x00\xff\x00\x01|\x00\x10\x00\x01",
    "dns_response": "\x03www\x03far\x04test\x00|\x00\x01\x00\x01|\x00\x05\x00\x01|\x00\x06\x00\x01|\x00\x29|\x00\x00\x00\x3c|\x00\x04",
    "dns_zone": "$ORIGIN |$TTL |$INCLUDE more|$GENERATE |SOA ns post 1 2 3 4 5\n|NS |CNAME |MX 10 |TXT |SRV |A 192.0.2.1\n|TYPE65280 |"
    '\\# |IN |CH |( |)|;|"|\\|@|*.|a.example.|DNAME |DS |TLSA |CAA 0 issue |NAPTR |HTTPS |SVCB |LOC |APL ',
    "dns_blocklist": "0.0.0.0 |*.|^|@@|##|#|!|*.|.example|::1 |$third-party|\n",
}
