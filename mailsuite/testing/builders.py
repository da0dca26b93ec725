"""Small factories of the model's values for tests: say what matters, the rest is plausible."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from mailsuite.model.account import Account, DkimKey, Domain, Session
from mailsuite.model.address import Address, Mailbox
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.folder import INBOX, SENT
from mailsuite.model.job import LOCAL, PlanEntry, Priority, QueuedMessage
from mailsuite.model.message import Description, Filing, Part

NOW = 1_800_000_000_000
"""A time for tests, in ms since 1970."""
ANN = "ann@alpha.example"
BOB = "bob@beta.example"
DAY = 86_400_000


def recipients(*addresses: str) -> tuple[Recipient, ...]:
    """RCPTs without parameters."""
    return tuple(Recipient(Address.parse(address)) for address in addresses)


def envelope(sender: str = ANN, *to: str) -> Envelope:
    """From ``sender`` ("": the null reverse-path) to Bob or the given addresses."""
    return Envelope(Address.parse(sender) if sender else None, recipients(*(to or (BOB,))))


def plan_entry(n: int = 0, destination: str = LOCAL, *to: str, eager: bool = False) -> PlanEntry:
    """A job to be."""
    return PlanEntry(n, destination, recipients(*(to or (BOB,))), eager)


def queued_message(
    queue_id: str = "q1",
    content: bytes = b"Subject: hello\r\n\r\nhello\r\n",
    *,
    plan: Sequence[PlanEntry] = (),
    account: str | None = None,
    key: str | None = None,
    created: int = NOW,
    priority: Priority = Priority.NORMAL,
) -> QueuedMessage:
    """A message as the door commits it; one local job unless a plan is given. It expires after five days."""
    return QueuedMessage(
        id=queue_id,
        blob=sha256(content).hexdigest(),
        size=len(content),
        envelope=envelope(),
        account=account,
        priority=priority,
        created=created,
        expires=created + 5 * DAY,
        plan=tuple(plan) or (plan_entry(),),
        idempotency_key=key,
    )


def mailbox(text: str) -> Mailbox:
    """``Ann Alpha <ann@alpha.example>`` or a bare address."""
    name, _, address = text.rpartition("<")
    return Mailbox(name.strip(), address.rstrip(">"))


def description(
    message_id: str = "",
    *,
    references: Sequence[str] = (),
    author: str = f"Ann Alpha <{ANN}>",
    to: Sequence[str] = (f"Bob Beta <{BOB}>",),
    cc: Sequence[str] = (),
    subject: str = "hello",
    snippet: str = "how are you?",
    has_attachments: bool = False,
) -> Description:
    """What mime.describe would say of a one-part text message; ``author`` "" means none."""
    return Description(
        message_id=message_id,
        references=tuple(references),
        author=(mailbox(author),) if author else (),
        to=tuple(mailbox(text) for text in to),
        cc=tuple(mailbox(text) for text in cc),
        reply_to=(),
        subject=subject,
        date=NOW,
        structure=Part("1", "text/plain", "utf-8", "7bit", "", "", "", 60, 100),
        snippet=snippet,
        has_attachments=has_attachments,
    )


def filing(
    key: str,
    *,
    account: str = "bob",
    folder: str = INBOX,
    at: int = NOW,
    seen: bool = False,
    own: bool = False,
    blob: str = "",
    about: Description | None = None,
    otherwise: tuple[str, ...] = (),
) -> Filing:
    """A message to be filed for Bob's account under a delivery key; it has a Message-ID of its own."""
    return Filing(
        account=account,
        folder=folder,
        delivery_key=key,
        blob=blob or sha256(key.encode()).hexdigest(),
        size=100,
        received_at=at,
        description=about or description(f"<{key}@alpha.example>"),
        reverse_path=ANN,
        seen=seen,
        own=own,
        otherwise=otherwise,
    )


def sent(key: str, *, at: int = NOW, about: Description | None = None) -> Filing:
    """The copy of a message that Bob wrote."""
    about = about or description(f"<{key}@beta.example>", author=f"Bob Beta <{BOB}>", to=(f"Ann Alpha <{ANN}>",))
    return filing(key, folder=SENT, at=at, seen=True, own=True, about=about)


def domain(name: str = "alpha.example", *, keys: int = 0) -> Domain:
    """A hosted domain with so many DKIM keys (not real ones)."""
    return Domain(name, NOW, tuple(DkimKey(f"s{n}", "ed25519", f"private {n}", f"public {n}") for n in range(keys)))


def account(address: str = ANN, account_id: str = "") -> Account:
    """An account; its id is the address unless given."""
    return Account(account_id or address, address, address.partition("@")[0].title(), "$argon2id$x", NOW)


def session(key: str = "t1", *, account: str = "ann", created: int = NOW, seen: int = NOW) -> Session:
    """A login from a loopback address; ``key`` is its token's hash."""
    return Session(key, account, created, seen, "127.0.0.1", "tests")
