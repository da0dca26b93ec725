"""A webmail with everything behind it but the queue, which here files at once."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Mapping
from email.utils import formatdate
from ipaddress import ip_network
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet.protocol import ServerFactory
from zope.interface import implementer

from mailsuite.interfaces.queue import ISubmissionQueue, Submission
from mailsuite.login.checker import CredentialChecker
from mailsuite.login.passwords import Passwords
from mailsuite.login.sessions import Sessions
from mailsuite.mailbox.browse import Browser
from mailsuite.mailbox.change import Changer
from mailsuite.mime.describe import describe
from mailsuite.model.account import Account, Domain
from mailsuite.model.event import Changed, Event
from mailsuite.model.folder import INBOX, SENT
from mailsuite.model.ids import ordered_id
from mailsuite.model.job import QueuedMessage
from mailsuite.model.message import Filed, Filing
from mailsuite.msa.identity import Identities
from mailsuite.msa.submit import Submitter
from mailsuite.runtime.threads import Threads
from mailsuite.sqlite.actions import MailActions
from mailsuite.sqlite.blobs import BlobKeeper, BlobStore
from mailsuite.sqlite.directory import AccountDirectory
from mailsuite.sqlite.messages import MessageStore
from mailsuite.sqlite.store import Store
from mailsuite.testing.fake_counter import FakeCounter
from mailsuite.testing.fake_events import FakeEvents
from mailsuite.web.app import WebApp
from mailsuite.web.site import WebSite
from mailsuite.web.sts import PolicyPage
from tests.msa.case import generous
from tests.web.client import Client

WEBROOT = Path(__file__).parents[2] / "webroot"
NOON = 1_795_610_520_000
"""Wednesday, 25 November 2026, 12:42 UTC: the day of the pictures in the design."""

PASSWORD = "correct-horse-battery"
ALICE, BOB = "alice@alpha.example", "bob@alpha.example"


@implementer(ISubmissionQueue)
class InstantQueue:
    """ISubmissionQueue that files the sender's copy and that of local recipients before it returns."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._known: dict[tuple[str | None, str], QueuedMessage] = {}
        self.accepted: list[Submission] = []

    async def accept(self, submission: Submission) -> QueuedMessage:
        house = self._house
        known = (submission.account, submission.idempotency_key or "")
        if submission.idempotency_key and known in self._known:
            return self._known[known]
        self.accepted.append(submission)
        queued = QueuedMessage(
            id=ordered_id(house.now, os.urandom),
            blob="",
            size=len(submission.content),
            envelope=submission.envelope,
            account=submission.account,
            priority=submission.priority,
            created=house.now,
            expires=house.now + 1,
            plan=(),
            idempotency_key=submission.idempotency_key,
        )
        self._known[known] = queued
        if submission.account and submission.sent_copy:
            await house.file(submission.account, submission.content, folder=SENT, own=True)
        for recipient in submission.envelope.recipients:
            account = await house.directory.account_at(recipient.address.key)
            if account is not None:
                await house.file(account.id, submission.content, sender=submission.envelope.sender)
        return queued


class CountedEvents(FakeEvents):
    """FakeEvents that know how many listen."""

    listening = 0

    def subscribe(self, account: str, listener: Callable[[Event | None], None]) -> Callable[[], None]:
        stop = super().subscribe(account, listener)
        self.listening += 1

        def leave() -> None:
            self.listening -= 1
            stop()

        return leave


