"""Notices on the running demonstration, whose mail goes to scripted hosts with and without DSN."""

from __future__ import annotations

import smtplib
import ssl
import subprocess
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TypeVar

import pytest
from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailsuite.testing.ports import free_port
from mailsuite.testing.smtp_peers import EXTENSIONS, ScriptedServer
from tests.flows.demo import PASSWORD, Demo, WithDemo, until
from tests.flows.store import ask

pytestmark = [pytest.mark.slow]

ALICE, BOB = "alice@alpha.example", "bob@alpha.example"
SUBMISSION = 2587
T = TypeVar("T")


class NoticeFlowTests(WithDemo, TestCase):
    """One demonstration for all tests; subjects keep them apart. A message is told of as late after two seconds."""

    ports: dict[str, int]

    @classmethod
    def configure(cls, demo: Demo) -> None:
        """A route to each host, and little patience."""
        cls.ports = {domain: free_port() for domain in ("remote.example", "old.example")}
        for domain, port in cls.ports.items():
            demo.route(domain, f"127.0.0.1:{port}")
        demo.set("delivery", "retry", '["1s"]')
        demo.set("delivery", "retry_limit", "5")
        demo.set("delivery", "delay_notice", '"2s"')

    async def host(self, domain: str, replies: dict[str, Sequence[str]], dsn: bool = True) -> ScriptedServer:
        """The host of a domain, until the test's end."""
        server = ScriptedServer(replies, [e for e in EXTENSIONS if dsn or e != "DSN"])
        await server.listen(reactor, port=self.ports[domain])
        self.addCleanup(server.close)
        return server

    async def beside(self, work: Callable[[], T]) -> T:
        """Do what blocks while the scripted hosts answer."""
        done: T = await deferToThread(work)
        return done

    def submit(self, subject: str, recipients: dict[str, str], mail: Sequence[str] = ()) -> None:
        """Alice's mail program: each recipient with its parameters."""
        trusting = ssl.create_default_context()
        trusting.check_hostname = False
        trusting.verify_mode = ssl.CERT_NONE
        with closing(smtplib.SMTP("127.0.0.1", SUBMISSION + self.demo.offset, timeout=30)) as session:
            session.starttls(context=trusting)
            session.login(ALICE, PASSWORD)
            code, text = session.mail(ALICE, mail)
            assert code == 250, text
            for address, parameters in recipients.items():
                code, text = session.rcpt(address, parameters.split())
                assert code == 250, text
            code, text = session.data(
                f"From: {ALICE}\r\nTo: x@remote.example\r\nSubject: {subject}\r\n"
                f"Message-ID: <{subject.replace(' ', '-')}@alpha.example>\r\n\r\nsecret words\r\n".encode()
            )
            assert code == 250, text

    def notices(self, subject: str) -> list[str]:
        """The subjects of the notices of a message that are in Alice's inbox."""
        found = ask(
            self.demo.directory,
            "SELECT json_extract(description, '$.subject') FROM message"
            f" WHERE folder = 'inbox' AND description LIKE '%: {subject}\"%' ORDER BY received_at, number",
        )
        return [text for (text,) in found]

    def idle(self) -> bool:
        """Is nothing left to be done for any message?"""
        ((count,),) = ask(self.demo.directory, "SELECT count(*) FROM job WHERE state = 'pending'")
        return not count

    async def test_f062_three_recipients_three_answers(self) -> None:
        """Refused at RCPT, deferred, taken: one notice, one retry, one delivery each, in the conversation."""
        peer = await self.host(
            "remote.example",
            {
                "RCPT no@remote.example": ["550 5.1.1 nobody of that name"],
                "RCPT later@remote.example": ["451 4.2.0 come again", "250 2.1.5 ok"],
            },
        )

        def go() -> str:
            self.submit("three ways", {f"{name}@remote.example": "" for name in ("no", "later", "yes")})
            until(lambda: len(peer.messages) == 2 and self.idle(), "both deliveries", 30)
            until(lambda: self.notices("three ways"), "the notice", 30)
            return self.demo.browser(ALICE).thread("inbox", "three ways")

        thread = await self.beside(go)
        sent = [[rcpt.split("<")[1].split(">")[0] for rcpt in t.rcpts] for t in peer.transactions if t.complete]
        self.assertEqual(sent, [["yes@remote.example"], ["later@remote.example"]])
        self.assertEqual(self.notices("three ways"), ["Undelivered: three ways"])
        self.assertIn("550 5.1.1 nobody of that name", thread)
        self.assertNotIn("come again", thread)

    async def test_refused_after_the_content(self) -> None:
        """F062: 550 5.7.26 at the end of DATA: one notice that names everybody, with the answer word for word."""
        peer = await self.host("remote.example", {"END": ["550 5.7.26 not authenticated; see https://example.net/"]})

        def go() -> str:
            self.submit("all refused", {f"{name}@remote.example": "" for name in "ab"})
            until(lambda: self.notices("all refused"), "the notice", 30)
            return self.demo.browser(ALICE).thread("inbox", "all refused")

        thread = await self.beside(go)
        self.assertEqual(len(peer.transactions), 1)
        self.assertEqual(thread.count("550 5.7.26 not authenticated; see https://example.net/"), 2)

    async def test_f068_notify(self) -> None:
        """NEVER: nothing. SUCCESS: the host with DSN tells itself, the one without makes us tell, and the mailbox."""
        old = await self.host("old.example", {"RCPT silent@old.example": ["550 5.1.1 nobody"]}, dsn=False)
        new = await self.host("remote.example", {})

        def go() -> list[str]:
            recipients = {
                "silent@old.example": "NOTIFY=NEVER",
                "taken@old.example": "NOTIFY=SUCCESS ORCPT=rfc822;a+2Bb@x.example",
                "new@remote.example": "NOTIFY=SUCCESS,FAILURE",
                BOB: "NOTIFY=SUCCESS",
            }
            self.submit("asked for", recipients, ["RET=HDRS", "ENVID=QQ+2B1"])
            until(lambda: len(self.notices("asked for")) >= 2 and self.idle(), "two notices", 30)
            return self.notices("asked for")

        found = await self.beside(go)
        self.assertEqual(sorted(found), ["Delivered: asked for", "Passed on: asked for"])
        self.assertEqual((len(old.messages), len(new.messages)), (1, 1))
        (transaction,) = new.transactions
        self.assertIn(" NOTIFY=SUCCESS,FAILURE", transaction.rcpts[0])
        self.assertIn(" RET=HDRS ENVID=QQ+2B1", transaction.mail)
        relayed = self.content("Passed on: asked for")
        for line in ("Original-Recipient: rfc822; a+b@x.example", "Original-Envelope-Id: QQ+1", "Action: relayed"):
            self.assertIn(line, relayed)
        self.assertNotIn("secret words", relayed)

    def content(self, subject: str) -> str:
        """The source of a message in Alice's inbox."""
        ((content,),) = ask(
            self.demo.directory,
            "SELECT CAST(blob.content AS TEXT) FROM message JOIN blob ON blob.hash = message.blob"
            f" WHERE folder = 'inbox' AND description LIKE '%\"{subject}\"%'",
        )
        return str(content)

    async def test_f068_delayed_once(self) -> None:
        """A host that defers for ever: one notice of the delay, not one for each try, then the one of failure."""
        peer = await self.host("remote.example", {"RCPT": ["451 4.2.0 always busy"]})

        def go() -> list[str]:
            self.submit("patience", {"slow@remote.example": ""})
            until(lambda: "Undelivered: patience" in self.notices("patience"), "the end", 60)
            return self.notices("patience")

        found = await self.beside(go)
        self.assertEqual(found, ["Delayed: patience", "Undelivered: patience"])
        self.assertEqual(len([c for c in peer.commands if c.startswith("RCPT")]), 6)
        delayed = self.content("Delayed: patience")
        self.assertRegex(delayed, r"Action: delayed\r\nStatus: 4\.2\.0\r\n")
        self.assertRegex(delayed, r"Will-Retry-Until: ")
        failed = self.content("Undelivered: patience")
        self.assertIn("secret words", failed)
        self.assertIn("always busy", failed)

    def test_suppression_list(self) -> None:
        """mailctl shows what is suppressed, and lifts it."""
        account = ask(self.demo.directory, f"SELECT id FROM account WHERE address = '{ALICE}'")[0][0]
        ask(
            self.demo.directory,
            "INSERT INTO suppression VALUES (?, 'gone@remote.example',"
            """ '{"code": 550, "enhanced": "5.1.1", "text": "no \\u001b[31m such user"}', 1800000000000)""",
            account,
        )
        line = f"{ALICE} gone@remote.example 2027-01-15 550 5.1.1 no ?[31m such user\n"
        self.assertEqual(self.demo.mailctl("suppression", "list"), line)
        self.assertEqual(self.demo.mailctl("suppression", "list", ALICE), line)
        self.assertEqual(self.demo.mailctl("suppression", "list", BOB), "")
        said = self.demo.mailctl("suppression", "lift", ALICE, "Gone@remote.example")
        self.assertEqual(said, f"bulk mail of {ALICE} goes to Gone@remote.example again\n")
        self.assertEqual(self.demo.mailctl("suppression", "list"), "")
        with self.assertRaises(subprocess.CalledProcessError) as error:
            self.demo.mailctl("suppression", "lift", ALICE, "gone@remote.example")
        self.assertRegex(error.exception.stderr, "is not suppressed")
