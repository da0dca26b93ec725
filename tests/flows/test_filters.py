"""Rules and vacations on the running demonstration."""

from __future__ import annotations

import pytest

from mailsuite.testing.smtp_peers import Received
from tests.flows.demo import until
from tests.flows.outside import SENDER, OutsideCase
from tests.flows.store import ask

pytestmark = [pytest.mark.slow]

ALICE, BOB, CAROL = "alice@alpha.example", "bob@alpha.example", "carol@beta.example"
# What is known of an address is used for some seconds: with a detail it is one that nobody has asked for yet.
TO_ALICE, TO_BOB, TO_CAROL = "alice+new@alpha.example", "bob+new@alpha.example", "carol+new@beta.example"


class FilterTests(OutsideCase):
    """One demonstration for all; each test has an account of its own."""

    def rule(self, account: str, text: str) -> None:
        """Give the account a rule."""
        path = self.demo.directory / "rule.toml"
        path.write_text(text)
        self.demo.mailctl("filter", "add", account, str(path))

    def settled(self) -> None:
        """Wait until all that came in is filed and recorded."""
        pending = "SELECT count(*) FROM job WHERE lane = 'local' AND state = 'pending'"
        until(lambda: ask(self.demo.directory, pending) == [(0,)], "the end of filing")

    def made(self, mark: str) -> int:
        """So many messages were made of others: "-w" copies, "-v" answers."""
        ((count,),) = ask(self.demo.directory, "SELECT count(*) FROM queued WHERE instr(id, ?) > 0", mark)
        return int(count)

    def all_for(self, recipient: str) -> list[Received]:
        """What came to the other host for somebody."""
        return [one for one in self.server.transactions if one.rcpts[0].startswith(f"RCPT TO:<{recipient}>")]

    async def test_filed_starred_discarded(self) -> None:
        """By the words of the subject; what was thrown away says so in its trace."""

        def work() -> None:
            bill = 'name = "Bills"\nwhen = [{ on = "subject", by = "word", value = "bill" }]\n'
            self.rule(ALICE, bill + 'then = [{ do = "file", target = "archive" }, { do = "star" }]\n')
            junk = 'name = "Junk"\nwhen = [{ on = "body", by = "contains", value = "HELLO" }]\n'
            self.rule(ALICE, junk + 'then = [{ do = "discard" }]\n')
            self.send(TO_ALICE, "your bill")
            self.send(TO_ALICE, "you have won")
            alice = self.demo.browser(ALICE)
            until(lambda: "your bill" in alice.subjects("archive"), "the bill in the archive")
            self.assertIn("your bill", alice.subjects("starred"))
            until(lambda: "you have won" in alice.subjects("trash"), "the rest in the trash")
            self.assertNotIn("you have won", alice.subjects("inbox"))
            self.assertNotIn("your bill", alice.subjects("inbox"))
            query = "SELECT delivery_key FROM message WHERE folder = 'trash' AND description LIKE '%you have won%'"
            ((queue_id,),) = ask(self.demo.directory, query)
            traces = "SELECT count(*) FROM trace WHERE queue_id = ?"
            until(lambda: ask(self.demo.directory, traces, queue_id) == [(2,)], "both traces")
            shown = self.demo.mailctl("trace", queue_id)
            self.assertIn(f"rules: to Trash of {ALICE} by the rule Junk", shown)
            self.assertIn(" mx ", shown)

        await self.aside(work)

    async def test_forwarded_once(self) -> None:
        """A copy stays; what the other host sends back is filed and goes no further."""

        def work() -> None:
            self.rule(BOB, 'name = "On"\nthen = [{ do = "forward", target = "w@target.example" }]\n')
            self.send(TO_BOB, "for the road")
            self.inbox(BOB, "for the road")
            one = self.arrived("w@target.example", b"for the road")
            self.assertTrue(self.reverse_path(one).startswith("SRS0="), one.mail)
            self.assertTrue(one.content.startswith(b"Delivered-To: bob@alpha.example\r\n"), one.content[:100])
            self.stranger().sendmail(SENDER, [TO_BOB], one.unstuffed)
            filed = "SELECT count(*) FROM message WHERE instr(description, 'for the road') > 0"
            until(lambda: ask(self.demo.directory, filed) == [(2,)], "the copy that came back")
            self.settled()
            self.assertEqual(self.made("-w"), 1)
            self.assertEqual(len(self.all_for("w@target.example")), 1)

        await self.aside(work)

    async def test_answered_once(self) -> None:
        """Signed, from nobody, in no folder; a second letter and a list get nothing."""

        def work() -> None:
            self.demo.mailctl("vacation", "set", CAROL, "--text", "Zurück im März.", "--subject", "Urlaub")
            self.send(TO_CAROL, "are you there")
            answer = self.arrived(SENDER, b"Auto-Submitted: auto-replied")
            self.assertEqual(self.reverse_path(answer), "")
            self.assertIn(b"From: Carol", answer.content)
            self.assertIn(b"d=beta.example", answer.content.partition(b"\r\n\r\n")[0])
            for subject in ("are you still there", "hello again"):
                self.send(TO_CAROL, subject)
                self.inbox(CAROL, subject)
            self.settled()
            self.assertEqual(self.made("-v"), 1)
            carol = self.demo.browser(CAROL)
            self.assertNotIn("Urlaub", carol.subjects("sent") + carol.subjects("inbox"))

        await self.aside(work)
