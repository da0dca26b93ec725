"""Answers for who is away: each reason not to give one (RFC 3834 section 2, RFC 5230 section 4), and what they say."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mailauth.results import MethodResult, write_results
from mailsuite.mda import vacation as vacation_module
from mailsuite.mda.accounts import REMEMBERED
from mailsuite.mda.vacation import write_answer
from mailsuite.model.account import Account
from mailsuite.model.address import Address
from mailsuite.model.errors import StoreUnavailable
from mailsuite.model.folder import INBOX
from mailsuite.model.job import QueuedMessage
from mailsuite.model.rule import By, Do, On, Rule, Then, When
from mailsuite.model.vacation import SUBJECT, TEXT, Vacation, check_vacation
from mailsuite.testing import builders
from tests.mda.test_forward import ANN, BOB, HOST, TARGET
from tests.mda.test_sorting import SortingCase

SAM = "Sam@remote.example"
AWAY = Vacation("Ich bin im Urlaub.\nGrüße, Ann")
DAY = builders.DAY


def mail(*fields: str, to: str = ANN, dmarc: str = "pass", spf: str = "pass") -> bytes:
    """A letter to Ann as port 25 hands it in."""
    ours = [MethodResult("spf", spf), MethodResult("dmarc", dmarc, properties=(("header", "from", "remote.example"),))]
    lines = (f"From: {SAM}", f"To: {to}", "Subject: Frage", "Message-ID: <1@remote.example>", *fields)
    return write_results(HOST, ours) + "\r\n".join((*lines, "", "Wann?", "")).encode()


class VacationCase(SortingCase):
    """Ann is away."""

    def setUp(self) -> None:
        super().setUp()
        self.numbered = 0
        self.away(AWAY)

    def away(self, vacation: Vacation | None) -> None:
        """From now on."""
        self.now(self.store.rules.set_vacation(self.ann.id, vacation))
        self.time += REMEMBERED

    def answers(
        self, content: bytes | None = None, sender: str = SAM, to: str = ANN, queue_id: str = "", spam: bool = False
    ) -> list[QueuedMessage]:
        """The answers to a message that comes in."""
        self.numbered += 1
        queue_id = queue_id or f"m{self.numbered}"
        self.deliver(
            to, sender=sender, content=mail() if content is None else content, queue_id=queue_id, quarantine=spam
        )
        return self.queued(f"{queue_id}-v")

    def answered(self, *args: str, **more: str) -> None:
        """A letter with these fields is."""
        self.assertEqual(len(self.answers(mail(*args, **more))), 1, args)

    def silent(self, *args: str, **more: str) -> None:
        """It is not, and filed all the same."""
        before = len(self.mailbox(ANN))
        self.assertEqual(self.answers(mail(*args, **more)), [], args)
        self.assertEqual(len(self.mailbox(ANN)), before + 1)


class SilenceTests(VacationCase):
    """Who gets no answer. Each of these would get one without the one thing that is tested."""

    def test_the_letter_itself_is_answered(self) -> None:
        """So that the others mean something."""
        self.answered()

    def test_the_null_reverse_path(self) -> None:
        """Notices, and the answers of others."""
        self.assertEqual(self.answers(sender=""), [])

    def test_senders_who_are_no_persons(self) -> None:
        """By the names that RFC 5230 section 4.6 and custom give them."""
        for local in (
            *("mailer-daemon", "MAILER-DAEMON", "LISTSERV", "majordomo", "owner-news", "news-owner", "news-request"),
            *("noreply", "no-reply", "no_reply", "donotreply", "do-not-reply", "noreply+ann=alpha.example"),
            *(
                "noreply-ads",
                "do-not-reply.4711",
                "bounces+17-ann=alpha.example",
                "bounce",
                "news-bounces",
                "news-bounces+ann=alpha.example",
                "postmaster",
            ),
        ):
            self.assertEqual(self.answers(sender=f"{local}@remote.example"), [], local)

    def test_persons_whose_names_look_like_that(self) -> None:
        """Are answered."""
        for local in ("norep", "owner", "request", "sam-requests", "bouncer", "mynoreply", "noreplyer", "rooter"):
            self.assertEqual(len(self.answers(sender=f"{local}@remote.example")), 1, local)

    def test_auto_submitted(self) -> None:
        """Any keyword but no (RFC 3834 section 5.2)."""
        for value in (
            "auto-generated",
            "auto-replied",
            "Auto-Notified; owner-email=x@y.example",
            "x",
            "auto-replied(a)",
        ):
            self.silent(f"Auto-Submitted: {value}")
        self.silent("Auto-Submitted: no", "Auto-Submitted: auto-replied")
        self.answered("Auto-Submitted: No (by hand)")

    def test_lists(self) -> None:
        """Whichever of their fields there is (RFC 2369, RFC 2919)."""
        for name in ("Id", "Help", "Subscribe", "Unsubscribe", "Post", "Owner", "Archive"):
            self.silent(f"List-{name}: <mailto:x@lists.example>")
        self.silent("Mailing-List: x")

    def test_precedence(self) -> None:
        """Bulk, list and junk; other words say nothing."""
        for word in ("bulk", "LIST", "junk"):
            self.silent(f"Precedence: {word}")
        self.answered("Precedence: first-class")

    def test_others_who_want_none(self) -> None:
        """By fields that are no standard."""
        for value in ("OOF", "DR, AutoReply", "all"):
            self.silent(f"X-Auto-Response-Suppress: {value}")
        self.silent("X-Autoreply: yes")
        self.answered("X-Auto-Response-Suppress: DR, NDR, RN, NRN")

    def test_reports(self) -> None:
        """With a reverse-path too."""
        self.silent(
            'Content-Type: multipart/report; report-type=disposition-notification; boundary="b"', "MIME-Version: 1.0"
        )

    def test_own_address(self) -> None:
        """By the account's own name, or by an alias of its own."""
        self.alias("a@alpha.example", ANN)
        self.assertEqual(self.answers(sender="Ann@alpha.example"), [])
        self.assertEqual(self.answers(sender="a@alpha.example"), [])

    def test_not_to_the_account(self) -> None:
        """A blind copy, and mail to a list that the account is on under another name."""
        self.silent(to="someone@else.example")
        self.silent(to="undisclosed-recipients:;")
        self.silent(to=BOB)

    def test_to_an_alias_that_others_share(self) -> None:
        """Is like a list; an alias of one's own is not."""
        self.alias("team@alpha.example", ANN, BOB)
        self.alias("out@alpha.example", ANN, TARGET)
        self.alias("own@alpha.example", ANN)
        self.silent(to="team@alpha.example")
        self.silent(to="out@alpha.example")
        self.answered(to="own@alpha.example")

    def test_spam(self) -> None:
        """What the checks found suspect, and what rules put into Spam or Trash."""
        self.assertEqual(self.answers(spam=True), [])
        for then in (Then(Do.FILE, "spam"), Then(Do.DISCARD)):
            known = self.now(self.store.rules.ruleset(self.ann.id))
            self.now(self.store.rules.set_rules(self.ann.id, [Rule("r", (), (then,))], known.generation))
            self.time += REMEMBERED
            self.assertEqual(self.answers(), [])

    def test_spam_by_way_of_a_deleted_folder(self) -> None:
        """Where the mail is filed in the end counts; what is filed elsewhere is answered."""
        for places, due in (("f99", "spam"), 0), (("f99", "trash"), 0), (("f99", "archive", "spam"), 1):
            then = tuple(Then(Do.FILE, place) for place in places)
            known = self.now(self.store.rules.ruleset(self.ann.id))
            self.now(self.store.rules.set_rules(self.ann.id, [Rule("r", (), then)], known.generation))
            self.time += REMEMBERED
            self.assertEqual(len(self.answers()), due, places)

    def test_rules_that_fail(self) -> None:
        """They could have called it spam: there is no answer, and filing stays plain, so that one fault is logged."""
        known = self.now(self.store.rules.ruleset(self.ann.id))
        bad = Rule("r", (When(On.SIZE, By.LARGER, "much"),), (Then(Do.FILE, "spam"),))
        self.now(self.store.rules.set_rules(self.ann.id, [bad], known.generation))
        self.time += REMEMBERED
        self.assertIsNotNone(self.plain(ANN, content=mail()))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.silent()
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_failed_authentication(self) -> None:
        """The answer would go to somebody who wrote nothing. DMARC that passed outweighs SPF."""
        self.silent(dmarc="fail")
        self.silent(dmarc="fail", spf="pass")
        self.silent(dmarc="none", spf="fail")
        self.silent(dmarc="none", spf="softfail")
        self.answered(dmarc="pass", spf="fail")

    def test_nothing_was_proved_and_nothing_failed(self) -> None:
        """Many domains publish nothing: their people are answered."""
        self.answered(dmarc="none", spf="none")

    def test_before_and_after(self) -> None:
        """From the start on, no more at the end."""
        created = builders.NOW
        for start, end, due in ((created + 1, 0, False), (created, created + 1, True), (created - 9, created, False)):
            self.away(replace(AWAY, start=start, end=end))
            self.assertEqual(bool(self.answers()), due, (start, end))
        self.away(None)
        self.assertEqual(self.answers(), [])


