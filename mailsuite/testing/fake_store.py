"""FakeStore: the seams of a store in memory, with a fault that tests switch on."""

from __future__ import annotations

from mailsuite.model.errors import StoreUnavailable
from mailsuite.runtime.clock import Clock
from mailsuite.testing.fake_blobs import FakeBlobStore
from mailsuite.testing.fake_contents import FakeMailContents
from mailsuite.testing.fake_directory import FakeAccountDirectory
from mailsuite.testing.fake_drafts import FakeDraftStore
from mailsuite.testing.fake_job_control import FakeJobControl
from mailsuite.testing.fake_jobs import FakeJobStore
from mailsuite.testing.fake_mailbox import FakeMailbox
from mailsuite.testing.fake_messages import FakeMessageStore
from mailsuite.testing.fake_rules import FakeRuleStore
from mailsuite.testing.fake_sts import FakeStsCache
from mailsuite.testing.fake_suppressions import FakeSuppressionList
from mailsuite.testing.fake_traces import FakeTraceStore
from mailsuite.testing.fake_zones import FakeZoneSource


class FakeStore:
    """``fault`` not empty: every method of every seam raises StoreUnavailable with it as the detail."""

    def __init__(self, clock: Clock) -> None:
        self.fault = ""
        self.blobs = FakeBlobStore(clock, self._check)
        self.jobs = FakeJobStore(self.blobs, self._check)
        self.control = FakeJobControl(self.jobs)
        self.messages = FakeMessageStore(clock, self._check)
        self.contents = FakeMailContents(self.messages)
        self.mailbox = FakeMailbox(self.messages)
        self.drafts = FakeDraftStore(self.messages)
        self.zones = FakeZoneSource(self._check)
        self.directory = FakeAccountDirectory(self.zones, self._check)
        self.rules = FakeRuleStore(self.directory, self._check)
        self.traces = FakeTraceStore(self._check)
        self.suppressions = FakeSuppressionList(self._check)
        self.sts = FakeStsCache(self._check)
        self.blobs.referrers += [self.jobs.blobs, self.messages.blobs]

    async def ping(self) -> None:
        """As Store.ping."""
        self._check()

    def _check(self) -> None:
        if self.fault:
            raise StoreUnavailable(self.fault)
