"""The grammar of SMTP command lines: paths, parameters, xtext.

RFC 5321 sections 4.1.1 to 4.1.3 and D.; RFC 1870 (SIZE), 6152 (BODY), 6531 (SMTPUTF8), 3461 (DSN), 4954 (AUTH=),
8689 (REQUIRETLS). Everything wrong is raised as a Refusal, which is the reply to send.
"""

from __future__ import annotations

import ipaddress
import re

import idna

from mailsuite.model.address import Address
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.errors import Refusal

MAIL_PARAMETERS = frozenset({"SIZE", "BODY", "SMTPUTF8", "RET", "ENVID", "AUTH"})
"""What MAIL may bear on any connection; REQUIRETLS comes with TLS."""

RCPT_PARAMETERS = frozenset({"NOTIFY", "ORCPT"})

# A quoted string may hold "<", ">" and "@". The alternatives never match the same character: no backtracking.
_PATH = r':[ ]*<((?:"(?:[^"\\]|\\.)*"|[^<>"])*)>(?: (.*))?\Z'
_FROM = re.compile("FROM" + _PATH, re.IGNORECASE)
_TO = re.compile("TO" + _PATH, re.IGNORECASE)
_ROUTE = re.compile(r"@[^,:\"]+(?:,@[^,:\"]+)*:")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_HELLO = re.compile(r"[!-~]{1,255}\Z")
_DIGITS = re.compile(r"[0-9]{1,20}\Z")
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})+\Z")
_ORCPT = re.compile(r"[A-Za-z0-9-]+;(?:[!-*,-<>-~\u0080-\U0010ffff]|\+[0-9A-F]{2})+\Z")
_NOTIFY = frozenset({"SUCCESS", "FAILURE", "DELAY"})


def command_line(line: bytes) -> tuple[str, str]:
    """Verb in upper case and argument of a line that still has its end.

    Raises Refusal 500 5.5.2 for a line that does not end in CRLF, holds a control character or is not UTF-8.
    """
    if line[-2:] != b"\r\n" or _CONTROL.search(line, 0, len(line) - 2):
        raise Refusal(500, "5.5.2", "a command line ends in CRLF and has no control characters")
    try:
        text = line[:-2].decode()
    except UnicodeDecodeError:
        raise Refusal(500, "5.5.2", "a command line is UTF-8") from None
    verb, _, argument = text.partition(" ")
    return verb.upper(), argument.strip(" ")


def parse_hello(argument: str) -> str:
    """The name after EHLO or HELO, as given; it need not be a valid domain, the role judges it."""
    if not _HELLO.match(argument):
        raise Refusal(501, "5.5.4", "EHLO and HELO need one domain name or address literal")
    return argument


def parse_mail(argument: str, hostname: str, offered: frozenset[str] = MAIL_PARAMETERS) -> tuple[Envelope, int]:
    """What follows MAIL: the envelope without recipients, and the SIZE parameter or 0.

    ``offered`` are the parameters that the session knows, ``hostname`` the domain of a bare local part.
    """
    match = _FROM.match(argument)
    if not match:
        raise Refusal(501, "5.5.4", "the form is MAIL FROM:<address>")
    path, rest = match.groups()
    given = _parameters(rest, offered) if rest else {}
    smtputf8 = _flag(given, "SMTPUTF8")
    size = given.get("SIZE", "0")
    if not _DIGITS.match(size):
        raise Refusal(501, "5.5.4", "SIZE is a number of octets")
    envid = given.get("ENVID", "")
    if "ENVID" in given and not (len(envid) <= 100 and _XTEXT.match(envid)):
        raise Refusal(501, "5.5.4", "ENVID is xtext of at most 100 characters")
    auth = given.get("AUTH", "<>")
    if auth != "<>" and not _XTEXT.match(auth):
        raise Refusal(501, "5.5.4", "AUTH is <> or xtext")
    envelope = Envelope(
        reverse_path=parse_path(path, "5.1.7", hostname, smtputf8) if path else None,
        recipients=(),
        smtputf8=smtputf8,
        body=_choice(given, "BODY", ("7BIT", "8BITMIME")),
        ret=_choice(given, "RET", ("FULL", "HDRS")),
        envid=envid,
        require_tls=_flag(given, "REQUIRETLS"),
    )
    return envelope, int(size)


