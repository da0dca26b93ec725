"""Two whole suites, each on a host with port 25 and a DNS of its own, write to each other."""

from __future__ import annotations

import html
import re
import smtplib
import socket
import ssl
from email.message import EmailMessage

import pytest

from mailsuite.model.reach import Outcome, Reach
from tests.flows.demo import PASSWORD, Pages, until
from tests.lab.netns import Lab
from tests.lab.root import RootCase
from tests.lab.suite import Suite

pytestmark = [pytest.mark.slow, pytest.mark.peers]

ALICE, BOB = "alice@alpha.example", "bob@beta.example"


def value(page: str, name: str) -> str:
    """What a form's field holds."""
    tag = next(tag for tag in re.findall(r"<input[^>]*>", page) if f' name="{name}"' in tag)
    found = re.search(r' value="([^"]*)"', tag)
    return html.unescape(found[1]) if found else ""


def reply(pages: Pages, folder: str, subject: str, text: str) -> None:
    """Answer the last message of a conversation as its page offers it."""
    link = re.search(r'<a class="btn" href="(/mail/compose[^"]+)"', pages.thread(folder, subject))
    assert link is not None
    form = pages.page(html.unescape(link[1]))
    pages.send(value(form, "to"), value(form, "subject"), text, value(form, "re"))


