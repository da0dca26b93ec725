"""Port 25 for strangers, whom a balancer on loopback names; and the trace that they leave."""

from __future__ import annotations

import re
import subprocess

import pytest
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.testing.ports import free_port
from tests.flows.demo import SMTP, Demo, Stranger, WithDemo, until
from tests.flows.store import verdict_of

pytestmark = [pytest.mark.slow]

ALICE = "alice@alpha.example"


class EdgeTests(WithDemo, SynchronousTestCase):
    """One demonstration; beta.example has the addresses that its own zone says."""

    @classmethod
    def configure(cls, demo: Demo) -> None:
        """127.0.0.0/8 is a balancer, nobody is exempt, outside names have no server."""
        demo.set("mx", "proxy_from", '["127.0.0.0/8"]')
        demo.set("mx", "unknown_recipients", "3")
        demo.set("mx", "messages_per_minute", "8")
        demo.set("dns", "upstreams", f'["127.0.0.1:{free_port()}"]')

    def stranger(self, address: str) -> Stranger:
        """Connected."""
        session = Stranger(SMTP + self.demo.offset, address)
        self.addCleanup(session.close)
        session.ehlo_or_helo_if_needed()
        return session

    def test_trace_of_an_accepted_message(self) -> None:
        """It pretends to be ours, so it is in Spam; its trace tells the steps, and mailctl shows it."""
        session = self.stranger("203.0.113.1")
        session.ehlo("out.beta.example")  # our own zone says that it has no SPF record
        session.mail("")
        session.rcpt(ALICE)
        code, text = session.data(b"From: bob@beta.example\r\nSubject: by a balancer\r\n\r\nx\r\n")
        self.assertEqual(code, 250)
        queue_id = text.decode().split()[-1]

        def shown() -> str:
            return self.demo.mailctl("trace", "-n", "100")

        until(lambda: queue_id in shown(), "the trace of the message")
        one = self.demo.mailctl("trace", queue_id)
        self.assertRegex(
            one.splitlines()[0], rf"^\S+ \S+ mx 203\.0\.113\.1 \(out\.beta\.example\) from <> to 1 {queue_id}$"
        )
        steps = re.findall(r"(?m)^ +\d+ .*?(\w+): ", one)
        judged = ["dkim", "from", "dmarc", "arc"]
        self.assertEqual(steps, ["connect", "iprev", "spf", "mail", "rcpt", *judged, "message"])
        self.assertRegex(one, r"dmarc: fail .*policy of beta\.example: quarantine")
        alice = self.demo.browser(ALICE)
        until(lambda: "by a balancer" in alice.subjects("spam"), "the message in Spam")
        self.assertNotIn("by a balancer", alice.subjects("inbox"))
        self.assertEqual(
            verdict_of(self.demo.directory, "by a balancer"),
            {"spf": "none", "dkim": "none", "dmarc": "fail", "arc": "", "domain": ""},
        )

    def test_f024_no_author(self) -> None:
        """Mail without one usable author is refused for its form, and the session goes on."""
        for head in (b"", b"From: \r\n", b"From: a@alpha.example\r\nFrom: b@beta.example\r\n"):
            session = self.stranger("203.0.113.130")
            session.ehlo("out.beta.example")
            session.mail("")
            session.rcpt(ALICE)
            code, text = session.data(head + b"Subject: no author\r\nTo: undisclosed-recipients:;\r\n\r\nx\r\n")
            self.assertEqual((code, text[:6]), (550, b"5.6.0 "), head)
            self.assertEqual(session.noop()[0], 250)

    def test_names_of_ours(self) -> None:
        """A hosted domain as reverse-path, and our own name as HELO, are refused."""
        session = self.stranger("203.0.114.1")
        self.assertEqual(session.mail("bob@beta.example")[0], 550)
        session.ehlo("mail.alpha.example")
        code, text = session.mail("")
        self.assertEqual((code, text[:5]), (550, b"5.7.1"))

    def test_dead_dns(self) -> None:
        """While names cannot be looked up the sender is told to come again."""
        code, text = self.stranger("203.0.115.1").mail("eve@remote.example")
        self.assertEqual((code, text[:5]), (451, b"4.1.8"))

    def test_guessing(self) -> None:
        """The fourth unknown recipient ends the session, and the next one does not begin a message."""
        session = self.stranger("203.0.116.1")
        session.mail("")
        codes = [session.rcpt(f"nobody{n}@alpha.example")[0] for n in range(4)]
        self.assertEqual(codes, [550, 550, 550, 421])
        self.assertEqual(self.stranger("203.0.116.77").mail("")[0], 421)
        self.assertEqual(self.stranger("203.0.117.1").mail("")[0], 250)

    def test_redis_down(self) -> None:
        """With Redis gone the rates are off, which the log says once, and mail flows; with it back they are on."""
        session = self.stranger("203.0.118.1")
        for _ in range(8):
            self.assertEqual(session.mail("")[0], 250)
            session.rset()
        self.assertEqual(session.mail("")[0], 450)
        (redis,) = subprocess.run(
            ["pgrep", "-P", str(self.demo.pid)], check=True, capture_output=True, text=True
        ).stdout.split()
        subprocess.run(["kill", "-KILL", redis], check=True)
        self.assertEqual(session.mail("")[0], 250)
        session.rset()
        until(lambda: "rates, allowances and greylist are off" in self.demo.log.read_text(), "the log line")

        def back() -> bool:
            self.stranger("203.0.119.1").mail("")
            return "rates, allowances and greylist are on again" in self.demo.log.read_text()

        until(back, "rates that are on again")
        self.assertEqual(self.demo.log.read_text().count("greylist are off"), 1)
