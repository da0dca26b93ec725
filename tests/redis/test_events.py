"""Tests of mailsuite.redis.events and subscriber: what the contract cannot see."""

from __future__ import annotations

import json

from twisted.logger import capturedLogs

from mailsuite.model.event import Changed, Event
from mailsuite.redis.events import RedisEvents
from tests.redis.served import ServedCase


class RedisEventsTests(ServedCase):
    """Channels, wire form, and what is not understood."""

    async def until_none(self, heard: list[Event | None]) -> None:
        async def told() -> bool:
            return None in heard

        await self.eventually(told)

    async def test_first_look(self) -> None:
        """A listener is told to look when its subscription takes effect; a second one of the account is not."""
        bus = RedisEvents(self.link)
        first: list[Event | None] = []
        second: list[Event | None] = []
        bus.subscribe("ann", first.append)
        await self.until_none(first)
        bus.subscribe("ann", second.append)
        await bus.publish(Changed("ann", "inbox", 1))
        self.assertEqual([None, Changed("ann", "inbox", 1)], first)
        self.assertEqual([Changed("ann", "inbox", 1)], second)

    async def test_channels(self) -> None:
        """Redis is subscribed to the accounts that are listened to, once each, on one connection, and no longer."""
        bus = RedisEvents(self.link)
        stops = [bus.subscribe(account, lambda event: None) for account in ("ann", "ann", "bob")]

        async def channels() -> bool:
            return set(self.redis.pubsub_channels()) == {"events:ann", "events:bob"}

        await self.eventually(channels)
        self.assertEqual([("events:ann", 1), ("events:bob", 1)], self.redis.pubsub_numsub("events:ann", "events:bob"))
        self.assertEqual(1, sum(client["sub"] == "2" for client in self.redis.client_list()))
        stops[0]()
        stops[2]()

        async def one_left() -> bool:
            return bool(self.redis.pubsub_channels() == ["events:ann"])

        await self.eventually(one_left)
        stops[1]()

        async def none_left() -> bool:
            return not self.redis.pubsub_channels()

        await self.eventually(none_left)

    async def test_wire(self) -> None:
        """What is published is JSON that names the kind and the origin."""
        pubsub = self.redis.pubsub(ignore_subscribe_messages=True)
        self.addCleanup(pubsub.close)
        pubsub.subscribe("events:ann")
        pubsub.get_message(timeout=5)
        await RedisEvents(self.link, bytes).publish(Changed("ann", "inbox", 7))

        async def message() -> str:
            return str((pubsub.get_message() or {}).get("data", ""))

        wire = json.loads(await self.eventually(message))
        event = {"account": "ann", "folder": "inbox", "seq": 7}
        self.assertEqual({"origin": "00" * 8, "kind": "Changed", "event": event}, wire)

    async def test_not_understood(self) -> None:
        """A message of an unknown kind or shape means: look again. It is logged, and the next one is heard."""
        bus = RedisEvents(self.link)
        heard: list[Event | None] = []
        bus.subscribe("ann", heard.append)
        await self.until_none(heard)
        heard.clear()
        with capturedLogs() as logs:
            for message in (
                b"\xff",
                b"[]",
                b'{"origin":"x","kind":"Newer","event":{}}',
                b'{"origin":"x","kind":"Changed","event":{"account":"ann"}}',
                b'{"origin":"x","kind":"Changed","event":{"account":"ann","folder":"inbox","seq":"7"}}',
            ):
                self.redis.publish("events:ann", message)
            self.redis.publish(
                "events:ann", '{"origin":"x","kind":"Changed","event":{"account":"ann","folder":"inbox","seq":7}}'
            )

            async def last() -> bool:
                return heard[-1:] == [Changed("ann", "inbox", 7)]

            await self.eventually(last)
        self.assertEqual([None] * 5, heard[:-1])
        self.assertEqual(5, sum("not understood" in (event.get("log_format") or "") for event in logs))
