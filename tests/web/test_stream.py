"""The event stream: what is said, when, and how it ends."""

from __future__ import annotations

import json
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.test.requesthelper import DummyRequest

from mailsuite.model.account import Account, Session
from mailsuite.model.event import Bye, Changed, Toast
from mailsuite.testing.fake_events import FakeEvents
from mailsuite.web.session import Visitor
from mailsuite.web.stream import LIFETIME, Coalescer, Streams

VISITOR = Visitor(Account("a1", "alice@alpha.example", "Alice", "", 0), Session("hash-1", "a1", 0, 0, "", ""))


class CoalescerTests(SynchronousTestCase):
    """A busy folder is told of four times a second at most."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.told: list[tuple[float, str, int]] = []
        self.coalescer = Coalescer(self.clock, 0.25, lambda f, s: self.told.append((self.clock.seconds(), f, s)))

    def test_first_at_once_rest_together(self) -> None:
        """The first change waits for nothing; those of the next 250 ms come as one, with the highest seq."""
        for seq in (5, 6, 8, 7):
            self.coalescer.offer("inbox", seq)
        self.clock.advance(0.24)
        self.assertEqual(self.told, [(0.0, "inbox", 5)])
        self.clock.advance(0.01)
        self.assertEqual(self.told, [(0.0, "inbox", 5), (0.25, "inbox", 8)])

    def test_quiet_again(self) -> None:
        """After an interval without news the next change is told at once again."""
        self.coalescer.offer("inbox", 1)
        self.clock.advance(0.25)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(1)
        self.coalescer.offer("inbox", 2)
        self.assertEqual(self.told, [(0.0, "inbox", 1), (1.25, "inbox", 2)])

    def test_folders_apart(self) -> None:
        """One busy folder does not hold another up."""
        self.coalescer.offer("inbox", 1)
        self.coalescer.offer("sent", 2)
        self.assertEqual([t[1] for t in self.told], ["inbox", "sent"])

    def test_long_burst(self) -> None:
        """Under steady load there is one event in each interval, and the last seq is told."""
        for seq in range(100):
            self.coalescer.offer("inbox", seq)
            self.clock.advance(0.01)
        self.clock.advance(0.25)
        self.assertLessEqual(len(self.told), 6)
        self.assertEqual(self.told[-1][2], 99)


class StreamsTests(SynchronousTestCase):
    """Streams over an event bus."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.bus = FakeEvents()
        self.streams = Streams(self.bus, self.clock)
        self.request = cast(Any, DummyRequest([b"events"]))
        self.done = Deferred.fromCoroutine(self.streams.serve(self.request, VISITOR))
        self.began = self.heard()
        self.request.written.clear()
        self.clock.advance(0.25)

    def tearDown(self) -> None:
        self.streams.end()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def heard(self) -> list[tuple[str, object]]:
        """Events as a browser reads them."""
        events = b"".join(self.request.written).decode().split("\n\n")[:-1]
        pairs = [dict(line.split(": ", 1) for line in event.split("\n")) for event in events if event != ":"]
        return [(pair["event"], json.loads(pair["data"])) for pair in pairs if "event" in pair]

    def publish(self, *events: Changed | Toast | Bye) -> None:
        for event in events:
            self.successResultOf(Deferred.fromCoroutine(self.bus.publish(event)))

    def test_begins(self) -> None:
        """Media type, no buffering by proxies; at once the page is told to look for what came before the stream."""
        self.assertEqual(self.began, [("changed", {"folder": "", "seq": 0})])
        get = self.request.responseHeaders.getRawHeaders
        self.assertEqual(get(b"content-type"), [b"text/event-stream; charset=utf-8"])
        self.assertEqual(get(b"x-accel-buffering"), [b"no"])

    def test_changed_carries_folder_and_seq_only(self) -> None:
        """Nothing of the mail is in an event."""
        self.publish(Changed("a1", "inbox", 8123))
        self.assertEqual(self.heard(), [("changed", {"folder": "inbox", "seq": 8123})])

    def test_other_accounts(self) -> None:
        """News of another account are not told."""
        self.publish(Changed("a2", "inbox", 1), Toast("a2", "x"))
        self.assertEqual(self.heard(), [])

    def test_lost_events(self) -> None:
        """When the bus may have lost events, the page is told to look."""
        self.bus.lose()
        self.assertEqual(self.heard(), [("changed", {"folder": "", "seq": 0})])

    def test_toast(self) -> None:
        """A toast is one line, whatever its text holds."""
        self.publish(Toast("a1", "Not delivered:\n\nevent: bye", "c1"))
        self.assertEqual(self.heard(), [("toast", {"text": "Not delivered:\n\nevent: bye", "conversation": "c1"})])

    def test_ping(self) -> None:
        """A comment every fifteen seconds."""
        self.clock.pump([14.9, 0.2, 14.9, 0.2])
        self.assertEqual(self.request.written.count(b":\n\n"), 2)

    def test_bye_of_this_session(self) -> None:
        """The end of the session is told and ends the stream."""
        self.publish(Bye("a1", "hash-1"))
        self.assertEqual(self.heard(), [("bye", {})])
        self.assertEqual(self.successResultOf(self.done), b"")

    def test_bye_of_another_session(self) -> None:
        """The end of another login of the same person is not."""
        self.publish(Bye("a1", "hash-2"))
        self.assertEqual(self.heard(), [])
        self.assertNoResult(self.done)

    def test_browser_goes(self) -> None:
        """A closed connection ends the subscription and, as the last one, the pings."""
        self.request.processingFailed(Failure(ConnectionLost()))
        self.successResultOf(self.done)
        self.publish(Changed("a1", "inbox", 1))
        self.assertEqual(self.heard(), [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_lifetime(self) -> None:
        """A stream ends after half an hour, so that its session is looked at again."""
        self.clock.pump([15.0] * int(LIFETIME // 15 - 1))
        self.assertNoResult(self.done)
        self.clock.advance(15)
        self.successResultOf(self.done)

    def test_end(self) -> None:
        """When the daemon stops, all streams end, and new ones at once."""
        self.streams.end()
        self.successResultOf(self.done)
        request = cast(Any, DummyRequest([b"events"]))
        again = Deferred.fromCoroutine(self.streams.serve(request, VISITOR))
        self.successResultOf(again)
