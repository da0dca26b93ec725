"""Address lists, message ids."""

from __future__ import annotations

from email.headerregistry import Address as StdlibAddress
from email.utils import getaddresses

from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mime.addresses import MAILBOXES, format_mailbox, message_ids, parse_mailboxes, show_mailbox
from mailsuite.model.address import Mailbox


class MailboxTests(SynchronousTestCase):
    """RFC 5322 section 3.4, and what comes instead."""

    def test_examples_of_the_standard(self) -> None:
        """Appendix A.1.2, A.1.3, A.5 and A.6.1, as the standard library reads them too."""
        for value in (
            '"Joe Q. Public" <john.q.public@example.com>',
            "Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
            '<boss@nil.test>, "Giant; \\"Big\\" Box" <sysservices@example.net>',
            "Joe Q. Public <john.q.public@example.com>",
        ):
            boxes = parse_mailboxes(value)
            self.assertEqual([(box.name, box.address) for box in boxes], getaddresses([value]), value)
        self.assertEqual(
            parse_mailboxes("A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;"),
            (Mailbox("Ed Jones", "c@a.test"), Mailbox("", "joe@where.test"), Mailbox("John", "jdoe@one.test")),
        )
        self.assertEqual(
            parse_mailboxes("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>"),
            (Mailbox("Pete", "pete@silly.test"),),
        )
        self.assertEqual(
            parse_mailboxes("Mary Smith <@node.test,@b.test:mary@example.net>, , jdoe@test  . example"),
            (Mailbox("Mary Smith", "mary@example.net"), Mailbox("", "jdoe@test.example")),
        )

    def test_names(self) -> None:
        """Decoded after they are told apart, unquoted; comments count when there is nothing else."""
        for value, name in (
            ("=?utf-8?q?a=2Cb=40x?= <x@y.example>", "a,b@x"),
            ('"=?utf-8?q?=C3=A4?=" <x@y.example>', "ä"),
            ("=?utf-8?Q?John Doe?= <x@y.example>", "John Doe"),
            ("=?utf-8?Q?J=C3=B6?= =?utf-8?Q?hn_D?= Doe <x@y.example>", "Jöhn D Doe"),
            ("x@y.example (Ann (the one))", "Ann (the one)"),
            ("Ann x@y.example", "Ann"),
            ("'Ann' <x@y.example>", "Ann"),
            ("x@y.example <x@y.example>", ""),
            ("John @ Acme <x@y.example>", "John @ Acme"),
            ('"unclosed <x@y.example>', "unclosed"),
            ("Ann (unclosed <x@y.example>", "Ann unclosed"),
        ):
            self.assertEqual(parse_mailboxes(value), (Mailbox(name, "x@y.example"),), value)

    def test_odd_lists(self) -> None:
        """Missing brackets and commas, semicolons, routes: every address is found."""
        for value, addresses in (
            ("Ann <a@x.example, Bob <b@x.example>", ["a@x.example", "b@x.example"]),
            ("Ann <a@x.example> Bob <b@x.example>", ["a@x.example", "b@x.example"]),
            ("a@x.example; b@x.example", ["a@x.example", "b@x.example"]),
            ("<mailto:a@x.example>", ["a@x.example"]),
            ('"a b"@x.example', ['"a b"@x.example']),
            ('"a,b"@x.example, c@x.example', ['"a,b"@x.example', "c@x.example"]),
            ("u@[IPv6:2001:db8::1]", ["u@[IPv6:2001:db8::1]"]),
            ("ö@bücher.example", ["ö@bücher.example"]),
            ("Bob <bob>", ["bob"]),
            ("< a . b @ x . example >", ["a.b@x.example"]),
            ("<a b@x.example>", ["a b@x.example"]),
            ("a b@x.example", ["b@x.example"]),
            (",,,", []),
        ):
            self.assertEqual([box.address for box in parse_mailboxes(value)], addresses, value)

    def test_what_looks_like_an_address(self) -> None:
        """Text that is none, decoded or quoted, does not become one."""
        for value in (
            "=?utf-8?q?ceo=40x.example?=",
            '"ceo@x.example"',
            '"ceo@x.example" <>',
            "=?utf-8?q?ceo=40x=2E?= x",
        ):
            (box,) = parse_mailboxes(value)
            self.assertEqual((box.name, box.address[0], box.address[-1]), ("", '"', '"'), value)
            with self.assertRaises(ValueError):
                format_mailbox(box)

    def test_cap(self) -> None:
        """No more than 2000."""
        self.assertEqual(len(parse_mailboxes("a@b.example," * 5000)), MAILBOXES)

    def test_emission(self) -> None:
        """As email.headerregistry quotes it; long and foreign names as encoded words; the address must be one."""
        for name in ("", "Ann", "Ann Example", "Example, Ann", 'Ann "the" Example', "J. Doe", "a@b", "back\\slash"):
            expected = str(StdlibAddress(name, "ann", "a.example"))
            self.assertEqual(format_mailbox(Mailbox(name, "ann@a.example")).replace("<", "", not name), expected)
        self.assertEqual(format_mailbox(Mailbox("ä", "a@b.example")), "=?utf-8?b?w6Q=?= <a@b.example>")
        self.assertEqual(format_mailbox(Mailbox("a\r\nb", "a@b.example")), "ab <a@b.example>")
        self.assertEqual(format_mailbox(Mailbox("", '"a b"@b.example')), '"a b"@b.example')
        for address in ("", "a", "a@", "a@b.example>, <c@d.example", "a@b.example\r\nBcc: x@y.example"):
            with self.assertRaises(ValueError):
                format_mailbox(Mailbox("x", address))

    def test_shown(self) -> None:
        """The text for people reads back as the same mailbox."""
        for box in (Mailbox("", "a@b.example"), Mailbox("Änn", "a@b.example"), Mailbox('x, "y" <z@z>', "a@b.example")):
            self.assertEqual(parse_mailboxes(show_mailbox(box)), (box,))


class MessageIdTests(SynchronousTestCase):
    """RFC 5322 section 3.6.4."""

    def test_ids(self) -> None:
        """In order, once each, whatever stands between."""
        for value, ids in (
            ("<1@a.example> <2@a.example>", ("<1@a.example>", "<2@a.example>")),
            ("<1@a.example><2@a.example>,<1@a.example>", ("<1@a.example>", "<2@a.example>")),
            ("Ann's message of Monday <1@a.example>", ("<1@a.example>",)),
            ("< 1@a.example >", ("<1@a.example>",)),
            ("1@a.example", ("<1@a.example>",)),
            ("message of ann@a.example", ()),
            ("<>", ()),
            ("<1>", ()),
            ("<@>", ()),
            ("", ()),
        ):
            self.assertEqual(message_ids(value), ids, value)
