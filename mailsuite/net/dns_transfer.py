"""Zones for the secondary servers: transfers over TCP, and NOTIFY when something has changed.

RFC 5936, RFC 1996, RFC 8945.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore, TimeoutError
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger

from mailsuite.dns.notify import Notice, changed
from mailsuite.dns.transfer import Refused, Secondary, Transfers, is_signed, is_transfer, messages
from mailsuite.model.zone import Zone
from mailsuite.runtime.threads import Threads

TRIES = (3.0, 6.0, 12.0, 24.0)
"""Seconds to wait for the answer to each NOTIFY (RFC 1996 section 3.6: again, ever more slowly)."""
AT_ONCE = 20
"""NOTIFYs under way to one server: one that is down must not hold up the others."""

FindZone = Callable[[str], Awaitable[Zone | None]]
"""The zone with this origin as it is served now."""


class _Sender(DatagramProtocol):
    """Sends NOTIFYs and waits for their answers."""

    transport: Any

    def __init__(self) -> None:
        self.waiting: dict[tuple[int, str], tuple[Notice, Deferred[str]]] = {}

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        key = int.from_bytes(datagram[:2], "big"), addr[0]
        if key not in self.waiting:
            return
        notice, answer = self.waiting[key]
        said = notice.judge(datagram)
        if said is not None:
            del self.waiting[key]
            answer.callback(said)


class ZoneTransfers(Service):
    """Gives zones to ``secondaries`` and tells them of changes."""

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        threads: Threads,
        zone: FindZone,
        secondaries: Sequence[Secondary],
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._reactor = reactor
        self._threads = threads
        self._zone = zone
        self._secondaries = tuple(secondaries)
        self._transfers = Transfers(secondaries)
        self._random = random
        self._serials: Mapping[str, int] = {}
        self._senders: dict[bool, _Sender] = {}
        self._turns = {secondary: DeferredSemaphore(AT_ONCE) for secondary in secondaries}
        self._telling: set[Deferred[None]] = set()

    def startService(self) -> None:
        """Tell of all zones: who knows what has changed while nobody could tell."""
        super().startService()
        serials, self._serials = self._serials, {}
        self.serve(serials)

    def wants(self, message: bytes, host: str) -> bool:
        """Is it a query for a whole zone from one who may have it?"""
        return self._transfers.knows(host) and is_transfer(message)

    def signed(self, message: bytes, response: bytes, host: str) -> bytes:
        """Our response, signed when it is for a secondary that signed its query."""
        if not is_signed(message) or not self._transfers.knows(host):
            return response
        try:
            return self._transfers.sign(message, response, host)
        except Refused as refused:
            self.log.warn("query of {secondary} refused: {reason}", secondary=host, reason=str(refused))
            return refused.response

    async def give(self, message: bytes, host: str) -> list[bytes]:
        """The messages of the transfer, or the one that refuses it."""
        try:
            query, origin = self._transfers.accept(message, host)
            zone = await self._zone(origin)
            if zone is None:
                raise self._transfers.refuse(query, f"{origin} is not served here")
        except Refused as refused:
            self.log.warn("transfer to {secondary} refused: {reason}", secondary=host, reason=str(refused))
            return [refused.response]
        made: list[bytes] = await self._threads.run(lambda: list(messages(query, zone)))
        self.log.info("zone {origin} given to {secondary}", origin=origin, secondary=host, messages=len(made))
        return made

    def serve(self, serials: Mapping[str, int]) -> None:
        """These zones are served now: tell the secondaries of those whose serial is new."""
        news = changed(self._serials, serials)
        self._serials = dict(serials)
        if not self.running:
            return
        for origin in news:
            for secondary in self._secondaries:
                telling = Deferred.fromCoroutine(self._tell(origin, secondary, serials[origin]))
                self._telling.add(telling)
                telling.addErrback(lambda failure: failure.trap(CancelledError))
                telling.addBoth(lambda _, done: self._telling.discard(done), telling)

    async def _tell(self, origin: str, secondary: Secondary, serial: int) -> None:
        turn: Deferred[DeferredSemaphore] = self._turns[secondary].acquire()
        await turn
        host = secondary.server[0]
        try:
            for patience in TRIES:
                if self._serials.get(origin) != serial or not self.running:
                    return  # a newer word is on its way
                said = await self._once(origin, secondary, patience)
                if said:
                    self.log.warn(
                        "{secondary} refuses NOTIFY for {origin}: {said}", secondary=host, origin=origin, said=said
                    )
                if said is not None:
                    return
            self.log.warn("{secondary} does not answer NOTIFY for {origin}", secondary=host, origin=origin)
        finally:
            self._turns[secondary].release()

    async def _once(self, origin: str, secondary: Secondary, patience: float) -> str | None:
        """What the secondary says, as Notice.judge has it; None when it says nothing."""
        host = secondary.server[0]
        six = ":" in host
        sender = self._senders.get(six)
        if sender is None:
            sender = self._senders[six] = _Sender()
            self._reactor.listenUDP(0, sender, interface="::" if six else "0.0.0.0")  # noqa: S104 - to send from
        id = int.from_bytes(self._random(2), "big")
        notice, answer = Notice(origin, id, secondary.key), Deferred[str]()
        sender.waiting[id, host] = notice, answer
        try:
            sender.transport.write(notice.wire, secondary.server)
            return await answer.addTimeout(patience, self._reactor)
        except (TimeoutError, OSError):
            return None
        finally:
            sender.waiting.pop((id, host), None)

    def stopService(self) -> Deferred[Any] | None:
        """Tell nobody any more."""
        super().stopService()
        for telling in list(self._telling):
            telling.cancel()
        ends = [sender.transport.stopListening() for sender in self._senders.values()]
        self._senders.clear()

        async def wait() -> None:
            for end in ends:
                if end is not None:
                    await end

        return Deferred.fromCoroutine(wait())
