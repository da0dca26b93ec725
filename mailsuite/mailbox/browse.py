"""Reads an account's mail: lists, conversations, parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256

from mailsuite.interfaces.blobs import IBlobStore
from mailsuite.interfaces.messages import IMessageStore
from mailsuite.interfaces.threads import InThread
from mailsuite.mailbox import winmail
from mailsuite.mime.dsn import STATUS_TYPES, Notice, parse_notice
from mailsuite.mime.sanitize import Sanitized, sanitize, text_to_html
from mailsuite.mime.text import best_html, best_text, decode_bytes, decode_text, html_to_text
from mailsuite.model.errors import NotThere
from mailsuite.model.message import Changes, Conversation, Counter, Cursor, Message, Part

ROWS = 50
"""Conversations on a page."""

NEWER_ROWS = 200
SOURCE_OCTETS = 256 * 1024
"""So much of a message without readable parts is shown as it is."""

SHOWN_CHARACTERS = 1_000_000
QUOTED_CHARACTERS = 100_000


@dataclass(frozen=True, slots=True)
class Shown:
    """A message of an open conversation; ``notice`` when it reports a failed delivery."""

    message: Message
    snippet: str
    attachments: tuple[Part, ...]
    notice: Notice | None


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation with its messages, oldest first."""

    conversation: Conversation
    messages: tuple[Shown, ...]


