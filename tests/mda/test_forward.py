"""Mail that goes on to other hosts, its envelope, and the notices that find back."""

from __future__ import annotations

import email
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from typing import TypeVar

from twisted.internet.task import Clock

from mailsuite.mailauth.results import MethodResult, write_results
from mailsuite.mda.forward import Forwarder
from mailsuite.model.address import Address
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.folder import INBOX, SPAM
from mailsuite.model.job import LOCAL, Lane, Outcome, PlanEntry, QueuedMessage, RecipientState, jobs_of
from mailsuite.model.message import Message
from mailsuite.testing import builders
from mailsuite.testing.fake_events import FakeEvents
from mailsuite.testing.fake_schedule import FakeSchedule
from mailsuite.testing.fake_store import FakeStore
from mailsuite.testing.fake_traces import FakeTrace
from tests.mda.case import deliverer_over
from tests.mda.test_accounts import AccountsCase
from tests.msa.case import queue_over

T = TypeVar("T")
HOST = "mx.alpha.example"
ANN, BOB = "ann@alpha.example", "bob@beta.example"
SENDER, TARGET = "Sender@remote.example", "u@target.example"
BODY = b"DKIM-Signature: v=1; b=x\r\nFrom: sender@remote.example\r\nSubject: hello\r\n\r\nhi\r\n"


def proved(spf: str = "pass", domain: str = "remote.example") -> bytes:
    """The message as port 25 hands it in."""
    return write_results(HOST, [MethodResult("spf", spf, properties=(("smtp", "mailfrom", domain),))]) + BODY


def notice(action: str, status: str, text: str) -> bytes:
    """What the target's host says of a copy (RFC 3464)."""
    return (
        "From: MAILER-DAEMON@mx.target.example\r\nSubject: Undelivered\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\n\r\nSorry.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.target.example\r\n\r\n"
        f"Final-Recipient: rfc822; {TARGET}\r\nAction: {action}\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: smtp; {text}\r\n\r\n--b--\r\n"
    ).encode()


class ForwardCase(AccountsCase):
    """A local worker's attempt over the real queue."""

    def setUp(self) -> None:
        """Nobody has an account yet."""
        super().setUp()
        self.store = FakeStore(lambda: self.time)
        self.directory = self.store.directory
        for name in ("alpha.example", "beta.example"):
            self.now(self.directory.add_domain(builders.domain(name)))
        self.numbers = count(1)
        self.queue = queue_over(
            self.store,
            FakeSchedule(lambda: self.time, Clock()),
            lambda: self.time,
            lambda n: next(self.numbers).to_bytes(n, "big"),
        )
        finder = self.accounts()
        forwarder = Forwarder(self.queue, self.directory, finder.hosts, self.rewriting, HOST, lambda: self.time)
        self.trace = FakeTrace()
        self.events = FakeEvents()
        self.deliverer = deliverer_over(
            *(self.store, finder, self.queue, forwarder, self.events, self.thread),
            hostname=HOST,
            clock=lambda: self.time,
            trace=self.trace,
        )

    async def thread(self, work: Callable[[], T]) -> T:
        """At once."""
        return work()

    def deliver(
        self,
        *to: Recipient | str,
        sender: str = SENDER,
        content: bytes | None = None,
        queue_id: str = "q1",
        quarantine: bool = False,
        account: str | None = None,
    ) -> Sequence[Outcome]:
        """Attempt the local job of a message."""
        content = proved() if content is None else content
        recipients = tuple(Recipient(Address.parse(one)) if isinstance(one, str) else one for one in to)
        message = replace(
            builders.queued_message(
                queue_id, content, account=account, plan=[PlanEntry(0, LOCAL, recipients, quarantine=quarantine)]
            ),
            envelope=Envelope(Address.parse(sender) if sender else None, recipients, envid="e1", body="8BITMIME"),
        )
        return self.attempt(message, content)

    def attempt(self, message: QueuedMessage, content: bytes) -> Sequence[Outcome]:
        """The job once."""

        async def before_dot() -> bool:
            return True

        outcomes: list[Outcome] = []
        for job in jobs_of(message):
            if job.lane is Lane.LOCAL:
                outcomes += self.now(self.deliverer.attempt(message, job, content, before_dot))
        return outcomes

    def queued(self, prefix: str = "") -> list[QueuedMessage]:
        """What was handed in at the door."""
        found = {}
        for lane in Lane:
            for job in self.now(self.store.jobs.pending(lane, "", 1000)):
                message = self.now(self.store.jobs.message(job.queue_id))
                assert message is not None
                found[message.id] = message
        return [found[name] for name in sorted(found) if name.startswith(prefix)]

    def one(self, prefix: str = "") -> tuple[QueuedMessage, bytes]:
        """The one message at the door and its content."""
        (message,) = self.queued(prefix)
        return message, self.now(self.store.blobs.read(message.blob))

    def mailbox(self, address: str, folder: str = INBOX) -> list[Message]:
        """The messages of an account's folder."""
        account = f"id of {address}"
        rows = self.now(self.store.messages.page(account, folder, None, 50))
        return [
            m for row in rows for m in self.now(self.store.messages.messages(account, row.id)) if m.folder == folder
        ]

    def code(self, outcomes: Sequence[Outcome]) -> str:
        """The enhanced code of the one outcome."""
        (outcome,) = outcomes
        self.assertIs(outcome.state, RecipientState.DELIVERED if outcome.status.positive else RecipientState.FAILED)
        return outcome.status.enhanced


