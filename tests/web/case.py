"""A test case with a webmail behind it."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from tests.web.house import ALICE, House


class WebCase(TestCase):
    """``self.house`` runs; ``self.alice`` is signed in."""

    async def begin(self) -> None:
        """Start the house."""
        self.house = House(reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.house.stop()))
        await self.house.start()
        self.alice = await self.house.visitor(ALICE)

    def setUp(self) -> Any:
        return Deferred.fromCoroutine(self.begin())
