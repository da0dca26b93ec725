"""Command lines: what RFC 5321 and its extensions allow, and which code says what is wrong."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.model.address import Address
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.errors import Refusal
from mailsuite.smtp import grammar
from mailsuite.smtp.parameters import mail_line, rcpt_line

HOST = "mx.alpha.example"
EVERYTHING = dict.fromkeys(("SIZE", "8BITMIME", "SMTPUTF8", "DSN", "REQUIRETLS"), "")

_labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
domains = st.lists(_labels, min_size=1, max_size=4).map(".".join)
literals = st.ip_addresses().map(lambda ip: f"[{ip}]" if ip.version == 4 else f"[ipv6:{ip}]")
locals_ = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
unicode_locals = st.text(st.characters(min_codepoint=32, exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12)
addresses = st.builds(Address, locals_, st.one_of(domains, literals))
utf8_addresses = st.builds(Address, unicode_locals, domains)
xtexts = st.text(max_size=20).map(grammar.xtext_encode)
recipients = st.builds(
    Recipient,
    addresses,
    st.sampled_from([(), ("NEVER",), ("SUCCESS", "FAILURE"), ("DELAY",)]),
    st.one_of(st.just(""), xtexts.filter(bool).map(lambda x: f"rfc822;{x}")),
)
envelopes = st.builds(
    Envelope,
    reverse_path=st.one_of(st.none(), addresses),
    recipients=st.just(()),
    smtputf8=st.booleans(),
    body=st.just(""),
    ret=st.sampled_from(["", "FULL", "HDRS"]),
    envid=xtexts.filter(lambda x: len(x) <= 100),
    require_tls=st.booleans(),
)


def rcpt(text: str, smtputf8: bool = False) -> str:
    """The address of a RCPT argument."""
    return str(grammar.parse_rcpt(text, HOST, smtputf8).address)


class RoundTripTests(SynchronousTestCase):
    """What we write as a client, we read as a server."""

    @settings(max_examples=200)
    @given(envelopes, st.binary(max_size=50))
    def test_mail(self, envelope: Envelope, content: bytes) -> None:
        """MAIL with all its parameters is read back as it was."""
        line = mail_line(envelope, content, envelope.smtputf8, EVERYTHING)
        parsed, size = grammar.parse_mail(line.removeprefix("MAIL "), HOST, grammar.MAIL_PARAMETERS | {"REQUIRETLS"})
        self.assertEqual(size, len(content))
        body = "" if content.isascii() else "8BITMIME"
        self.assertEqual(parsed, replace(envelope, body=body))

    @settings(max_examples=200)
    @given(recipients)
    def test_rcpt(self, recipient: Recipient) -> None:
        """RCPT with NOTIFY and ORCPT is read back as it was."""
        line = rcpt_line(recipient, False, EVERYTHING)
        if len(recipient.orcpt) <= 500:
            self.assertEqual(grammar.parse_rcpt(line.removeprefix("RCPT "), HOST), recipient)

    @settings(max_examples=200)
    @given(utf8_addresses)
    def test_utf8_address(self, address: Address) -> None:
        """Under SMTPUTF8 a local part in any script is read back as it was."""
        if len(address.local.encode()) <= 64 and str(address) == str(address).strip():
            self.assertEqual(grammar.parse_rcpt(f"TO:<{address}>", HOST, True).address, address)

    @given(st.text())
    def test_xtext(self, text: str) -> None:
        """xtext decodes to what was encoded, and holds only printable ASCII without "=" and space."""
        encoded = grammar.xtext_encode(text)
        self.assertRegex(encoded, r"\A[!-<>-~]*\Z")
        self.assertEqual(grammar.xtext_decode(encoded), text)

    @settings(max_examples=200)
    @given(st.text(max_size=60))
    def test_anything_else_is_a_refusal(self, text: str) -> None:
        """No argument makes the parsers raise anything but a Refusal."""
        for prefix in ("FROM:<", "FROM:<a@b.example> ", "TO:<", "TO:<a@b.example> ORCPT=", ""):
            for parse in (grammar.parse_mail, grammar.parse_rcpt):
                for argument in (prefix + text, prefix + text + ">"):
                    try:
                        parse(argument, HOST)
                    except Refusal as refusal:
                        self.assertTrue(refusal.status.permanent)

    @settings(max_examples=200)
    @given(st.binary(max_size=60))
    def test_any_line(self, line: bytes) -> None:
        """Arbitrary octets give a verb in upper case or a Refusal."""
        try:
            verb, _ = grammar.command_line(line + b"\r\n")
        except Refusal as refusal:
            self.assertEqual(refusal.status.code, 500)
        else:
            self.assertEqual(verb, verb.upper())


class XtextTests(SynchronousTestCase):
    """RFC 3461 section 4."""

    def test_the_example_of_the_standard(self) -> None:
        """A plus sign is +2B and a space is +20."""
        self.assertEqual(grammar.xtext_encode("a+b c=d"), "a+2Bb+20c+3Dd")

    def test_what_is_not_xtext(self) -> None:
        """A bare "+", lower-case digits, "=" and octets that are not UTF-8 are refused."""
        for text in ("a+", "a+2b", "a=b", "a b", "+FF"):
            self.assertRaises(ValueError, grammar.xtext_decode, text)


class PathTests(SynchronousTestCase):
    """Field case F014 and the forms of RFC 5321 section 4.1.2."""

    def test_f014_recipient_forms(self) -> None:
        """F014: each legal form gives its mailbox."""
        for text, address in {
            "TO:<postmaster>": "postmaster@mx.alpha.example",
            "TO:<PostMaster>": "PostMaster@mx.alpha.example",
            'TO:<"a b"@beta.example>': '"a b"@beta.example',
            "TO:<@relay.example:u@beta.example>": "u@beta.example",
            "TO:<@a.example,@b.example:u@beta.example>": "u@beta.example",
            "TO:<u@[198.51.100.2]>": "u@[198.51.100.2]",
            "TO:<u@[IPv6:2001:db8:5::2]>": "u@[ipv6:2001:db8:5::2]",
            "TO:<u%other@beta.example>": "u%other@beta.example",
            "TO:<u@BETA.Example>": "u@beta.example",
            "to: <u@beta.example>": "u@beta.example",
            'TO:<"quoted"@beta.example>': "quoted@beta.example",
            'TO:<"a>b"@beta.example>': '"a>b"@beta.example',
            'TO:<"a\\"@\\\\b"@beta.example>': '"a\\"@\\\\b"@beta.example',
        }.items():
            self.assertEqual(rcpt(text), address, text)

    def test_f014_what_is_not_an_address(self) -> None:
        """F014: an illegal recipient is 501 5.1.3."""
        for path in (
            "u@",
            "",
            "u",
            "@beta.example",
            "u" * 65 + "@beta.example",
            "u@" + "d" * 64 + ".example",
            "a b@beta.example",
            '"a"b@beta.example',
            "u@[198.51.100.256]",
            "u@[198.51.100.2",
            "u@[IPv6:1::2::3]",
            "u@[tag:x]",
            "u@beta..example",
        ):
            error = self.assertRaises(Refusal, grammar.parse_rcpt, f"TO:<{path}>", HOST)
            self.assertEqual((error.status.code, error.status.enhanced), (501, "5.1.3"), path)

    def test_longest_local_part(self) -> None:
        """64 octets before the @ are legal (RFC 5321 section 4.5.3.1.1)."""
        self.assertEqual(rcpt(f"TO:<{'u' * 64}@beta.example>"), "u" * 64 + "@beta.example")

    def test_null_reverse_path(self) -> None:
        """MAIL takes <>, RCPT does not."""
        self.assertIsNone(grammar.parse_mail("FROM:<>", HOST)[0].reverse_path)
        self.assertRaises(Refusal, grammar.parse_rcpt, "TO:<>", HOST)

    def test_bad_reverse_path(self) -> None:
        """A bad sender is 501 5.1.7, also without a domain."""
        for path in ("u@", "u", "a b@c.example"):
            error = self.assertRaises(Refusal, grammar.parse_mail, f"FROM:<{path}>", HOST)
            self.assertEqual((error.status.code, error.status.enhanced), (501, "5.1.7"))

    def test_non_ascii_needs_smtputf8(self) -> None:
        """Without SMTPUTF8 a non-ASCII path is 553 5.6.7 (RFC 6531 section 3.5)."""
        error = self.assertRaises(Refusal, grammar.parse_mail, "FROM:<ünal@beta.example>", HOST)
        self.assertEqual((error.status.code, error.status.enhanced), (553, "5.6.7"))
        error = self.assertRaises(Refusal, grammar.parse_rcpt, "TO:<u@bücher.example>", HOST)
        self.assertEqual((error.status.code, error.status.enhanced), (553, "5.6.7"))

    def test_u_labels_become_a_labels(self) -> None:
        """Under SMTPUTF8 a domain in U-labels is kept as A-labels; the local part stays."""
        self.assertEqual(rcpt("TO:<ünal@Bücher.example>", True), "ünal@xn--bcher-kva.example")
        error = self.assertRaises(Refusal, grammar.parse_rcpt, "TO:<u@\u2028.example>", HOST, True)
        self.assertEqual(error.status.enhanced, "5.1.3")

    def test_white_space_at_the_ends(self) -> None:
        """It is refused, not dropped: with it the mailbox would be another one."""
        for path in (" u@beta.example", "u@beta.example ", "\u00a0u@beta.example"):
            error = self.assertRaises(Refusal, grammar.parse_rcpt, f"TO:<{path}>", HOST, True)
            self.assertEqual((error.status.code, error.status.enhanced), (501, "5.1.3"))

    def test_long_hostile_paths_are_quick(self) -> None:
        """No path makes the expressions backtrack: thousands of quotes, backslashes or spaces take milliseconds."""
        for inner in ('"' * 4000, '"\\' * 2000, "<" * 4000, '"a" ' * 1000, "@a," * 1300):
            self.assertRaises(Refusal, grammar.parse_rcpt, "TO:<" + inner, HOST)
            self.assertRaises(Refusal, grammar.parse_rcpt, "TO:<" + inner + ">", HOST)


class ParameterTests(SynchronousTestCase):
    """MAIL and RCPT parameters."""

    def fault(self, argument: str) -> tuple[int, str]:
        """What is said to a MAIL or RCPT argument."""
        parse = grammar.parse_mail if argument.startswith("FROM") else grammar.parse_rcpt
        status = self.assertRaises(Refusal, parse, argument, HOST).status
        return status.code, status.enhanced

    def test_all_of_mail(self) -> None:
        """Every parameter that we offer is read, in any order and case."""
        envelope, size = grammar.parse_mail(
            "FROM:<ann@alpha.example> size=1000 BODY=8bitmime  SMTPUTF8 RET=hdrs ENVID=QQ314159 AUTH=ann+40a.example",
            HOST,
        )
        self.assertEqual(size, 1000)
        self.assertEqual(
            envelope, Envelope(Address("ann", "alpha.example"), (), True, "8BITMIME", "HDRS", "QQ314159", False)
        )

    def test_all_of_rcpt(self) -> None:
        """NOTIFY is a tuple in upper case, ORCPT stays as given."""
        recipient = grammar.parse_rcpt(
            "TO:<bob@beta.example> NOTIFY=success,Failure ORCPT=rfc822;Bob+2Bx@beta.example", HOST
        )
        self.assertEqual(recipient.notify, ("SUCCESS", "FAILURE"))
        self.assertEqual(recipient.orcpt, "rfc822;Bob+2Bx@beta.example")

    def test_orcpt_in_utf8(self) -> None:
        """A utf-8 ORCPT may be UTF-8 under SMTPUTF8 only (RFC 6533 section 3)."""
        argument = "TO:<bob@beta.example> ORCPT=utf-8;bøb@beta.example"
        self.assertEqual(grammar.parse_rcpt(argument, HOST, True).orcpt, "utf-8;bøb@beta.example")
        self.assertEqual(self.fault(argument), (501, "5.5.4"))

    def test_unknown_is_555(self) -> None:
        """A parameter that is not known, or not offered here, is 555 5.5.4."""
        for argument in ("FROM:<a@b.example> X=Y", "FROM:<a@b.example> REQUIRETLS", "TO:<a@b.example> SIZE=5"):
            self.assertEqual(self.fault(argument), (555, "5.5.4"))

    def test_bad_values_are_501(self) -> None:
        """A known parameter with a value that it cannot have is 501 5.5.4."""
        for words in (
            "SIZE=", "SIZE", "SIZE=x", "SIZE=-1", "SIZE=" + "9" * 21, "SIZE=1 SIZE=1", "BODY=BINARYMIME", "BODY",
            "SMTPUTF8=1", "RET=ALL", "ENVID=", "ENVID=a=b", "ENVID=" + "x" * 101, "AUTH=", "AUTH=a+zz",
        ):  # fmt: skip
            self.assertEqual(self.fault(f"FROM:<a@b.example> {words}"), (501, "5.5.4"), words)
        for words in (
            "NOTIFY=", "NOTIFY=NEVER,DELAY", "NOTIFY=DELAY,DELAY", "NOTIFY=OFTEN", "ORCPT=a@b", "ORCPT=rfc822;",
            "ORCPT=rfc822;a+b", "ORCPT=rfc822;" + "x" * 500,
        ):  # fmt: skip
            self.assertEqual(self.fault(f"TO:<a@b.example> {words}"), (501, "5.5.4"), words)

    def test_bad_forms_are_501(self) -> None:
        """What is not FROM:<…> or TO:<…> is 501 5.5.4."""
        for argument in ("", "FROM", "FROM:", "FROM:a@b.example", "FROM:<a@b.example", "FROM:<a@b.example>X=Y"):
            status = self.assertRaises(Refusal, grammar.parse_mail, argument, HOST).status
            self.assertEqual((status.code, status.enhanced), (501, "5.5.4"))
        for argument in ("", "TO:", "TO:a@b.example", "FROM:<a@b.example>"):
            status = self.assertRaises(Refusal, grammar.parse_rcpt, argument, HOST).status
            self.assertEqual((status.code, status.enhanced), (501, "5.5.4"))


class InjectionTests(SynchronousTestCase):
    """What cannot be written as a parameter."""

    def test_values(self) -> None:
        """White space, controls, "=" and line ends in a value are a ValueError, not a second command."""
        for text in ("a b", "a\r\nRSET", "a\0", "a=b", "a\tb"):
            envelope = Envelope(None, (), envid=text)
            self.assertRaises(ValueError, mail_line, envelope, b"", False, EVERYTHING)
            recipient = Recipient(Address("a", "b.example"), orcpt="rfc822;" + text)
            self.assertRaises(ValueError, rcpt_line, recipient, False, EVERYTHING)