class CopiesTests(ForwardCase):
    """Who gets a copy."""

    def test_one_copy_for_an_account(self) -> None:
        """By several recipients, aliases, jobs and attempts a message comes to a mailbox once, and once elsewhere."""
        self.add(ANN, to=(TARGET,), keep=True)
        self.add(BOB)
        self.alias("sales@alpha.example", ANN, BOB, TARGET)
        recipients = tuple(
            Recipient(Address.parse(a)) for a in (ANN, "sales@alpha.example", "ann+x@alpha.example", BOB)
        )
        plan = [PlanEntry(n, LOCAL, (one,)) for n, one in enumerate(recipients)]
        message = replace(
            builders.queued_message("q1", proved(), plan=plan), envelope=Envelope(Address.parse(SENDER), recipients)
        )
        for _ in range(2):
            self.assertEqual({o.state for o in self.attempt(message, proved())}, {RecipientState.DELIVERED})
        self.assertEqual((len(self.mailbox(ANN)), len(self.mailbox(BOB)), len(self.queued())), (1, 1, 1))
        self.deliver(ANN, queue_id="q2")
        self.assertEqual((len(self.mailbox(ANN)), len(self.queued())), (2, 2))

    def test_without_a_copy(self) -> None:
        """Nothing is in the mailbox; the notices that the sender asked for are left to the next host."""
        self.add(ANN, to=(TARGET,))
        asked = Recipient(Address.parse(ANN), ("SUCCESS", "FAILURE"), "rfc822;ann@alpha.example")
        (outcome,) = self.deliver(asked)
        self.assertTrue(outcome.dsn_passed)
        self.assertEqual(self.mailbox(ANN), [])
        message, _ = self.one()
        self.assertEqual(message.envelope.recipients, (replace(asked, address=Address.parse(TARGET)),))
        self.assertEqual((message.envelope.envid, message.envelope.body), ("e1", "8BITMIME"))

    def test_success_is_told_once(self) -> None:
        """With a copy here it is ours to tell (RFC 3461 section 5.2.7.3); failures are told by all."""
        self.add(ANN, to=(TARGET,), keep=True)
        for n, (asked, passed) in enumerate(((("SUCCESS", "DELAY"), ("DELAY",)), (("SUCCESS",), ("NEVER",)), ((), ()))):
            (outcome,) = self.deliver(Recipient(Address.parse(ANN), asked), queue_id=f"q{n}")
            self.assertFalse(outcome.dsn_passed)
            message, _ = self.one(f"q{n}-")
            self.assertEqual(message.envelope.recipients[0].notify, passed)

    def test_content(self) -> None:
        """One field on top names whose mail it was; not an octet below is changed, so signatures stay whole."""
        self.add(ANN, to=(TARGET,))
        self.deliver("Ann+x@alpha.example")
        _, content = self.one()
        self.assertEqual(content, b"Delivered-To: Ann+x@alpha.example\r\n" + proved())

    def test_it_came_back(self) -> None:
        """5.4.6, in any letter case; nothing is filed or sent. Another's field does no harm, nor to a mailbox."""
        self.add(ANN, to=(TARGET,), keep=True)
        self.add(BOB)
        self.assertEqual(self.code(self.deliver(ANN, content=b"Delivered-To: ANN@alpha.example\r\n" + BODY)), "5.4.6")
        self.assertEqual(self.code(self.deliver(ANN, content=b"Received: x\r\n" * 101 + BODY)), "5.4.6")
        self.assertEqual((self.mailbox(ANN), self.queued()), ([], []))
        other = b"Delivered-To: bob@beta.example\r\ndelivered-to: <x\r\n" + BODY
        self.assertEqual(self.code(self.deliver(ANN, content=other)), "2.1.5")
        self.assertEqual(self.code(self.deliver(BOB, content=other, queue_id="q2")), "2.1.5")

    def test_problems(self) -> None:
        """What RCPT would refuse fails."""
        self.alias("loop@alpha.example", "loop@alpha.example")
        self.assertEqual(self.code(self.deliver("loop@alpha.example")), "5.4.6")
        self.assertEqual(self.code(self.deliver("gone@alpha.example")), "5.1.1")

    def test_f063_null_reverse_path_stays_null(self) -> None:
        """A notice that an alias sends on never gets a notice itself."""
        self.alias("sales@alpha.example", TARGET)
        self.deliver("sales@alpha.example", sender="")
        message, _ = self.one()
        self.assertIsNone(message.envelope.reverse_path)


