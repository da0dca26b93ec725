"""Aliases and forwards on the running demonstration: copies here and elsewhere, and what comes back."""

from __future__ import annotations

import smtplib
import sqlite3
from typing import Any, TypeVar

import pytest
from twisted.internet import reactor as _reactor

from tests.flows.demo import until
from tests.flows.outside import SENDER, OutsideCase
from tests.flows.store import filed_subjects

pytestmark = [pytest.mark.slow]

T = TypeVar("T")
reactor: Any = _reactor

ALICE, BOB, CAROL = "alice@alpha.example", "bob@alpha.example", "carol@beta.example"


def notice(to: str, recipient: str) -> bytes:
    """What a host says that took a message and could not deliver it."""
    return (
        "From: MAILER-DAEMON@mx.target.example\r\n"
        f"To: {to}\r\n"
        "Subject: Undelivered Mail\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n'
        "MIME-Version: 1.0\r\n\r\n"
        "--b\r\n\r\nIt was not delivered.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; mx.target.example\r\n\r\n"
        f"Final-Recipient: rfc822; {recipient}\r\nAction: failed\r\nStatus: 5.2.2\r\n"
        "Diagnostic-Code: smtp; 552 5.2.2 the mailbox is full\r\n\r\n"
        "--b--\r\n"
    ).encode()


class ForwardingTests(OutsideCase):
    """One demonstration for all."""

    async def test_alias_here_and_elsewhere(self) -> None:
        """Carol has it once although two ways lead to her; the other host gets it from an address of ours."""

        def work() -> None:
            self.demo.mailctl("alias", "add", "team@beta.example", CAROL, "u@target.example")
            self.demo.mailctl("alias", "add", "all@alpha.example", "team@beta.example", "carol+all@beta.example")
            self.send("all@alpha.example", "for the team")
            self.inbox(CAROL, "for the team")
            one = self.arrived("u@target.example", b"for the team")
            self.assertRegex(self.reverse_path(one), r"\ASRS0=[a-z2-7]{6}=\w{6}=remote\.example=Sam@alpha\.example\Z")
            self.assertTrue(one.content.startswith(b"Delivered-To: all@alpha.example\r\nReceived: "))

        await self.aside(work)

    async def test_forward_and_its_notice(self) -> None:
        """Bob keeps a copy; the notice of the target's host finds the sender, and Bob is told."""

        def work() -> None:
            self.demo.mailctl("forward", "set", BOB, "v@target.example")
            self.send(BOB, "going on")
            self.inbox(BOB, "going on")
            path = self.reverse_path(self.arrived("v@target.example", b"going on"))
            session = self.stranger()
            session.ehlo("mx.remote.example")
            self.assertEqual(session.mail("")[0], 250)
            code, text = session.rcpt(path.replace("Sam", "Eve"))
            self.assertEqual((code, text[:5]), (550, b"5.7.1"))
            self.assertEqual(session.rcpt(path)[0], 250)
            self.assertEqual(session.data(notice(path, "v@target.example"))[0], 250)
            back = self.arrived(SENDER, b"the mailbox is full")
            self.assertEqual(self.reverse_path(back), "")
            self.inbox(BOB, "Forwarded mail was refused")

        await self.aside(work)

    async def test_refused_at_once(self) -> None:
        """The sender gets our notice with the other host's words."""

        def work() -> None:
            self.demo.mailctl("alias", "add", "never@alpha.example", "never@target.example")
            self.send("never@alpha.example", "not wanted there")
            back = self.arrived(SENDER, b"DMARC says no")
            self.assertEqual(self.reverse_path(back), "")

        await self.aside(work)

    async def test_it_came_back(self) -> None:
        """What the other host sends back is refused in the session, so that it is this host that tells the sender."""

        def work() -> None:
            self.demo.mailctl("alias", "add", "round@alpha.example", "round@target.example")
            self.send("round@alpha.example", "round and round")
            one = self.arrived("round@target.example", b"round and round")
            session = self.stranger()
            with self.assertRaises(smtplib.SMTPDataError) as raised:
                session.sendmail(SENDER, ["round@alpha.example"], one.unstuffed)
            self.assertEqual((raised.exception.smtp_code, bytes(raised.exception.smtp_error)[:5]), (554, b"5.4.6"))

        await self.aside(work)

    async def test_a_loop_among_aliases(self) -> None:
        """Mailctl refuses to make one; were it there, the writer gets one notice and strangers are told at RCPT."""

        def work() -> None:
            rows = [("l1@alpha.example", "alpha.example", "l2@beta.example")]
            rows += [("l2@beta.example", "beta.example", "l1@alpha.example")]
            with sqlite3.connect(self.demo.directory / "mailsuite.db", timeout=30) as connection:
                for address, domain, target in rows:
                    connection.execute("INSERT INTO alias VALUES (?, ?, ?, 0)", (address, domain, f'["{target}"]'))
            connection.close()
            session = self.stranger()
            session.ehlo()
            session.mail(SENDER)
            code, text = session.rcpt("l1@alpha.example")
            self.assertEqual((code, text[:5]), (550, b"5.4.6"))
            alice = self.demo.browser(ALICE)
            alice.send("l1@alpha.example", "in circles", "anybody?")
            until(lambda: "5.4.6" in alice.thread("sent", "in circles"), "the notice in the thread")
            self.assertEqual(filed_subjects(self.demo.directory).count("Undelivered: in circles"), 1)

        await self.aside(work)