class House:
    """Start it, use ``port``, stop it. ``now`` is its clock, ``parts`` what it says of its health."""

    def __init__(self, reactor: Any, public_url: str = "") -> None:
        self.reactor = reactor
        self._folder = TemporaryDirectory(prefix="mailsuite-")
        directory = Path(self._folder.name)
        self.now = NOON
        self.parts: Mapping[str, str] = {"store": "ok", "redis": "ok"}
        self.events = CountedEvents()
        self.store = Store(directory / "mail.db", reactor, lambda: self.now)
        self.directory = AccountDirectory(self.store)
        self.messages = MessageStore(self.store, os.urandom)
        self.blobs = BlobStore(self.store, BlobKeeper(self.store, directory / "blobs"))
        self.changer = Changer(MailActions(self.store, os.urandom), self.events)
        self.threads = Threads(reactor, "work", 2)
        self.queue = InstantQueue(self)
        self.accounts: dict[str, Account] = {}
        self.port = 0
        self._public_url = public_url
        self._listening: Any = None
        self._numbers = itertools.count()
        self.site: WebSite | None = None

    async def start(self) -> None:
        """Open the store, make the accounts, listen."""
        self.store.start()
        self.threads.start()
        passwords = Passwords()
        await self.directory.add_domain(Domain("alpha.example", self.now))
        hashed = passwords.hash(PASSWORD)
        for address, name in ((ALICE, "Alice Bell"), (BOB, "Bob Stone")):
            account = Account(ordered_id(self.now, os.urandom), address, name, hashed, self.now)
            await self.directory.add_account(account)
            self.accounts[address] = account
        port: Any = self.reactor.listenTCP(0, ServerFactory(), interface="127.0.0.1")  # the site needs to know the port
        self._listening = port
        self.port = port.getHost().port
        day = 86_400_000
        app = WebApp(
            sessions=Sessions(self.directory, lambda: self.now, os.urandom, 14 * day, 60 * day),
            checker=CredentialChecker(self.directory, FakeCounter(lambda: self.now), self.threads.run, passwords),
            browser=Browser(self.messages, self.blobs, self.threads.run),
            changer=self.changer,
            submitter=Submitter(
                self.queue,
                generous(),
                self.messages,
                Identities(self.directory, "+"),
                lambda: self.now,
                os.urandom,
                "mx.alpha.example",
            ),
            events=self.events,
            assets=WEBROOT,
            public_url=self._public_url or f"http://127.0.0.1:{self.port}",
            brand="alpha.example",
            clock=lambda: self.now,
            random=os.urandom,
            health=self._health,
            metrics=self._figures,
            policies=PolicyPage(self._hosts, "mail.alpha.example", "enforce"),
            proxies=[ip_network("127.0.0.0/8")],
        )
        self.site = app.site(self.reactor)
        port.factory = self.site
        self.site.doStart()

    async def _hosts(self, domain: str) -> bool:
        return await self.directory.domain(domain) is not None

    async def _figures(self) -> bytes:
        return b"mailsuite_figures 1\n"

    async def stop(self) -> None:
        """Close all of it."""
        if self._listening is not None:
            await self._listening.stopListening()
        if self.site is not None:
            await self.site.drain(1)
        await self.store.stop()
        self.threads.stop()
        self._folder.cleanup()

    async def _health(self) -> Mapping[str, str]:
        return self.parts

    async def cut_streams(self) -> None:
        """Break all connections with a request under way, as a network does."""
        assert self.site
        for request in list(self.site._busy):
            transport: Any = request.channel.transport
            transport.abortConnection()

    def client(self) -> Client:
        """A new browser."""
        return Client(self.reactor, self.port)

    async def visitor(self, address: str) -> Client:
        """A browser that is signed in."""
        client = self.client()
        await client.login(address, PASSWORD)
        return client

    def id_of(self, address: str) -> str:
        """The id of an account."""
        return self.accounts[address].id

    async def file(
        self,
        account: str,
        content: bytes,
        *,
        folder: str = INBOX,
        own: bool = False,
        sender: str = "ann@remote.example",
        at: int = 0,
        seen: bool = False,
    ) -> Filed:
        """File a message as mailsuite-mda would, and tell the browsers."""
        blob = await self.blobs.put(content)
        filed = await self.messages.file(
            Filing(
                account=account,
                folder=folder,
                delivery_key=f"k{next(self._numbers)}",
                blob=blob,
                size=len(content),
                received_at=at or self.now,
                description=describe(content),
                reverse_path="" if own else sender,
                seen=seen or own,
                own=own,
            )
        )
        await self.events.publish(Changed(account, folder, filed.seq))
        return filed

    async def mail(self, to: str, subject: str, text: str = "Hello.", **more: Any) -> Filed:
        """A plain message from Ann to an account; ``fields`` are more header fields."""
        fields = {
            "Date": formatdate((more.get("at") or self.now) / 1000),
            "From": "Ann Rule <ann@remote.example>",
            "To": to,
            "Subject": subject,
            "Message-ID": f"<{next(self._numbers)}.{ordered_id(self.now, os.urandom)}@remote.example>",
            "Content-Type": "text/plain; charset=utf-8",
            **more.pop("fields", {}),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return await self.file(self.id_of(to), (head + "\r\n" + text).encode(), **more)
