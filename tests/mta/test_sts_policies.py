"""MTA-STS policies over time: found, kept, fetched again (RFC 8461 sections 3.3, 5.1, 10.2)."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.interfaces.policy_fetcher import IPolicyFetcher
from mailsuite.model.errors import StoreUnavailable
from mailsuite.model.sts import StsMode, StsPolicy
from mailsuite.mta.sts_policies import PAUSE, StsPolicies
from mailsuite.testing.builders import NOW
from mailsuite.testing.fake_resolver import FakeResolver
from mailsuite.testing.fake_store import FakeStore
from mailsuite.testing.fake_sts import FakeFetcher

DOMAIN, RECORD = "beta.example", "_mta-sts.beta.example"
DAY = 24 * 3600
ENFORCE = StsPolicy(StsMode.ENFORCE, ("mx.beta.example",), 7 * DAY)


def text(policy: StsPolicy) -> str:
    """The policy as a domain publishes it."""
    lines = ["version: STSv1", f"mode: {policy.mode}", *(f"mx: {mx}" for mx in policy.mx), f"max_age: {policy.max_age}"]
    return "".join(line + "\n" for line in lines)


class _Slow(FakeFetcher):
    """Answers when its gate opens."""

    def __init__(self, texts: dict[str, str]) -> None:
        super().__init__()
        self.texts = texts
        self.gate: Deferred[None] = Deferred()

    async def fetch(self, domain: str) -> str:
        self.asked.append(domain)
        await self.gate
        self.asked.pop()
        return await super().fetch(domain)


class StsPoliciesTests(SynchronousTestCase):
    """A domain with a record and a policy, and a clock."""

    def setUp(self) -> None:
        self.now = NOW
        self.dns = FakeResolver()
        self.store = FakeStore(lambda: self.now)
        self.web = FakeFetcher()
        self.policies = self.restarted(self.web)
        self.announce("1")
        self.web.texts[DOMAIN] = text(ENFORCE)

    def restarted(self, fetcher: IPolicyFetcher) -> StsPolicies:
        """As after a restart: only the store remembers."""
        return StsPolicies(self.dns, self.store.sts, fetcher, lambda: self.now)

    def announce(self, id: str) -> None:
        self.dns.add(RECORD, "TXT", [f"v=STSv1; id={id};"])

    def found(self) -> StsPolicy | None:
        """The domain's policy now."""
        return self.successResultOf(Deferred.fromCoroutine(self.policies.of(DOMAIN)))

    def refresh(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.policies.refresh()))

    def test_fetched_once(self) -> None:
        """A policy is fetched once, over restarts too, as long as the record's id stays."""
        self.assertEqual(ENFORCE, self.found())
        self.policies = self.restarted(self.web)
        self.now += (7 * DAY - 1) * 1000
        self.assertEqual(ENFORCE, self.found())
        self.assertEqual([DOMAIN], self.web.asked)

    def test_no_record(self) -> None:
        """A domain that announces nothing is not asked for a policy."""
        self.dns.add(RECORD, "TXT", ["v=spf1 -all"])
        self.assertIsNone(self.found())
        self.assertEqual([], self.web.asked)

    def test_f059_id_changed(self) -> None:
        """A new id: the new policy, at once; while that cannot be fetched, the old one."""
        self.found()
        testing = StsPolicy(StsMode.TESTING, ("mx2.beta.example",), 60)
        self.announce("2")
        del self.web.texts[DOMAIN]
        self.assertEqual(ENFORCE, self.found())
        self.web.texts[DOMAIN] = text(testing)
        self.now += PAUSE
        self.assertEqual(testing, self.found())

    def test_f059_policy_host_down(self) -> None:
        """Without a cached copy there is no policy; with one it holds until its end, record or no record."""
        del self.web.texts[DOMAIN]
        self.assertIsNone(self.found())
        self.web.texts[DOMAIN] = text(ENFORCE)
        self.now += PAUSE
        self.assertEqual(ENFORCE, self.found())
        del self.web.texts[DOMAIN]
        self.dns.fail(RECORD, "TXT")
        self.now += (7 * DAY - 1) * 1000
        self.assertEqual(ENFORCE, self.found())
        self.dns.heal(RECORD, "TXT")
        self.dns.add(RECORD, "TXT", [])
        self.assertEqual(ENFORCE, self.found())
        self.now += 1000
        self.assertIsNone(self.found())

    def test_pause(self) -> None:
        """What could not be fetched is not asked for with each message, but a new id is."""
        self.web.texts[DOMAIN] = "<html>"
        for _ in range(3):
            self.assertIsNone(self.found())
        self.assertEqual(1, len(self.web.asked))
        self.announce("2")
        self.found()
        self.assertEqual(2, len(self.web.asked))
        self.now += PAUSE
        self.found()
        self.assertEqual(3, len(self.web.asked))

    def test_expired_is_fetched_again(self) -> None:
        """Behind its end a policy counts for nothing, and the same id is fetched anew."""
        self.found()
        self.now += 7 * DAY * 1000
        del self.web.texts[DOMAIN]
        self.assertIsNone(self.found())
        self.assertEqual(2, len(self.web.asked))

    def test_one_fetch_at_a_time(self) -> None:
        """Messages that come together wait for one fetch, whether it ends well or not."""
        for texts, found in (({}, None), (self.web.texts, ENFORCE)):
            self.store = FakeStore(lambda: self.now)
            slow = _Slow(texts)
            self.policies = self.restarted(slow)
            waiting = [Deferred.fromCoroutine(self.policies.of(DOMAIN)) for _ in range(3)]
            self.assertNoResult(waiting[2])
            slow.gate.callback(None)
            self.assertEqual([found] * 3, [self.successResultOf(each) for each in waiting])
            self.assertEqual([DOMAIN], slow.asked)

    def test_refresh(self) -> None:
        """After a day it is fetched again without a message, and lives on from then; a fault changes nothing."""
        self.found()
        self.now += DAY * 1000 - 1
        self.refresh()
        self.assertEqual(1, len(self.web.asked))
        self.now += 1
        self.refresh()
        self.assertEqual(2, len(self.web.asked))
        self.now += DAY * 1000
        del self.web.texts[DOMAIN]
        self.refresh()
        self.now += (6 * DAY - 1) * 1000
        self.assertEqual(ENFORCE, self.found())

    def test_refresh_takes_the_new_id(self) -> None:
        """A policy that was fetched again belongs to the id of that time."""
        self.found()
        self.now += DAY * 1000
        self.announce("2")
        self.refresh()
        self.found()
        self.assertEqual(2, len(self.web.asked))

    def test_refresh_forgets(self) -> None:
        """What has expired is forgotten and not fetched."""
        self.found()
        self.now += 7 * DAY * 1000
        self.refresh()
        self.assertEqual(1, len(self.web.asked))
        self.assertIsNone(self.successResultOf(Deferred.fromCoroutine(self.store.sts.get(DOMAIN))))

    def test_store_down(self) -> None:
        """Without the store nobody knows what binds: the message waits."""
        self.store.fault = "disk full"
        self.failureResultOf(Deferred.fromCoroutine(self.policies.of(DOMAIN)), StoreUnavailable)
