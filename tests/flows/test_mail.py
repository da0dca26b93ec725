"""Mail from end to end on the running demonstration: in, out, local, to oneself, bounced."""

from __future__ import annotations

import re
import smtplib
import subprocess

import pytest
from twisted.trial.unittest import SynchronousTestCase

from tests.flows.demo import PASSWORD, SMTP, WEB, Demo, Pages, WithDemo, until
from tests.lab.postfix import Postfix

pytestmark = [pytest.mark.slow, pytest.mark.peers]

ALICE, BOB, CAROL = "alice@alpha.example", "bob@alpha.example", "carol@beta.example"


class MailFlowTests(WithDemo, SynchronousTestCase):
    """One demonstration for all tests; subjects keep them apart."""

    postfix: Postfix

    @classmethod
    def configure(cls, demo: Demo) -> None:
        """A route to a real Postfix."""
        # Postfix hands replies for alpha.example to the demonstration.
        cls.postfix = Postfix(
            "remote.example",
            f"transport_maps=inline:{{ {{alpha.example=smtp:[127.0.0.1]:{SMTP + demo.offset}}} }}",
        )
        cls.postfix.start()
        demo.route("remote.example", f"127.0.0.1:{cls.postfix.port}")

    @classmethod
    def tearDownClass(cls) -> None:
        """Stop both."""
        super().tearDownClass()
        cls.postfix.stop()

    def test_from_outside(self) -> None:
        """What swaks sends is in the inbox, with our Received field and its reverse-path kept."""
        done = subprocess.run(
            [
                *("swaks", "--server", f"127.0.0.1:{SMTP + self.demo.offset}", "--silent", "2"),
                *("--to", ALICE, "--from", "ann@remote.example"),
                *("--h-Subject", "from swaks", "--body", "good morning"),
            ],
            check=False,
            capture_output=True,
            text=True,
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        alice = self.demo.browser(ALICE)
        until(lambda: "from swaks" in alice.subjects("inbox"), "the message in the inbox")

    def test_unknown_and_foreign_recipients_are_refused(self) -> None:
        """550 5.1.1 for nobody here, 550 5.7.1 for a domain that is not ours: never a relay."""
        with self.demo.smtp() as session:
            session.ehlo()
            session.mail("ann@remote.example")
            code, text = session.rcpt("nobody@alpha.example")
            self.assertEqual((code, text[:5]), (550, b"5.1.1"))
            code, text = session.rcpt("someone@elsewhere.example")
            self.assertEqual((code, text[:5]), (550, b"5.7.1"))
            self.assertEqual(session.rcpt("postmaster")[0], 250)

    def test_local_in_the_same_and_in_another_domain(self) -> None:
        """Alice reaches bob and carol; her copies are in Sent."""
        alice = self.demo.browser(ALICE)
        alice.send(BOB, "to bob", "hi bob")
        alice.send(CAROL, "to carol", "hi carol")
        self.assertLessEqual({"to bob", "to carol"}, set(alice.subjects("sent")))
        for address, subject in ((BOB, "to bob"), (CAROL, "to carol")):
            reader = self.demo.browser(address)
            until(lambda r=reader, s=subject: s in r.subjects("inbox"), f"{subject} in the inbox")  # type: ignore[misc]

    def test_to_oneself_at_once(self) -> None:
        """The answer to the sender's own message comes after it was filed, in both folders."""
        alice = self.demo.browser(ALICE)
        alice.send(ALICE, "to myself", "remember the milk")
        self.assertIn("to myself", alice.subjects("inbox"))
        self.assertIn("to myself", alice.subjects("sent"))

    def test_unknown_local_recipient_bounces_into_the_thread(self) -> None:
        """The notice is in alice's inbox, in the conversation of what she sent."""
        alice = self.demo.browser(ALICE)
        alice.send("nobody@alpha.example", "to nobody", "anybody there?")

        def bounced() -> bool:
            thread = alice.thread("sent", "to nobody")
            return "nobody@alpha.example" in thread and "5.1.1" in thread

        until(bounced, "the notice in the thread")

    def test_out_and_back(self) -> None:
        """A message reaches a real Postfix, and the reply from there joins the conversation."""
        alice = self.demo.browser(ALICE)
        alice.send("u@remote.example", "over the wire", "hello out there")

        def arrived() -> bytes:
            return next((m for m in self.postfix.mails() if b"Subject: over the wire" in m), b"")

        mail = until(arrived, "the message at Postfix")
        self.assertIn(b"hello out there", mail)
        message_id = next(
            line.split(b":", 1)[1].strip().decode()
            for line in mail.splitlines()
            if line.lower().startswith(b"message-id:")
        )
        self.demo.send(
            ALICE,
            "Re: over the wire",
            "hello back\r\n",
            sender="u@remote.example",
            Message_ID="<reply-1@remote.example>",
            In_Reply_To=message_id,
        )
        until(lambda: "hello back" in alice.thread("sent", "over the wire"), "the reply in the conversation")

    def test_refused_by_the_other_side(self) -> None:
        """A 550 from Postfix comes back into the conversation with its text verbatim."""
        self.postfix.configure(
            "smtpd_recipient_restrictions=check_recipient_access inline:{refuse@remote.example=REJECT}"
        )
        alice = self.demo.browser(ALICE)
        alice.send("refuse@remote.example", "not wanted", "please take it")
        until(lambda: "Access denied" in alice.thread("sent", "not wanted"), "the refusal in the thread")

    def test_a_notice_of_success_from_postfix(self) -> None:
        """What a real Postfix writes when SUCCESS was asked for is shown as what it is."""
        self.postfix.configure("smtpd_recipient_restrictions=reject_unauth_destination")
        with smtplib.SMTP("127.0.0.1", self.postfix.port, local_hostname="client.example", timeout=30) as session:
            session.ehlo()
            session.mail(ALICE, ["RET=HDRS"])
            self.assertEqual(session.rcpt("u@remote.example", ["NOTIFY=SUCCESS"])[0], 250)
            session.data(f"From: {ALICE}\r\nSubject: tell me\r\n\r\nx\r\n".encode())
        alice = self.demo.browser(ALICE)
        subject = "Successful Mail Delivery Report"
        until(lambda: subject in alice.subjects("inbox"), "Postfix's notice", 60)
        thread = alice.thread("inbox", subject)
        self.assertIn('class="notice" data-action="delivered"', thread)
        self.assertIn("<b>u@remote.example</b>", thread)
        self.assertNotIn("Not delivered", thread)

    def test_third_try_succeeds(self) -> None:
        """A Postfix that answers 451 twice gets the message at the third try, once."""
        # 450 4.7.1, as DEFER gives, would be taken for greylisting and waited out.
        self.postfix.configure(
            "smtpd_recipient_restrictions="
            "check_recipient_access inline:{ {slow@remote.example = 451 4.3.0 out of order for a moment} }"
        )
        alice = self.demo.browser(ALICE)
        alice.send("slow@remote.example", "patience", "third time lucky")
        tries = lambda: self.postfix.log().count("<slow@remote.example>: Recipient address rejected")  # noqa: E731
        until(lambda: tries() >= 2, "two deferrals", 60)
        self.postfix.configure("smtpd_recipient_restrictions=reject_unauth_destination")
        until(lambda: any(b"Subject: patience" in m for m in self.postfix.mails()), "the message at Postfix", 60)
        self.assertEqual(sum(b"Subject: patience" in m for m in self.postfix.mails()), 1)
        self.assertNotIn("Undelivered: patience", alice.subjects("inbox"))

    def test_wrong_password(self) -> None:
        """A wrong password and an unknown account give the same answer."""
        pages = Pages(WEB + self.demo.offset)
        wrong = pages.ask("POST", "/login", {"address": ALICE, "password": PASSWORD + "x"})
        unknown = pages.ask("POST", "/login", {"address": "nobody@alpha.example", "password": PASSWORD})
        self.assertEqual((wrong[0], unknown[0]), (401, 401))
        self.assertEqual(wrong[1].replace(ALICE, ""), unknown[1].replace("nobody@alpha.example", ""))

    def test_one_thousand_from_smtp_source(self) -> None:
        """20 connections at once, 1000 messages: each is a row in the store."""
        carol = self.demo.browser(CAROL)
        before = self._rows(carol)
        port = SMTP + self.demo.offset
        subprocess.run(
            f"smtp-source -s 20 -m 1000 -l 5000 -f load@remote.example -t {CAROL} 127.0.0.1:{port}".split(),
            check=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
        until(lambda: self._rows(carol) >= before + 1000, "1000 new rows", 120)
        self.assertEqual(self._rows(carol), before + 1000)

    def _rows(self, pages: Pages) -> int:
        """Unread conversations of the inbox as the page counts them."""
        found = re.search(r'id="unread"[^>]*>([\d,]*)<', pages.page("/mail/inbox"))
        return int((found[1] if found else "0").replace(",", "") or 0)
