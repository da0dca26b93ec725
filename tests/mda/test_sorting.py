"""Rules at filing: where mail goes, what goes on, what is never lost."""

from __future__ import annotations

from dataclasses import replace

from mailsuite.mda import sorting
from mailsuite.mda.accounts import REMEMBERED
from mailsuite.model.event import Changed
from mailsuite.model.folder import INBOX, SPAM, TRASH
from mailsuite.model.job import jobs_of
from mailsuite.model.message import Filing
from mailsuite.model.rule import By, Do, On, Rule, Then, When
from mailsuite.testing import builders
from tests.mda.test_forward import ANN, BOB, SENDER, TARGET, ForwardCase, proved

HELLO = When(On.SUBJECT, By.WORD, "hello")


class SortingCase(ForwardCase):
    """Ann has rules."""

    def setUp(self) -> None:
        super().setUp()
        self.ann = self.add(ANN)
        self.add(BOB)

    def rules(self, *then: Then, account: str = ANN, when: tuple[When, ...] = (HELLO,)) -> None:
        """One rule, from now on."""
        known = self.now(self.store.rules.ruleset(f"id of {account}"))
        rule = Rule("the rule", when, then)
        self.now(self.store.rules.set_rules(f"id of {account}", [rule], known.generation))
        self.time += REMEMBERED

    def plain(self, *to: str, content: bytes | None = None) -> tuple[Filing, ...] | None:
        """What a job comes to that is filed right after it was accepted."""
        content = proved() if content is None else content
        message = replace(
            builders.queued_message("q1", content, plan=[builders.plan_entry(0, "local", *to)]),
            envelope=builders.envelope(SENDER, *to),
        )
        (job,) = jobs_of(message)
        found = self.now(self.deliverer.plain(message, job, content))
        return None if found is None else found.filings