class AddressedTests(VacationCase):
    """In which fields the account's address may stand."""

    def test_fields(self) -> None:
        """To, Cc, their Resent- forms, with a detail, in a group, at an alias of the domain."""
        other = replace(builders.domain("other.example"), alias_of="alpha.example")
        self.now(self.directory.add_domain(other))
        for n, content in enumerate(
            (
                mail("Cc: Ann <ANN@alpha.example>", to="x@y.example"),
                mail("Resent-To: ann@alpha.example", to="x@y.example"),
                mail("Resent-Cc: x@y.example, ann@alpha.example", to="x@y.example"),
                mail(to="ann+shop@alpha.example"),
                mail(to="friends: x@y.example, ann@alpha.example;"),
                mail(to="ann@other.example"),
            )
        ):
            self.assertEqual(len(self.answers(content, sender=f"s{n}@remote.example")), 1, n)


class AnswerTests(VacationCase):
    """The answer, and how often it comes."""

    def test_what_it_says(self) -> None:
        """As RFC 3834 section 3.1 has it; read by another parser."""
        (message,) = self.answers(mail("References: <0@remote.example>"))
        self.assertIsNone(message.envelope.reverse_path)
        (recipient,) = message.envelope.recipients
        self.assertEqual((str(recipient.address), recipient.notify), (SAM, ("NEVER",)))
        read = email.message_from_bytes(self.now(self.store.blobs.read(message.blob)), policy=email.policy.default)
        self.assertEqual(read["From"].addresses[0].addr_spec, ANN)
        self.assertEqual(read["To"], SAM)
        self.assertEqual(read["Subject"], "Auto: Frage")
        self.assertEqual(read["Auto-Submitted"], "auto-replied")
        self.assertEqual(read["In-Reply-To"], "<1@remote.example>")
        self.assertEqual(read["References"], "<0@remote.example> <1@remote.example>")
        self.assertRegex(read["Message-ID"], rf"\A<m1-v\w+@{HOST}>\Z")
        self.assertEqual(read.defects, [])
        self.assertEqual(read.get_content().splitlines(), ["Ich bin im Urlaub.", "Grüße, Ann"])
        self.assertEqual(self.now(self.store.messages.counters(self.ann.id))[INBOX].total, 1)

    def test_its_own_subject(self) -> None:
        """When there is one."""
        self.away(replace(AWAY, subject="Im Urlaub bis März"))
        (message,) = self.answers()
        read = email.message_from_bytes(self.now(self.store.blobs.read(message.blob)), policy=email.policy.default)
        self.assertEqual(read["Subject"], "Im Urlaub bis März")

    def test_once_in_a_period(self) -> None:
        """A week, unless said otherwise; to each sender, however it is written."""
        self.away(replace(AWAY, days=2))
        self.assertEqual(len(self.answers()), 1)
        self.assertEqual(self.answers(), [])
        self.assertEqual(self.answers(sender="sam@remote.example"), [])
        self.assertEqual(len(self.answers(sender="eve@remote.example")), 1)
        self.time += 2 * DAY
        self.assertEqual(len(self.answers()), 1)

    def test_a_repetition(self) -> None:
        """The same job again, as after a crash, answers nothing twice, and ends what was begun."""
        for _ in range(2):
            self.assertEqual(len(self.answers(queue_id="q1")), 1)
        # The queue forgets what it has delivered; that this was answered is known longer.
        again = self.store.rules.begin_answer(self.ann.id, Address.parse(SAM).key, "q1", self.time, AWAY.days)
        self.assertFalse(self.now(again))
        accept = self.queue.accept

        async def down(submission: object) -> QueuedMessage:
            raise StoreUnavailable("down")

        self.patch(self.queue, "accept", down)
        with self.assertRaises(self.failureException):
            self.answers(queue_id="q2", sender="eve@remote.example")
        self.patch(self.queue, "accept", accept)
        self.assertEqual(len(self.answers(queue_id="q2", sender="eve@remote.example")), 1)
        self.assertEqual(self.answers(queue_id="q3", sender="eve@remote.example"), [])

    def test_the_answer_is_not_answered(self) -> None:
        """Ann and Bob are both away."""
        self.now(self.store.rules.set_vacation(f"id of {BOB}", AWAY))
        self.time += REMEMBERED
        (answer,) = self.answers(sender=BOB)
        self.attempt(answer, self.now(self.store.blobs.read(answer.blob)))
        self.assertEqual(len(self.mailbox(BOB)), 1)
        self.assertEqual([message.id for message in self.queued()], [answer.id])

    def test_a_fault_of_ours_keeps_no_mail_back(self) -> None:
        """It is filed, the fault is logged."""
        self.patch(vacation_module, "write_answer", lambda *args: 1 // 0)
        self.assertEqual(self.answers(), [])
        self.assertEqual(len(self.mailbox(ANN)), 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_filing_stays_plain_when_no_answer_is_due(self) -> None:
        """What is certain without asking the store is filed directly."""
        self.assertIsNone(self.plain(ANN, content=mail()))
        self.assertIsNotNone(self.plain(ANN, content=mail("List-Id: <x.example>")))
        self.away(replace(AWAY, end=builders.NOW - DAY))
        self.assertIsNotNone(self.plain(ANN, content=mail()))


class CheckTests(SynchronousTestCase):
    """What a vacation may be, and any that may be can be written."""

    def test_fields(self) -> None:
        """Errors begin with the field."""
        for field, bad in (
            ("text", replace(AWAY, text=" \n")),
            ("text", replace(AWAY, text="x" * (TEXT + 1))),
            ("text", replace(AWAY, text="a\0b")),
            ("subject", replace(AWAY, subject="x" * (SUBJECT + 1))),
            ("subject", replace(AWAY, subject="a\r\nBcc: x@y.example")),
            ("days", replace(AWAY, days=0)),
            ("days", replace(AWAY, days=366)),
            ("end", replace(AWAY, start=5, end=5)),
        ):
            with self.assertRaises(ValueError) as raised:
                check_vacation(bad)
            self.assertTrue(str(raised.exception).startswith(f"{field}: "), raised.exception)
        check_vacation(replace(AWAY, days=1, start=5, end=6))

    @given(st.text(), st.text(max_size=SUBJECT), st.text(max_size=300), st.text(max_size=50))
    def test_any_words(self, text: str, subject: str, theirs: str, name: str) -> None:
        """Make a message whose fields are those that were written."""
        vacation = Vacation(text, subject)
        try:
            check_vacation(vacation)
        except ValueError:
            return
        account = Account("a", ANN, name, "", 0)
        about = builders.description(f"<{theirs}@x.example>", subject=theirs, references=(theirs, "<r@x.example>"))
        written = write_answer(account, vacation, Address.parse(SAM), about, builders.NOW, "<m@x.example>")
        self.assertLessEqual(max(map(len, written.split(b"\r\n"))), 998)
        read = email.message_from_bytes(written)
        names = ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "References", "MIME-Version"]
        self.assertEqual([key for key in read if key in (*names, "Bcc", "Cc")], names)
        self.assertEqual(read["To"], SAM)
