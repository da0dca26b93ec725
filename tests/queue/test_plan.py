"""The plan of a message."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.interfaces.queue import Submission
from mailsuite.model.address import Address
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.job import LOCAL, RECIPIENTS_PER_JOB, SENT, PlanEntry
from mailsuite.queue.plan import plan

ALICE = "alice@alpha.example"
LOCAL_DOMAINS = {"alpha.example", "beta.example"}


def submission(*recipients: str, sent_copy: bool = True) -> Submission:
    """From alice to the recipients."""
    envelope = Envelope(Address.parse(ALICE), tuple(Recipient(Address.parse(r)) for r in recipients))
    return Submission(envelope, b"x", account="a1", self_address=ALICE, sent_copy=sent_copy)


def shape(entries: tuple[PlanEntry, ...]) -> list[tuple[int, str, list[str], bool]]:
    """The entries as plain values."""
    return [(e.n, e.destination, [str(r.address) for r in e.recipients], e.eager) for e in entries]


class PlanTests(SynchronousTestCase):
    """Who gets what, by which job."""

    def test_every_kind_of_recipient(self) -> None:
        """Copy and self are eager; local accounts of all domains share a job; each remote domain has its own."""
        entries = plan(
            submission("bob@alpha.example", ALICE, "u@remote.example", "carol@beta.example", "w@other.example"),
            LOCAL_DOMAINS,
        )
        self.assertEqual(
            shape(entries),
            [
                (0, SENT, [ALICE], True),
                (1, LOCAL, [ALICE], True),
                (2, LOCAL, ["bob@alpha.example", "carol@beta.example"], False),
                (3, "other.example", ["w@other.example"], False),
                (4, "remote.example", ["u@remote.example"], False),
            ],
        )

    def test_no_copy_for_mail_from_other_hosts(self) -> None:
        """Without sent_copy and an account nothing is eager."""
        envelope = Envelope(None, (Recipient(Address.parse(ALICE)),))
        self.assertEqual(shape(plan(Submission(envelope, b""), LOCAL_DOMAINS)), [(0, LOCAL, [ALICE], False)])

    def test_quarantine_is_for_local_filing(self) -> None:
        """Suspect mail is marked for those who file it."""
        envelope = Envelope(None, tuple(Recipient(Address.parse(r)) for r in (ALICE, "u@remote.example")))
        entries = plan(Submission(envelope, b"", quarantine=True), LOCAL_DOMAINS)
        self.assertEqual([(e.destination, e.quarantine) for e in entries], [(LOCAL, True), ("remote.example", False)])

    def test_a_mailbox_named_twice_gets_one(self) -> None:
        """Letter case does not make a second recipient."""
        entries = plan(submission("bob@alpha.example", "BOB@alpha.example", sent_copy=False), LOCAL_DOMAINS)
        self.assertEqual(shape(entries), [(0, LOCAL, ["bob@alpha.example"], False)])

    @given(
        st.lists(st.tuples(st.integers(0, 300), st.sampled_from(["alpha", "beta", "remote", "other"])), max_size=400)
    )
    def test_everybody_exactly_once_in_small_jobs(self, people: list[tuple[int, str]]) -> None:
        """Each recipient is in one job, no job has more than a hundred, numbers are dense."""
        addresses = [f"u{n}@{domain}.example" for n, domain in people]
        entries = plan(submission(*addresses, sent_copy=False), LOCAL_DOMAINS)
        planned = [str(r.address) for e in entries for r in e.recipients]
        self.assertEqual(sorted(planned), sorted(set(addresses)))
        self.assertTrue(all(1 <= len(e.recipients) <= RECIPIENTS_PER_JOB for e in entries))
        self.assertEqual([e.n for e in entries], list(range(len(entries))))
        for entry in entries:
            domains = {r.address.domain for r in entry.recipients}
            self.assertTrue(domains <= LOCAL_DOMAINS if entry.destination == LOCAL else domains == {entry.destination})
