"""Lines out of a buffer in bounded memory (RFC 5321 section 4.5.3.1.4)."""

from __future__ import annotations


class LineReader:
    """Takes lines of at most ``limit`` octets with their ends; of a longer one only its end is waited for."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._overlong = False

    def take(self, buffer: bytearray) -> bytes | None:
        """The next line with its LF, b"" for one that was too long and is eaten now, None when none is complete."""
        end = buffer.find(b"\n") + 1
        if not end:
            if len(buffer) > self._limit:
                self._overlong = True
                buffer.clear()
            return None
        line = b"" if self._overlong or end > self._limit else bytes(buffer[:end])
        del buffer[:end]
        self._overlong = False
        return line