class ReversePathTests(ForwardCase):
    """The envelope of what goes on."""

    def path(self, sender: str = SENDER, content: bytes | None = None, account: str | None = None) -> Address:
        """The reverse-path of the copy."""
        self.deliver(ANN, sender=sender, content=content, account=account)
        message, _ = self.one()
        assert message.envelope.reverse_path is not None
        return message.envelope.reverse_path

    def test_rewritten(self) -> None:
        """A sender whom SPF proved: the forwarder's domain, which leads back, and whose mail it was."""
        ann = self.add(ANN, to=(TARGET,))
        path = self.path()
        self.assertEqual(path.domain, "alpha.example")
        self.assertEqual(self.srs.reverse(path), (Address.parse(SENDER), self.srs.tag(ann.id)))

    def test_not_proved(self) -> None:
        """Whoever it was, it was not the sender: a failure is the owner's alone."""
        ann = self.add(ANN, to=(TARGET,))
        forged = b"Authentication-Results: other.example; spf=pass smtp.mailfrom=remote.example\r\n"
        for n, content in enumerate(
            (
                proved("fail"),
                proved("none"),
                proved("pass", "evil.example"),
                BODY,
                forged + BODY,
                proved("fail") + proved(),
            )
        ):
            self.deliver(ANN, content=content, queue_id=f"q{n}")
            message, _ = self.one(f"q{n}-")
            assert message.envelope.reverse_path is not None
            self.assertEqual(
                self.srs.reverse(message.envelope.reverse_path), (Address.parse(ANN), self.srs.tag(ann.id)), content
            )

    def test_too_long_to_be_rewritten(self) -> None:
        """The owner hears of failures then."""
        self.add(ANN, to=(TARGET,))
        path = self.path(f"{'b' * 60}@remote.example")
        self.assertEqual(self.srs.reverse(path)[0], Address.parse(ANN))

    def test_of_ours(self) -> None:
        """Who logged in keeps the own reverse-path: our SPF record lists us."""
        self.add(ANN, to=(TARGET,))
        self.assertEqual(self.path(BOB, BODY, account="id of bob"), Address.parse(BOB))

    def test_of_an_alias(self) -> None:
        """Nobody owns it: the postmaster hears what no sender can."""
        self.alias(ANN, TARGET)
        self.assertEqual(self.srs.reverse(self.path()), (Address.parse(SENDER), "0000"))
        self.deliver(ANN, content=BODY, queue_id="q2")
        message, _ = self.one("q2-")
        assert message.envelope.reverse_path is not None
        self.assertEqual(self.srs.reverse(message.envelope.reverse_path)[0].key, "postmaster@alpha.example")