def parse_rcpt(argument: str, hostname: str, smtputf8: bool = False) -> Recipient:
    """What follows RCPT. ``<postmaster>`` gets ``hostname`` as its domain (RFC 5321 4.5.1)."""
    match = _TO.match(argument)
    if not match:
        raise Refusal(501, "5.5.4", "the form is RCPT TO:<address>")
    path, rest = match.groups()
    if path.lower() == "postmaster":
        path = f"{path}@{hostname}"
    address = parse_path(path, "5.1.3", hostname, smtputf8)
    if not rest:
        return Recipient(address)
    given = _parameters(rest, RCPT_PARAMETERS)
    notify: tuple[str, ...] = ()
    if "NOTIFY" in given:
        notify = tuple(given["NOTIFY"].upper().split(","))
        if notify != ("NEVER",) and not (_NOTIFY.issuperset(notify) and len(set(notify)) == len(notify)):
            raise Refusal(501, "5.5.4", "NOTIFY is NEVER or a list of SUCCESS, FAILURE, DELAY")
    orcpt = given.get("ORCPT", "")
    if "ORCPT" in given and not (
        len(orcpt) <= 500 and _ORCPT.match(orcpt) and (smtputf8 or orcpt.isascii())
    ):  # RFC 6533 section 3 allows UTF-8 in it under SMTPUTF8
        raise Refusal(501, "5.5.4", "ORCPT is an address type, a semicolon and xtext, at most 500 characters")
    return Recipient(address, notify, orcpt)


def parse_path(path: str, enhanced: str, hostname: str, smtputf8: bool) -> Address:
    """The mailbox between the angle brackets; a source route is dropped (RFC 5321 appendix C).

    ``enhanced`` is the code of a Refusal: 5.1.7 for the sender's path, 5.1.3 for a recipient's.
    """
    if not path.isascii() and not smtputf8:
        raise Refusal(553, "5.6.7", "an address with non-ASCII characters needs SMTPUTF8 in MAIL")
    if path.startswith("@") and (route := _ROUTE.match(path)):
        path = path[route.end() :]
    local, at, domain = path.rpartition("@")
    try:
        if path != path.strip():
            raise ValueError("an address has no white space at its ends")
        if at and domain.startswith("["):
            _check_literal(domain)
        elif not domain.isascii():
            path = f"{local}@{_a_labels(domain)}"
        return Address.parse(path)
    except ValueError as error:
        raise Refusal(501, enhanced, str(error)) from None


def _check_literal(domain: str) -> None:
    # RFC 5321 section 4.1.3; a general-address-literal has no registered tag but IPv6.
    inner = domain[1:-1]
    try:
        if not domain.endswith("]"):
            raise ValueError
        if inner[:5].lower() == "ipv6:":
            ipaddress.IPv6Address(inner[5:])
        else:
            ipaddress.IPv4Address(inner)
    except ValueError:
        raise ValueError(f"{domain!r} is not an address literal: [192.0.2.1] or [IPv6:2001:db8::1]") from None


def _a_labels(domain: str) -> str:
    if len(domain) > 255:
        raise ValueError("a domain has at most 255 octets")
    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise ValueError(f"{domain!r} is not a domain name: {error}") from None


def _parameters(text: str, known: frozenset[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in filter(None, text.split(" ")):
        keyword, equals, value = word.partition("=")
        keyword = keyword.upper()
        if keyword not in known:
            raise Refusal(555, "5.5.4", f"parameter {keyword[:40]} is not supported")
        if keyword in found:
            raise Refusal(501, "5.5.4", f"parameter {keyword} is given twice")
        if equals and (not value or "=" in value):
            raise Refusal(501, "5.5.4", f"parameter {keyword} needs a value without =")
        found[keyword] = value
    return found


def _flag(given: dict[str, str], keyword: str) -> bool:
    value = given.get(keyword)
    if value:
        raise Refusal(501, "5.5.4", f"parameter {keyword} takes no value")
    return value is not None


def _choice(given: dict[str, str], keyword: str, values: tuple[str, ...]) -> str:
    if keyword not in given:
        return ""
    value = given[keyword].upper()
    if value not in values:
        raise Refusal(501, "5.5.4", f"{keyword} is one of {', '.join(values)}")
    return value


def xtext_encode(text: str) -> str:
    """Text as xtext (RFC 3461 section 4): "+", "=", white space, controls and non-ASCII octets become +HH."""
    return "".join(chr(o) if 33 <= o <= 126 and o not in b"+=" else f"+{o:02X}" for o in text.encode())


def xtext_decode(text: str) -> str:
    """The inverse. Raises ValueError when ``text`` is not xtext or does not decode to UTF-8."""
    if text and not _XTEXT.match(text):
        raise ValueError(f"{text!r} is not xtext")
    octets = re.sub(rb"\+([0-9A-F]{2})", lambda m: bytes((int(m[1], 16),)), text.encode())
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise ValueError(f"{text!r} is not UTF-8 once decoded") from None
