"""The contracts of a store's seams on SQLite."""

from __future__ import annotations

import os

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from mailsuite.runtime.clock import Clock
from mailsuite.sqlite.actions import MailActions
from mailsuite.sqlite.blobs import BlobKeeper, BlobStore
from mailsuite.sqlite.contents import MailContents
from mailsuite.sqlite.directory import AccountDirectory
from mailsuite.sqlite.drafts import DraftStore
from mailsuite.sqlite.folders import FolderStore
from mailsuite.sqlite.job_control import JobControl
from mailsuite.sqlite.jobs import JobStore
from mailsuite.sqlite.messages import MessageStore
from mailsuite.sqlite.rules import RuleStore
from mailsuite.sqlite.search import MailSearch
from mailsuite.sqlite.store import Store
from mailsuite.sqlite.sts import StsCache
from mailsuite.sqlite.suppressions import SuppressionList
from mailsuite.sqlite.trace import TraceStore
from mailsuite.sqlite.upkeep import MailboxUpkeep
from mailsuite.sqlite.zones import ZoneSource
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
from mailsuite.testing.contracts.stores import StoreContract, Stores
from mailsuite.testing.contracts.sts import StsCacheContract
from mailsuite.testing.contracts.suppressions import SuppressionListContract
from mailsuite.testing.contracts.threads import ThreadingContract
from mailsuite.testing.contracts.trace import TraceStoreContract
from mailsuite.testing.contracts.zones import ZoneSourceContract
from mailsuite.testing.temporary import temporary_directory


class _Sqlite(StoreContract):
    async def make_stores(self, clock: Clock) -> Stores:
        directory = temporary_directory(self)
        store = Store(directory / "store.sqlite", reactor, clock)
        store.start()
        self.addCleanup(store.stop)
        keeper = BlobKeeper(store, directory / "blobs")

        async def spoil(job_id: str) -> None:
            await store.write(
                lambda c: c.execute("UPDATE job SET recipients = '[{}]' WHERE id = ?", (job_id,)).rowcount
            )

        return Stores(
            BlobStore(store, keeper),
            JobStore(store, keeper),
            MessageStore(store, os.urandom),
            AccountDirectory(store),
            ZoneSource(store),
            TraceStore(store),
            JobControl(store),
            SuppressionList(store),
            MailActions(store, os.urandom),
            FolderStore(store, os.urandom),
            MailSearch(store),
            MailboxUpkeep(store, keeper.files.exists),
            StsCache(store),
            RuleStore(store),
            DraftStore(store, os.urandom),
            MailContents(store),
            spoil,
        )


class SqliteBlobStoreTests(_Sqlite, BlobStoreContract, TestCase):
    """IBlobStore in SQLite and files."""


class SqliteJobControlTests(_Sqlite, JobControlContract, TestCase):
    """IJobControl in SQLite."""


class SqliteJobStoreTests(_Sqlite, JobStoreContract, TestCase):
    """IJobStore in SQLite."""


class SqliteClaimTests(_Sqlite, ClaimContract, TestCase):
    """The right to attempt a job in SQLite."""


class SqliteMessageStoreTests(_Sqlite, MessageStoreContract, TestCase):
    """IMessageStore in SQLite."""


class SqliteMailboxTests(_Sqlite, MailboxContract, TestCase):
    """Folders, labels, actions and what becomes due in SQLite."""


class SqliteSearchTests(_Sqlite, SearchContract, TestCase):
    """IMailSearch in SQLite."""


class SqliteThreadingTests(_Sqlite, ThreadingContract, TestCase):
    """Conversations in SQLite."""


class SqliteRecountTests(_Sqlite, RecountContract, TestCase):
    """Counters and lists in SQLite."""


class SqliteAccountDirectoryTests(_Sqlite, AccountDirectoryContract, TestCase):
    """IAccountDirectory in SQLite."""


class SqliteZoneSourceTests(_Sqlite, ZoneSourceContract, TestCase):
    """IZoneSource in SQLite."""


class SqliteTraceStoreTests(_Sqlite, TraceStoreContract, TestCase):
    """ITraceStore in SQLite."""


class SqliteSuppressionListTests(_Sqlite, SuppressionListContract, TestCase):
    """ISuppressionList in SQLite."""


class SqliteDraftStoreTests(_Sqlite, DraftStoreContract, TestCase):
    """IDraftStore in SQLite."""


class SqliteStsCacheTests(_Sqlite, StsCacheContract, TestCase):
    """IStsCache in SQLite."""


class SqliteRuleStoreTests(_Sqlite, RuleStoreContract, TestCase):
    """IRuleStore in SQLite."""


class SqliteMailContentsTests(_Sqlite, MailContentsContract, TestCase):
    """IMailContents in SQLite."""