class F067Tests(ForwardCase):
    """F067: silent policy bounce."""

    def refused(self, path: Address, queue_id: str) -> tuple[Sequence[Outcome], bytes]:
        """The target's refusal comes back to the reverse-path of the copy."""
        content = notice("failed", "5.7.26", "550 5.7.26 DMARC says no")
        return self.deliver(str(path), sender="", content=content, queue_id=queue_id), content

    def copy(self, content: bytes | None = None, queue_id: str = "q1") -> Address:
        """The reverse-path of the copy of a message to Ann."""
        self.deliver(ANN, content=content, queue_id=queue_id)
        message, _ = self.one(f"{queue_id}-")
        assert message.envelope.reverse_path is not None
        return message.envelope.reverse_path

    def file_notices(self) -> None:
        """Do the local jobs of the notices to owners."""
        for message in self.queued("fn-"):
            self.attempt(message, self.now(self.store.blobs.read(message.blob)))

    def test_f067_the_target_refuses(self) -> None:
        """The original is in the mailbox, the owner is told once a day, and the sender whom SPF proved each time."""
        self.add(ANN, to=(TARGET,), keep=True)
        path = self.copy()
        self.assertEqual(len(self.mailbox(ANN)), 1)
        for queue_id in ("b1", "b2", "b2"):
            self.time += 3_600_000
            outcomes, content = self.refused(path, queue_id)
            self.assertEqual(self.code(outcomes), "2.1.5")
            back, raw = self.one(f"{queue_id}-")
            self.assertIsNone(back.envelope.reverse_path)
            self.assertEqual([r.address for r in back.envelope.recipients], [Address.parse(SENDER)])
            self.assertEqual(raw, f"Delivered-To: {path}\r\n".encode() + content)
        self.file_notices()
        told = [m for m in self.mailbox(ANN) if "refused" in m.description.subject]
        self.assertEqual(len(told), 1)
        notice, raw = self.one("fn-")
        self.assertIsNone(notice.envelope.reverse_path)
        parsed = email.message_from_bytes(raw)
        self.assertEqual(parsed["Auto-Submitted"], "auto-generated")
        text = str(parsed.get_payload())
        for words in (TARGET, "550 5.7.26 DMARC says no", "is in your mailbox"):
            self.assertIn(words, text)
        self.time += builders.DAY
        self.refused(path, "b3")
        self.assertEqual(len(self.queued("fn-")), 2)

    def test_f067_the_notice_is_not_forwarded(self) -> None:
        """It stays here although nothing else of Ann's does; it says that no copy was kept."""
        self.add(ANN, to=(TARGET,))
        self.refused(self.copy(), "b1")
        before = len(self.queued())
        self.file_notices()
        (told,) = self.mailbox(ANN)
        self.assertEqual(len(self.queued()), before)
        self.assertIn(b"No copy of it is kept", self.now(self.store.blobs.read(told.blob)))

    def test_f067_a_sender_who_is_not_proved_hears_nothing(self) -> None:
        """The forged sender gets no notice for what others sent; the owner does."""
        self.add(ANN, to=(TARGET,), keep=True)
        path = self.copy(proved("softfail"))
        self.assertEqual(self.code(self.refused(path, "b1")[0]), "2.1.5")
        self.assertEqual(self.queued("b1-"), [])
        self.assertEqual(len(self.queued("fn-")), 1)

    def test_f067_an_alias_has_no_owner(self) -> None:
        """The sender hears, and if that one is not proved, the postmaster."""
        self.alias(ANN, TARGET)
        chief = self.add("chief@alpha.example")
        self.refused(self.copy(), "b1")
        self.assertEqual((len(self.queued("b1-")), self.queued("fn-")), (1, []))
        self.refused(self.copy(BODY, "q2"), "b2")
        self.assertEqual((self.queued("b2-"), len(self.queued("fn-"))), ([], 1))
        self.file_notices()
        self.assertEqual(len(self.mailbox(chief.address)), 1)

    def test_f067_delays_and_answers(self) -> None:
        """What is no failure goes to the sender and disturbs nobody else."""
        self.add(ANN, to=(TARGET,))
        path = self.copy()
        answer = b"Auto-Submitted: auto-replied\r\nSubject: away\r\n\r\nx\r\n"
        late = notice("delayed", "4.4.1", "no answer so far")
        for queue_id, content in (("b1", answer), ("b2", late)):
            self.assertEqual(self.code(self.deliver(str(path), sender="", content=content, queue_id=queue_id)), "2.1.5")
            self.assertEqual((len(self.queued(f"{queue_id}-")), self.queued("fn-")), (1, []))

    def test_f067_the_account_of_a_sender_of_ours(self) -> None:
        """The copy of what an account sends is the account's, so that it is signed as its other mail is."""
        self.add(ANN, to=(TARGET,))
        self.deliver(ANN, sender=BOB, content=BODY, account="id of bob")
        self.assertEqual(self.one()[0].account, "id of bob")

    def test_f067_spam_is_not_sent_on(self) -> None:
        """It is in Spam of those it was for, also of who keeps no copies; an alias' in that of who answers for us."""
        chief = self.add("chief@alpha.example", builders.NOW - 1)
        self.add(ANN, to=(TARGET, BOB))
        self.add(BOB)
        self.alias("out@alpha.example", TARGET)
        self.assertEqual(self.code(self.deliver(ANN, quarantine=True)), "2.1.5")
        self.assertEqual((len(self.mailbox(ANN, SPAM)), self.mailbox(BOB, SPAM), self.mailbox(ANN)), (1, [], []))
        self.assertEqual(self.code(self.deliver("out@alpha.example", quarantine=True, queue_id="q2")), "2.1.5")
        self.assertEqual(len(self.mailbox(chief.address, SPAM)), 1)
        path = self.srs.rewrite(Address.parse(SENDER), "alpha.example", "0000")
        self.deliver(str(path), sender="", quarantine=True, queue_id="q3")
        self.assertEqual(len(self.mailbox(chief.address, SPAM)), 2)
        self.assertEqual(self.queued(), [])

    def test_f067_forged_and_old_addresses(self) -> None:
        """They take nothing."""
        self.add(ANN, to=(TARGET,))
        path = self.copy()
        forged = str(path).replace("Sender", "victim")
        self.assertEqual(self.code(self.deliver(forged, sender="", queue_id="b1")), "5.7.1")
        self.assertEqual(self.code(self.deliver(str(path), sender=SENDER, queue_id="b2")), "5.7.1")
        self.time += 30 * builders.DAY
        self.assertEqual(self.code(self.deliver(str(path), sender="", queue_id="b3")), "5.7.1")
        self.assertEqual(self.queued("b"), [])