class TwoSuitesTests(RootCase):
    """Alice at alpha and bob at beta; subjects keep the tests apart."""

    lab: Lab
    alpha: Suite
    beta: Suite

    @classmethod
    def setUpClass(cls) -> None:
        """Build the network, start both suites."""
        cls.lab = Lab()
        cls.lab.up()
        cls.alpha, cls.beta = Suite(cls.lab.alpha, "alpha.example", "alice"), Suite(cls.lab.beta, "beta.example", "bob")
        try:
            cls.alpha.start(cls.beta)
            cls.beta.start(cls.alpha)
            cls.alpha.wait()
            cls.beta.wait()
        except BaseException:
            cls.tearDownClass()
            raise

    @classmethod
    def tearDownClass(cls) -> None:
        """Stop both and take the network away."""
        cls.alpha.stop()
        cls.beta.stop()
        cls.lab.down()

    def test_port_25_seen_from_the_other_host(self) -> None:
        """Beta's probe connects back to alpha, who asks, and to nobody else."""
        with self.alpha.host.inside(), socket.create_connection((self.lab.beta.address, 2510), 10) as asking:
            line = asking.makefile("rb").readline()
        reach = Reach.parse(line.removesuffix(b"\r\n"))
        self.assertEqual((reach.outcome, reach.address), (Outcome.REACHABLE, self.lab.alpha.address))
        self.assertTrue(reach.starttls)
        self.assertIn("220 mail.alpha.example ", reach.banner)

    def exchange(self, subject: str) -> list[tuple[str, Suite]]:
        """Alice writes, bob answers into the conversation: the trace at each receiver, and the sender."""
        before = [len(suite.accepted()) for suite in (self.beta, self.alpha)]
        alice, bob = self.alpha.browser("alice"), self.beta.browser("bob")
        alice.send(BOB, subject, "how are you?")
        until(lambda: subject in bob.subjects("inbox"), f"{subject} at beta")
        self.assertIn("how are you?", bob.thread("inbox", subject))
        reply(bob, "inbox", subject, "very well")
        until(lambda: "very well" in alice.thread("sent", subject), f"the answer to {subject} at alpha")
        return [
            (self.beta.accepted_after(before[0]), self.alpha),
            (self.alpha.accepted_after(before[1]), self.beta),
        ]

    def test_names(self) -> None:
        """Each host's own DNS service tells both zones and both reverse names, and nothing else.

        It forwards for its own host alone.
        """
        for suite, peer in ((self.alpha, self.beta), (self.beta, self.alpha)):
            for one in (suite, peer):
                self.assertEqual(suite.dig(one.domain, "MX"), [f"10 mail.{one.domain}."])
                self.assertEqual(suite.dig(f"mail.{one.domain}", "A"), [one.host.address])
                backwards = ".".join(reversed(one.host.address.split("."))) + ".in-addr.arpa"
                self.assertEqual(suite.dig(backwards, "PTR"), [f"mail.{one.domain}."])
            self.assertEqual(suite.dig("elsewhere.example", "MX"), [])
            self.assertEqual(suite.dig(peer.domain, "MX", peer.host.address), [f"10 mail.{peer.domain}."])
            self.assertEqual(suite.dig(suite.domain, "MX", peer.host.address), [])

    def test_both_ways(self) -> None:
        """By MX look-up, over TLS, judged and found genuine, filed into one conversation on both sides."""
        for trace, peer in self.exchange("both ways"):
            for step in (
                "tls: TLSv1.3",
                f"iprev: pass mail.{peer.domain}",
                f"spf: pass {peer.domain}",
                f"from: pass {peer.domain}",
                "dmarc: pass",
            ):
                self.assertIn(step, trace)

    def test_signed(self) -> None:
        """Each finds the other's signature right."""
        for trace, peer in self.exchange("signed"):
            for algorithm in ("rsa", "ed25519"):
                self.assertRegex(trace, rf"dkim: pass \S+\._domainkey\.{peer.domain} \({algorithm}-sha256\)")
            self.assertRegex(trace, rf"dmarc: pass .*dkim.* {peer.domain}")

    def test_by_submission(self) -> None:
        """What a mail program hands in on 587 goes the same way, and lies in Sent."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = ALICE, BOB, "by submission"
        message.set_content("written on a train\n")
        trust = ssl.create_default_context(cafile=str(self.alpha.certificate))
        trust.check_hostname = False  # it is for the name, and this host has no resolver for its own programs
        with self.alpha.smtp(self.alpha.host.address, 587) as session:
            session.starttls(context=trust)
            session.login(ALICE, PASSWORD)
            session.send_message(message)
        bob = self.beta.browser("bob")
        until(lambda: "by submission" in bob.subjects("inbox"), "the message at beta")
        self.assertIn("by submission", self.alpha.browser("alice").subjects("sent"))

    def test_unknown_there(self) -> None:
        """Beta's refusal comes back into the conversation of what alice sent."""
        alice = self.alpha.browser("alice")
        alice.send("nobody@beta.example", "to nobody", "anybody there?")

        def bounced() -> bool:
            thread = alice.thread("sent", "to nobody")
            return "no mailbox nobody@beta.example here" in thread and "5.1.1" in thread

        until(bounced, "the notice in the conversation")

    def test_cut(self) -> None:
        """While the wire is cut mail waits; when it is mended it arrives, once, and nobody is told of a failure."""
        alice, bob = self.alpha.browser("alice"), self.beta.browser("bob")
        self.lab.beta.cut()
        try:
            alice.send(BOB, "over a cut wire", "hello?")
            until(lambda: "deferred <bob@beta.example>" in self.alpha.log.read_text(), "an attempt that fails", 60)
            self.assertNotIn("over a cut wire", bob.subjects("inbox"))
        finally:
            self.lab.beta.mend(self.lab.alpha)
        until(lambda: "over a cut wire" in bob.subjects("inbox"), "the message at beta", 60)
        self.assertEqual(bob.subjects("inbox").count("over a cut wire"), 1)
        self.assertFalse([subject for subject in alice.subjects("inbox") if "over a cut wire" in subject])
        reply(bob, "inbox", "over a cut wire", "now I hear you")
        until(lambda: "now I hear you" in alice.thread("sent", "over a cut wire"), "the answer at alpha")

    def test_strangers_are_judged(self) -> None:
        """An address without a name is refused; from one with a name a forged author goes to Spam."""
        self.lab.alpha.also("198.51.100.66")
        with self.alpha.smtp(self.beta.host.address, source="198.51.100.66") as session:
            session.ehlo()
            code, text = session.mail(ALICE)
            self.assertEqual((code, text[:6]), (550, b"5.7.25"))
        with self.beta.smtp(self.alpha.host.address) as session:
            session.ehlo()
            session.mail("")
            session.rcpt(ALICE)
            code, _ = session.data(b"From: carol@gamma.example, alice@alpha.example\r\nSubject: forged\r\n\r\nx\r\n")
            self.assertEqual(code, 250)
        alice = self.alpha.browser("alice")
        until(lambda: "forged" in alice.subjects("spam"), "the forged message in Spam")
        self.assertNotIn("forged", alice.subjects("inbox"))

    def test_port_25_is_not_for_accounts(self) -> None:
        """It offers no AUTH, and nobody can relay through it."""
        with self.beta.smtp(self.alpha.host.address) as session:
            session.ehlo()
            self.assertNotIn("auth", session.esmtp_features)
            session.mail(BOB)
            code, text = session.rcpt("someone@elsewhere.example")
            self.assertEqual((code, text[:5]), (550, b"5.7.1"))
            self.assertRaises(smtplib.SMTPNotSupportedError, session.login, ALICE, PASSWORD)