class SortingTests(SortingCase):
    """Through the deliverer."""

    def test_filed_starred_labelled_read(self) -> None:
        """All in the one filing; who has no rules has it in the Inbox as ever."""
        folder = self.now(self.store.mailbox.create_folder(self.ann.id, "Work"))
        label = self.now(self.store.mailbox.create_label(self.ann.id, "Later", "red"))
        self.rules(Then(Do.FILE, folder.id), Then(Do.STAR), Then(Do.LABEL, label.id), Then(Do.READ))
        self.deliver(ANN, BOB)
        (message,) = self.mailbox(ANN, folder.id)
        self.assertEqual((message.flagged, message.seen, message.labels), (True, True, (label.id,)))
        (other,) = self.mailbox(BOB)
        self.assertEqual((other.flagged, other.seen, other.labels), (False, False, ()))
        self.assertEqual(self.mailbox(ANN), [])

    def test_a_rule_that_does_not_hold(self) -> None:
        """Changes nothing."""
        self.rules(Then(Do.DISCARD), when=(When(On.SUBJECT, By.WORD, "goodbye"),))
        self.deliver(ANN)
        self.assertEqual(len(self.mailbox(ANN)), 1)

    def test_deleted_folders_and_labels_are_skipped(self) -> None:
        """The mail goes to the next folder that there is, at last to the Inbox."""
        self.rules(Then(Do.FILE, "f99"), Then(Do.LABEL, "99"), Then(Do.STAR))
        self.deliver(ANN)
        (message,) = self.mailbox(ANN)
        self.assertEqual((message.flagged, message.labels), (True, ()))
        self.assertEqual(self.events.published, [Changed(self.ann.id, INBOX, message.modseq)])

    def test_the_verdict(self) -> None:
        """A rule on what port 25 found out."""
        self.rules(Then(Do.FILE, SPAM), when=(When(On.VERDICT, By.IS, "spf=fail"),))
        self.deliver(ANN, content=proved("fail"))
        self.deliver(ANN, content=proved("pass"), queue_id="q2")
        self.assertEqual((len(self.mailbox(ANN, SPAM)), len(self.mailbox(ANN))), (1, 1))

    def test_the_address_by_which_it_came(self) -> None:
        """A detail that no header field shows."""
        self.rules(Then(Do.STAR), when=(When(On.RECIPIENT, By.IS, "ann+shop@alpha.example"),))
        self.deliver("ann+shop@alpha.example")
        self.deliver(ANN, queue_id="q2")
        self.assertEqual([m.flagged for m in self.mailbox(ANN)].count(True), 1)

    def test_discarded_mail_is_in_trash_and_leaves_word(self) -> None:
        """Once, in the trace of the message."""
        self.rules(Then(Do.DISCARD))
        for _ in range(2):
            self.deliver(ANN)
        self.assertEqual((len(self.mailbox(ANN, TRASH)), len(self.mailbox(ANN))), (1, 0))
        (trace,) = self.trace.traces
        self.assertEqual((trace.queue_id, trace.service, trace.account), ("q1", "mda", ANN))
        self.assertIn("Trash of ann@alpha.example by the rule the rule", trace.steps[0].text)

    def test_discarded_by_way_of_a_deleted_folder(self) -> None:
        """The trace says that it is in Trash all the same; what is in another folder has none."""
        for n, (places, left) in enumerate(((("f99", TRASH), 1), (("f99", INBOX, TRASH), 0))):
            self.trace.traces.clear()
            self.rules(*(Then(Do.FILE, place) for place in places))
            self.deliver(ANN, queue_id=f"q{n}")
            self.assertEqual(len(self.trace.traces), left, places)
            self.assertEqual(len(self.mailbox(ANN, TRASH)), 1)

    def test_a_rule_that_raises_loses_nothing(self) -> None:
        """The fault is ours: the mail is in the Inbox, the fault in the log."""
        self.rules(Then(Do.DISCARD))
        self.patch(sorting, "decide", lambda rules, facts: 1 // 0)
        self.deliver(ANN)
        self.assertEqual(len(self.mailbox(ANN)), 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_rules_that_cannot_be_read_lose_nothing(self) -> None:
        """A size that is no number."""
        self.rules(Then(Do.DISCARD), when=(When(On.SIZE, By.LARGER, "much"),))
        self.deliver(ANN)
        self.assertEqual(len(self.mailbox(ANN)), 1)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_spam_is_not_asked_about(self) -> None:
        """What is suspect is in Spam, whatever the rules say, and goes nowhere."""
        self.rules(Then(Do.FILE, INBOX), Then(Do.FORWARD, TARGET))
        self.deliver(ANN, quarantine=True)
        self.assertEqual((len(self.mailbox(ANN, SPAM)), len(self.mailbox(ANN)), self.queued()), (1, 0, []))

    def test_large_messages_are_looked_at_in_a_thread(self) -> None:
        """Parsing is one hop, the rules another; small ones take none."""
        hops = []

        async def thread(work: object) -> object:
            hops.append(work)
            return work()  # type: ignore[operator]

        self.patch(self.deliverer, "_thread", thread)
        self.patch(self.deliverer._sorter, "_thread", thread)
        self.rules(Then(Do.STAR), when=(When(On.BODY, By.WORD, "needle"),))
        self.deliver(ANN)
        self.assertEqual(hops, [])
        self.deliver(ANN, content=proved() + b"x\r\n" * sorting.INLINE + b"needle\r\n", queue_id="q2")
        self.assertEqual(len(hops), 2)
        self.rules(Then(Do.STAR), when=(When(On.BODY, By.WORD, "x"),) * (sorting.CONDITIONS + 1))
        self.deliver(ANN, queue_id="q3")
        self.assertEqual(len(hops), 3)
        self.assertEqual([m.flagged for m in self.mailbox(ANN)].count(True), 1)

    def test_changed_rules_are_read_again(self) -> None:
        """Once for each change, however much mail comes; never for who has none."""
        for n in range(5):
            self.deliver(BOB, queue_id=f"b{n}")
        self.assertEqual(self.store.rules.reads, 0)
        self.rules(Then(Do.STAR))
        before = self.store.rules.reads
        for n in range(5):
            self.time += REMEMBERED
            self.deliver(ANN, queue_id=f"c{n}")
        self.assertEqual(self.store.rules.reads, before + 1)
        self.rules(Then(Do.DISCARD))
        self.deliver(ANN, queue_id="d")
        self.assertEqual((len(self.mailbox(ANN)), len(self.mailbox(ANN, TRASH))), (5, 1))


class DirectTests(SortingCase):
    """What is filed where it was accepted."""

    def test_filing_is_plain(self) -> None:
        """With rules and without."""
        self.rules(Then(Do.FILE, "f9"), Then(Do.STAR))
        found = self.plain(ANN, BOB)
        assert found is not None
        ann, bob = found
        self.assertEqual((ann.folder, ann.otherwise, ann.flagged), ("f9", (INBOX,), True))
        self.assertEqual((bob.folder, bob.otherwise, bob.flagged), (INBOX, (), False))

    def test_what_is_more_than_filing_is_not(self) -> None:
        """Forwards, and what is thrown away, are left to the worker."""
        for then in (Then(Do.FORWARD, TARGET), Then(Do.DISCARD)):
            self.rules(then)
            self.assertIsNone(self.plain(ANN, BOB))
            self.assertIsNotNone(self.plain(BOB))
            self.assertIsNotNone(self.plain(ANN, content=b"Subject: other\r\n\r\n"))


class ForwardRuleTests(SortingCase):
    """A rule that sends mail on."""

    def test_once_with_a_copy_here(self) -> None:
        """To whom the rule names, by a reverse-path that leads back to us; a repetition sends nothing twice."""
        self.rules(Then(Do.FORWARD, TARGET))
        for _ in range(2):
            self.deliver(ANN)
        message, content = self.one("q1-w")
        self.assertEqual([str(r.address) for r in message.envelope.recipients], [TARGET])
        self.assertTrue(message.envelope.sender.startswith("SRS0="), message.envelope.sender)
        self.assertTrue(content.startswith(b"Delivered-To: ann@alpha.example\r\n"))
        self.assertEqual(len(self.mailbox(ANN)), 1)

    def test_what_came_back_stays(self) -> None:
        """It is filed, and not sent on again."""
        self.rules(Then(Do.FORWARD, TARGET))
        self.deliver(ANN, content=b"Delivered-To: Ann@Alpha.example\r\n" + proved())
        self.assertEqual(self.queued(), [])
        self.assertEqual(len(self.mailbox(ANN)), 1)

    def test_two_who_forward_to_each_other(self) -> None:
        """The mail goes round once: each of them has it twice at most, and then it rests."""
        self.rules(Then(Do.FORWARD, BOB))
        self.rules(Then(Do.FORWARD, ANN), account=BOB)
        self.deliver(ANN)
        done: set[str] = set()
        for _ in range(10):
            for message in self.queued():
                if message.id not in done:
                    done.add(message.id)
                    self.attempt(message, self.now(self.store.blobs.read(message.blob)))
        self.assertEqual(len(done), 2)
        self.assertEqual((len(self.mailbox(ANN)), len(self.mailbox(BOB))), (2, 1))

    def test_a_refused_forward_keeps_nothing_back(self) -> None:
        """A fault on the way out is logged; the mail is here."""
        self.rules(Then(Do.FORWARD, "nonsense"))
        self.deliver(ANN)
        self.assertEqual(len(self.mailbox(ANN)), 1)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
