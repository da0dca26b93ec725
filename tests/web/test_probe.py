"""Who asks, and the probe of port 25 that tries no other."""

from __future__ import annotations

import json

from mailsuite.web.probe import MOST
from tests.web.case import WebCase


class ProbeTests(WebCase):
    """GET /probe/port25 through a proxy on 127.0.0.1."""

    async def asked(self, forwarded: str) -> str:
        """The address that is tried."""
        answer = await self.house.client().get("/probe/port25", X_Forwarded_For=forwarded)
        self.assertEqual((answer.code, answer.header("content-type")), (200, "application/json"))
        address: str = json.loads(answer.text)["address"]
        return address

    async def test_answer(self) -> None:
        """A Reach of whoever asks."""
        answer = await self.house.client().get("/probe/port25?address=198.51.100.9", X_Forwarded_For="203.0.113.4")
        self.assertEqual(
            json.loads(answer.text),
            {
                "address": "203.0.113.4",
                "greeting": "220 mail.alpha.example ESMTP",
                "starttls": True,
                "fault": "",
            },
        )

    async def test_who_asks(self) -> None:
        """The last address that is not our proxy's: what stands before it anybody may have written."""
        self.assertEqual(await self.asked("198.51.100.9, 203.0.113.4"), "203.0.113.4")
        self.assertEqual(await self.asked("203.0.113.4, 127.0.0.9"), "203.0.113.4")
        self.assertEqual(await self.asked("2001:DB8::4"), "2001:db8::4")
        self.assertEqual(await self.asked("203.0.113.4, unknown"), "127.0.0.1")
        self.assertEqual(await self.asked(""), "127.0.0.1")

    async def test_too_often(self) -> None:
        """A network may ask so many times a minute; others are served meanwhile."""
        client = self.house.client()
        for n in range(MOST):
            await self.asked(f"203.0.113.{n}")
        answer = await client.get("/probe/port25", X_Forwarded_For="203.0.113.99")
        self.assertEqual((answer.code, answer.header("retry-after")), (429, "60"))
        await self.asked("192.0.2.1")
        self.house.now += 60_000
        await self.asked("203.0.113.99")

    async def test_off(self) -> None:
        """A host that probes nobody has no such page."""
        self.patch(self.house.probe, "_reach", None)
        answer = await self.house.client().get("/probe/port25")
        self.assertEqual(answer.code, 404)
