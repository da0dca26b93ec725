"""DKIM signatures of our domains on what leaves (RFC 6376 section 5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from twisted.internet.defer import DeferredLock

from mailsuite.interfaces.directory import IAccountDirectory
from mailsuite.interfaces.threads import InThread
from mailsuite.mailauth.author import author_of
from mailsuite.mailauth.fields import read_header
from mailsuite.mailauth.sign import Signer, keys_in_use
from mailsuite.model.account import DkimKey

FRESH = 3000
"""How long (ms) what the directory said of a domain counts."""

INLINE = 256 * 1024
"""Messages up to this size (octets) are signed where they are."""

_MOST = 1000


@dataclass(frozen=True, slots=True)
class _Known:
    """``signer`` None: the domain is not ours, or has no keys."""

    until: int
    keys: tuple[DkimKey, ...]
    signer: Signer | None


class Signing:
    """Signs with all algorithms of the author's domain when it is hosted here.

    What this host itself writes (From in ``hostname``) is signed by the hosted domain that the host is in. ``ttl`` (ms)
    is that of DNS records: a new key signs when it is older, for until then its absence may be remembered.
    """

    def __init__(
        self, directory: IAccountDirectory, hostname: str, ttl: int, thread: InThread, clock: Callable[[], int]
    ) -> None:
        self._directory = directory
        self._hostname = hostname
        self._ttl = ttl
        self._in_thread = thread
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._lock = DeferredLock()

    async def sign(self, content: bytes) -> bytes:
        """The message with the signatures on top; as it is when it is not from a domain of ours.

        Raises StoreUnavailable.
        """
        for domain in self._candidates(content):
            signer = await self._signer(domain)
            if signer is not None:
                now = self._clock() // 1000
                if len(content) <= INLINE:
                    return signer.sign(content, now) + content
                return await self._in_thread(lambda: signer.sign(content, now)) + content  # noqa: B023
        return content

    def _candidates(self, content: bytes) -> Iterator[str]:
        domains = author_of(read_header(content)).domains
        yield from domains
        if self._hostname in domains:
            labels = self._hostname.split(".")
            yield from (".".join(labels[n:]) for n in range(1, len(labels) - 1))

    async def _signer(self, domain: str) -> Signer | None:
        known = self._known.get(domain)
        if known is not None and self._clock() < known.until:
            return known.signer
        await self._lock.acquire()  # to make a signer costs more than to sign: once is enough
        try:
            known = self._known.get(domain)
            if known is not None and self._clock() < known.until:
                return known.signer
            found = await self._directory.domain(domain)
            now = self._clock()
            keys = keys_in_use(found.keys, now, self._ttl) if found else ()
            if known is not None and known.keys == keys:
                signer = known.signer
            else:
                signer = await self._in_thread(lambda: Signer(domain, keys)) if keys else None
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[domain] = _Known(now + FRESH, keys, signer)
            return signer
        finally:
            self._lock.release()
