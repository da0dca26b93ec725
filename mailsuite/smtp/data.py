"""The content of a message on the wire: DATA with its dots, BDAT chunks, and what is refused of it.

RFC 5321 sections 4.1.1.4, 4.5.2 and 4.5.3.1; RFC 3030 (BDAT); RFC 5322 section 2.1 (line ends).
"""

from __future__ import annotations

from mailsuite.model.errors import Refusal
from mailsuite.model.status import Status
from mailsuite.smtp.limits import Limits

_END = b"\r\n.\r\n"


class ContentSink:
    """Gathers one message's content, whichever command brings it, and judges it when it is complete.

    What is over a limit is counted but not kept, so that memory stays within ``limits.size``. The verdict does
    not depend on how the content was cut into blocks. ``normalise``: a bare CR or LF becomes CRLF, else it is
    refused (a receiver that takes it for a line end invites SMTP smuggling).
    """

    def __init__(self, limits: Limits, normalise: bool = False) -> None:
        self._limits = limits
        self._normalise = normalise
        self._content = bytearray()
        self._held_cr = False
        self._open_line = 0
        self._long_line = False
        self._bare = False
        self.size = 0

    @property
    def too_large(self) -> bool:
        """Is the size limit passed?"""
        return self.size > self._limits.size

    def write(self, block: bytes | bytearray) -> None:
        """Take the next octets, already unstuffed."""
        self.size += len(block)
        if self.too_large:
            self._content.clear()
            return
        self._measure(block)
        if self._held_cr:
            block = b"\r" + block
        # A CR at the end is held back until its LF can be there, so that the counts see whole line ends.
        self._held_cr = block.endswith(b"\r")
        if self._held_cr:
            block = block[:-1]
        ends = block.count(b"\r\n")
        if block.count(b"\n") != ends or block.count(b"\r") != ends:
            self._bare = True
        if self._long_line or (self._bare and not self._normalise):
            self._content.clear()
        else:
            self._content += block

    def close(self) -> bytes:
        """The content, ending in CRLF. Raises the Refusal that it deserves."""
        if self._held_cr:
            self._bare = True
            self._content += b"\r"
        limits = self._limits
        if self.too_large:
            raise Refusal(552, "5.3.4", f"a message has at most {limits.size} octets here")
        if self._long_line:
            raise Refusal(554, "5.6.0", f"a line of a message has at most {limits.text_line} octets here")
        if self._bare:
            if not self._normalise:
                raise Refusal(550, "5.6.11", "the message has a CR or LF that is not part of a CRLF")
            self._content = self._content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
        if self._content and not self._content.endswith(b"\r\n"):
            self._content += b"\r\n"
        _check_header(self._content, limits)
        return bytes(self._content)

    def _measure(self, block: bytes | bytearray) -> None:
        # Jump from LF to LF in steps as long as a line may be, not line by line.
        longest = self._limits.text_line + 2
        start = -self._open_line
        while len(block) - start > longest:
            end = block.rfind(b"\n", max(start, 0), max(start + longest, 0))
            if end < 0:
                self._long_line = True
                break
            start = end + 1
        last = block.rfind(b"\n")
        self._open_line = len(block) - last - 1 if last >= 0 else self._open_line + len(block)


def _check_header(content: bytearray, limits: Limits) -> None:
    if content.startswith(b"\r\n"):
        return
    end = content.find(b"\r\n\r\n", 0, limits.header + 4)
    if end < 0:
        if len(content) > limits.header:
            raise Refusal(552, "5.3.4", f"a header section has at most {limits.header} octets here")
        end = len(content) - 2
    header = content[:end]
    fields = 1 + header.count(b"\r\n") - header.count(b"\r\n ") - header.count(b"\r\n\t")
    if fields > limits.fields:
        raise Refusal(554, "5.6.0", f"a header section has at most {limits.fields} fields here")
    # Only a header with that many fields can be a loop: most are spared the copy in lower case.
    if fields > limits.received:
        header = header.lower()
        if header.count(b"\r\nreceived:") + header.startswith(b"received:") > limits.received:
            raise Refusal(554, "5.4.6", f"mail loop: more than {limits.received} Received fields")


class DotReader:
    """Takes a DATA stream out of a buffer in blocks: only CRLF.CRLF ends it, one leading dot of a line is dropped."""

    def __init__(self, sink: ContentSink) -> None:
        self._sink = sink
        self._line_begins = True

    def feed(self, buffer: bytearray) -> bool:
        """Consume what belongs to the content; True when its end was consumed too, else at most 2 octets are left."""
        if self._line_begins and buffer[:1] == b".":
            if buffer[:3] == b".\r\n":
                del buffer[:3]
                return True
            if len(buffer) == 1 or buffer[1:] == b"\r":
                return False
            del buffer[:1]
            self._line_begins = False
        end = buffer.find(_END)
        if end >= 0:
            self._take(buffer, end + 2)
            del buffer[:3]
            return True
        # The end may be under way: ".", ".\r" behind a line end and a lone CR wait for what follows.
        for tail in (b"\r\n.\r", b"\r\n.", b"\r"):
            if buffer.endswith(tail):
                self._take(buffer, len(buffer) - len(tail.removeprefix(b"\r\n")))
                return False
        self._take(buffer, len(buffer))
        return False

    def _take(self, buffer: bytearray, count: int) -> None:
        if not count:
            return
        block = buffer[:count]
        del buffer[:count]
        self._line_begins = block.endswith(b"\r\n")
        if b"\r\n." in block:
            block = block.replace(b"\r\n.", b"\r\n")
        self._sink.write(block)


class ChunkReader:
    """Takes a BDAT chunk of ``size`` octets out of a buffer; ``last``: it completes the message.

    Without a ``sink`` the chunk is skipped; ``refusal`` is then the reply to it.
    """

    def __init__(self, size: int, last: bool) -> None:
        self._left = size
        self.last = last
        self.sink: ContentSink | None = None
        self.refusal: Status | None = None

    def feed(self, buffer: bytearray) -> bool:
        """Consume what belongs to the chunk; True when it is complete."""
        take = min(self._left, len(buffer))
        if take and self.sink is not None:
            self.sink.write(buffer[:take])
        del buffer[:take]
        self._left -= take
        return not self._left


class DotWriter:
    """Content as DATA sends it: a dot is put before each line that begins with one, across all chunk borders."""

    def __init__(self) -> None:
        self._tail = b"\r\n"

    def write(self, chunk: bytes) -> bytes:
        """The next octets for the wire. The lines of the content end in CRLF, nothing else is a line end."""
        if not chunk:
            return b""
        # The tail of what went before makes a line end that is cut in two visible.
        joined = self._tail + chunk
        stuffed = joined.replace(b"\r\n.", b"\r\n..")
        skip = len(self._tail)
        self._tail = joined[-2:]
        return stuffed[skip:]

    def finish(self) -> bytes:
        """The final dot, on a line of its own."""
        return b".\r\n" if self._tail == b"\r\n" else _END
