"""The contracts of a store's seams on the fake."""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from mailsuite.model.errors import StoreUnavailable
from mailsuite.model.folder import INBOX
from mailsuite.runtime.clock import Clock
from mailsuite.testing.builders import NOW, filing
from mailsuite.testing.contracts.blobs import BlobStoreContract
from mailsuite.testing.contracts.claims import ClaimContract
from mailsuite.testing.contracts.contents import MailContentsContract
from mailsuite.testing.contracts.directory import AccountDirectoryContract
from mailsuite.testing.contracts.drafts import DraftStoreContract
from mailsuite.testing.contracts.job_control import JobControlContract
from mailsuite.testing.contracts.jobs import JobStoreContract
from mailsuite.testing.contracts.mailbox import MailboxContract
from mailsuite.testing.contracts.messages import MessageStoreContract
from mailsuite.testing.contracts.recount import RecountContract
from mailsuite.testing.contracts.rules import RuleStoreContract
from mailsuite.testing.contracts.search import SearchContract
from mailsuite.testing.contracts.stores import Stores
from mailsuite.testing.contracts.sts import StsCacheContract
from mailsuite.testing.contracts.suppressions import SuppressionListContract
from mailsuite.testing.contracts.threads import ThreadingContract
from mailsuite.testing.contracts.trace import TraceStoreContract
from mailsuite.testing.contracts.zones import ZoneSourceContract
from mailsuite.testing.fake_store import FakeStore


class _Fake:
    async def make_stores(self, clock: Clock) -> Stores:
        store = FakeStore(clock)

        async def spoil(job_id: str) -> None:
            store.jobs.spoiled.add(job_id)

        return Stores(
            store.blobs,
            store.jobs,
            store.messages,
            store.directory,
            store.zones,
            store.traces,
            store.control,
            store.suppressions,
            store.mailbox,
            store.mailbox,
            store.mailbox,
            store.mailbox,
            store.sts,
            store.rules,
            store.drafts,
            store.contents,
            spoil,
        )


class FakeBlobStoreTests(_Fake, BlobStoreContract, TestCase):
    """IBlobStore in memory."""


class FakeMailContentsTests(_Fake, MailContentsContract, TestCase):
    """IMailContents in memory."""


class FakeJobStoreTests(_Fake, JobStoreContract, TestCase):
    """IJobStore in memory."""


class FakeJobControlTests(_Fake, JobControlContract, TestCase):
    """IJobControl in memory."""


class FakeClaimTests(_Fake, ClaimContract, TestCase):
    """The right to attempt a job in memory."""


class FakeMessageStoreTests(_Fake, MessageStoreContract, TestCase):
    """IMessageStore in memory."""


class FakeMailboxTests(_Fake, MailboxContract, TestCase):
    """Folders, labels, actions and what becomes due in memory."""


class FakeSearchTests(_Fake, SearchContract, TestCase):
    """IMailSearch in memory."""


class FakeThreadingTests(_Fake, ThreadingContract, TestCase):
    """Conversations in memory."""


class FakeRecountTests(_Fake, RecountContract, TestCase):
    """Counters and lists in memory."""


class FakeAccountDirectoryTests(_Fake, AccountDirectoryContract, TestCase):
    """IAccountDirectory in memory."""


class FakeZoneSourceTests(_Fake, ZoneSourceContract, TestCase):
    """IZoneSource in memory."""


class FakeTraceStoreTests(_Fake, TraceStoreContract, TestCase):
    """ITraceStore in memory."""


class FakeSuppressionListTests(_Fake, SuppressionListContract, TestCase):
    """ISuppressionList in memory."""


class FakeDraftStoreTests(_Fake, DraftStoreContract, TestCase):
    """IDraftStore in memory."""


class FakeStsCacheTests(_Fake, StsCacheContract, TestCase):
    """IStsCache in memory."""


class FakeRuleStoreTests(_Fake, RuleStoreContract, TestCase):
    """IRuleStore in memory."""


class FakeFaultTests(TestCase):
    """The fault that tests switch on."""

    async def test_fault(self) -> None:
        """While the fake has a fault every seam raises it, afterwards none does."""
        store = FakeStore(lambda: NOW)
        store.fault = "disk full"

        async def fails() -> int:
            failed = 0
            for call in (
                store.ping(),
                store.blobs.put(b""),
                store.jobs.job("x"),
                store.messages.page("a", INBOX, None, 1),
                store.messages.file(filing("k")),
                store.directory.domains(),
                store.zones.generation(),
                store.traces.recent(1),
                store.suppressions.find("a", ()),
                store.sts.get("beta.example"),
                store.rules.ruleset("a"),
                store.drafts.find("a", "k"),
            ):
                try:
                    await call
                except StoreUnavailable as error:
                    self.assertEqual("disk full", error.detail)
                    failed += 1
            return failed

        self.assertEqual(12, await fails())
        store.fault = ""
        self.assertEqual(0, await fails())