class Browser:
    """What the pages of a mailbox show. ``thread`` takes the decoding of parts off the reactor thread.

    Every method raises StoreUnavailable when the store cannot serve now.
    """

    def __init__(self, messages: IMessageStore, blobs: IBlobStore, thread: InThread) -> None:
        self._messages = messages
        self._blobs = blobs
        self._in_thread = thread

    async def page(self, account_id: str, folder: str, before: Cursor | None) -> tuple[Conversation, ...]:
        """The next 50 rows of a folder or of "starred", newest first."""
        return tuple(await self._messages.page(account_id, folder, before, ROWS))

    async def newer(self, account_id: str, folder: str, seq: int) -> Changes:
        """What changed after ``seq``, up to 200 rows; ask again from the seq reached."""
        return await self._messages.newer(account_id, folder, seq, NEWER_ROWS)

    async def counters(self, account_id: str) -> Mapping[str, Counter]:
        """Totals and unread of the folders."""
        return await self._messages.counters(account_id)

    async def seq(self, account_id: str) -> int:
        """The account's last change number."""
        return await self._messages.seq(account_id)

    async def thread(self, account_id: str, conversation_id: str) -> Thread | None:
        """A whole conversation, None when the account has none of this id."""
        conversation = await self._messages.conversation(account_id, conversation_id)
        if conversation is None:
            return None
        messages = await self._messages.messages(account_id, conversation.id)
        return Thread(conversation, tuple([await self._shown(message) for message in messages]))

    async def _shown(self, message: Message) -> Shown:
        notice = await self._notice(message)
        attachments: list[Part] = []
        for part in _own_parts(message.description.structure):
            if _is_file(part) and not (notice and part.content_type in STATUS_TYPES):
                attachments.append(part)
                if winmail.is_winmail(part):
                    attachments += [inner for inner, _ in await self._inner(message, part)]
        return Shown(message, message.description.snippet, tuple(attachments), notice)

    async def _inner(self, message: Message, part: Part) -> tuple[tuple[Part, bytes], ...]:
        raw, whole = await self._read(message, part)
        return await self._in_thread(lambda: winmail.inner_parts(part, decode_bytes(raw, whole)))

    async def _notice(self, message: Message) -> Notice | None:
        structure = message.description.structure
        # A real notice has the null reverse-path (RFC 3464 section 2); others only look like one.
        if structure.content_type != "multipart/report" or message.reverse_path:
            return None
        raw = await self._blobs.read(message.blob)
        return await self._in_thread(lambda: parse_notice(raw, structure))

    async def body(self, account_id: str, message_id: str, part_url: Callable[[Part], str]) -> Sanitized | None:
        """The text of a message as harmless HTML, None when the account has no such message.

        ``part_url`` gives the address of an inline part, for the pictures of the text. A message without a
        readable part is shown in its source, and says so.
        """
        message = await self._messages.message(account_id, message_id)
        if message is None:
            return None
        root = message.description.structure
        if html := best_html(root):
            inline = {part.content_id: part_url(part) for part in _own_parts(root) if part.content_id}
            raw, whole = await self._read(message, html)
            return await self._in_thread(lambda: sanitize(decode_text(raw, whole), inline.get))
        if text := best_text(root):
            raw, whole = await self._read(message, text)
            return await self._in_thread(lambda: _plain(decode_text(raw, whole)))
        for part in filter(winmail.is_winmail, _own_parts(root)):
            if (shown := await self._winmail_body(message, part)) is not None:
                return shown
        if any(map(_is_file, _own_parts(root))):
            return Sanitized("", 0)
        source = await self._blobs.read(message.blob, 0, SOURCE_OCTETS)
        return await self._in_thread(lambda: _source(source))

    async def _winmail_body(self, message: Message, part: Part) -> Sanitized | None:
        raw, whole = await self._read(message, part)
        return await self._in_thread(lambda: winmail.body(decode_bytes(raw, whole)))

    async def text(self, account_id: str, message_id: str) -> str:
        """The text of a message to be quoted, "" when it has none. NotThere when the account has no such message."""
        message = await self._messages.message(account_id, message_id)
        if message is None:
            raise NotThere(f"there is no message {message_id}")
        root = message.description.structure
        if part := best_text(root):
            raw, whole = await self._read(message, part)
            text = await self._in_thread(lambda: decode_text(raw, whole))
        elif part := best_html(root):
            raw, whole = await self._read(message, part)
            text = await self._in_thread(lambda: html_to_text(decode_text(raw, whole)))
        else:
            return ""
        if len(text) > QUOTED_CHARACTERS:
            text = text[:QUOTED_CHARACTERS] + "\n[the rest is not quoted]"
        return text

    async def part(self, account_id: str, message_id: str, path: str) -> tuple[Part, bytes] | None:
        """A leaf of the MIME tree with its decoded octets, None when there is none of this path.

        Files within a winmail.dat are leaves below it.
        """
        message = await self._messages.message(account_id, message_id)
        if message is None:
            return None
        path, inner, _ = whole_path = path.partition(winmail.MARK)
        leaves = (p for p in message.description.structure.walk() if not p.content_type.startswith("multipart/"))
        part = next((p for p in leaves if p.path == path), None)
        if part is None:
            return None
        if inner:
            if not winmail.is_winmail(part):
                return None
            wanted = "".join(whole_path)
            return next((one for one in await self._inner(message, part) if one[0].path == wanted), None)
        raw, whole = await self._read(message, part)
        return part, await self._in_thread(lambda: decode_bytes(raw, whole))

    async def tag(self, content: bytes) -> str:
        """A name for just these octets, the same whenever they come again."""
        return await self._in_thread(lambda: sha256(content).hexdigest())

    async def raw(self, account_id: str, message_id: str) -> bytes | None:
        """The message as it came in."""
        message = await self._messages.message(account_id, message_id)
        return None if message is None else await self._blobs.read(message.blob)

    async def _read(self, message: Message, part: Part) -> tuple[bytes, Part]:
        """The octets of one part only, and the part as it lies in them."""
        raw = await self._blobs.read(message.blob, part.start, part.end - part.start)
        return raw, replace(part, start=0, end=len(raw))


def _own_parts(part: Part) -> Iterator[Part]:
    """The leaves of a message; one that is attached to it is a leaf too."""
    if part.content_type.startswith("multipart/"):
        for child in part.children:
            yield from _own_parts(child)
    else:
        yield part


def _is_file(part: Part) -> bool:
    return part.is_attachment or part.content_type == "message/rfc822"


def _plain(text: str) -> Sanitized:
    if len(text) > SHOWN_CHARACTERS:
        text = text[:SHOWN_CHARACTERS] + "\n\n[The message is longer than can be shown. The rest is in its source.]"
    return Sanitized(text_to_html(text), 0)


def _source(raw: bytes) -> Sanitized:
    return _plain(f"[This message cannot be read as text; its source follows.]\n\n{raw.decode('utf-8', 'replace')}")
