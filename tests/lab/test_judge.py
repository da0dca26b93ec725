"""Three judge the same mail: a host of other people's programs, opendkim's test mode, and our own verifier."""

from __future__ import annotations

import smtplib
import time
from collections.abc import Mapping

import pytest
from twisted.internet.defer import Deferred

from mailsuite.mailauth.verdict import authenticate
from mailsuite.model.verdict import Verdict
from mailsuite.testing.fake_resolver import FakeResolver
from mailsuite.testing.mailauth_opendkim import judge_with_opendkim
from mailsuite.testing.temporary import temporary_directory
from tests.flows.demo import until
from tests.lab.judge import Judge, Judgement
from tests.lab.judged_messages import HELO, SENDER, Sample, records, samples, texts
from tests.lab.netns import Lab
from tests.lab.root import RootCase

pytestmark = [pytest.mark.slow, pytest.mark.peers]

_L = "l= leaves room for what was never signed: we do not count it (RFC 6376 section 8.2), opendkim does"
_KEY = (
    "a key that is revoked or missing is permerror (RFC 6376 section 6.1.2, RFC 8601 section 2.7.1); opendkim says fail"
)
_FROM = "without From opendkim's test mode stops before the signature, which we check all the same; both hosts refuse"
_HELO = "where the sender's domain has no record policyd-spf reports the result of HELO, which we do not check then"
_TRIAL = "t=y of RFC 9989 lets reject be quarantine; opendmarc knows RFC 7489 and refuses"
_PCT = "RFC 9989 took pct= away: reject is reject; opendmarc lets the share pass"
_NP = "np= of RFC 9989 is for names that do not exist; opendmarc knows only p and sp"
_PSD = "psd=y of RFC 9989 ends the organisation below it: its subdomains are strangers; opendmarc trusts a suffix list"
_AUTHORS = "we judge each author domain by itself; opendmarc does not judge such a message, and says nothing"

DIFFERENCES: Mapping[tuple[str, str], tuple[str, str, str]] = {
    ("l=", "opendkim -t"): ("pass", "policy", _L),
    ("l=", "dkim"): ("pass", "policy", _L),
    ("l= and more", "opendkim -t"): ("pass", "policy", _L),
    ("l= and more", "dkim"): ("pass", "policy", _L),
    ("revoked key", "opendkim -t"): ("fail", "permerror", _KEY),
    ("revoked key", "dkim"): ("fail", "permerror", _KEY),
    ("no such key", "opendkim -t"): ("fail", "permerror", _KEY),
    ("no such key", "dkim"): ("fail", "permerror", _KEY),
    ("no From", "opendkim -t"): ("permerror", "fail", _FROM),
    ("two authors", "dmarc"): ("", "none pass", _AUTHORS),
    ("unsigned, no SPF, soft.example", "spf"): ("pass", "none", _HELO),
    ("unsigned, no SPF, plain.example", "spf"): ("pass", "none", _HELO),
    ("two.bank.example signed by one.bank.example", "dmarc"): ("pass", "fail", _PSD),
    ("trial.example signed by esp.example", "reply"): ("550", "250", _TRIAL),
    ("some.example signed by esp.example", "reply"): ("250", "550", _PCT),
    ("ghost.ghosts.example signed by esp.example", "reply"): ("250", "550", _NP),
}
"""What of a message is judged otherwise, and why that is right: theirs, ours, the reason."""


class JudgeTests(RootCase):
    """Mail from alpha's address to a judging host at beta's."""

    lab: Lab
    judge: Judge
    maxDiff = None

    @classmethod
    def setUpClass(cls) -> None:
        """Build the network and start the host."""
        cls.lab = Lab()
        cls.judge = Judge(cls.lab.beta, "beta.example", records())
        cls.lab.up()
        try:
            cls.judge.start()
        except BaseException:
            cls.lab.down()
            raise

    @classmethod
    def tearDownClass(cls) -> None:
        """Stop it and take the network away."""
        cls.judge.stop()
        cls.lab.down()

    def theirs(self, given: list[Sample]) -> list[Judgement]:
        """What the host says of each: it wrote it into what it took; the rest it refused."""
        refused: dict[int, Judgement] = {}
        with self.lab.alpha.inside():
            session = smtplib.SMTP(self.lab.beta.address, 25, HELO, timeout=60)
        with session:
            for number, sample in enumerate(given):
                try:
                    session.sendmail(sample.sender, [f"n{number}@beta.example"], sample.content)
                except smtplib.SMTPDataError as error:
                    refused[number] = Judgement(str(error.smtp_code))
        taken = len(given) - len(refused)
        until(lambda: len(self.judge.judged()) >= taken, f"{taken} messages in the mailbox")
        judged = self.judge.judged()
        return [refused.get(number) or judged[f"n{number}"] for number in range(len(given))]

    def ours(self, given: list[Sample]) -> list[Verdict]:
        """What our verifier says, with the same DNS."""
        resolver = FakeResolver()
        for name, kind, data in records():
            resolver.add(name, kind, [texts()[name.rstrip(".")] if kind == "TXT" else data])
        return [
            self.successResultOf(
                Deferred.fromCoroutine(
                    authenticate(
                        sample.content,
                        ip=SENDER,
                        helo=HELO,
                        mail_from=sample.sender,
                        hostname=self.judge.name,
                        lookup=resolver.lookup,
                        now=int(time.time() * 1000),
                    )
                )
            )
            for sample in given
        ]

    def test_fifty_messages(self) -> None:
        """They agree on SPF, on each signature, on DMARC and on what is refused, but for what is listed."""
        given = samples()
        self.assertGreaterEqual(len(given), 50)
        keys = {name: text for name, text in texts().items() if "._domainkey." in name}
        tested = judge_with_opendkim(temporary_directory(self), keys, [sample.content for sample in given])
        found: dict[tuple[str, str], tuple[str, str]] = {}
        seen: dict[str, set[str]] = {}
        for sample, host, test, verdict in zip(given, self.theirs(given), tested, self.ours(given), strict=True):
            dkim = " ".join(one.result for one in verdict.dkim) or "none"
            compared = {
                "opendkim -t": (" ".join(test) or "none", dkim),
                "reply": (host.reply, str(verdict.status.code) if verdict.status else "250"),
            }
            if host.reply == "250":
                compared |= {
                    "spf": (host.spf, verdict.spf.result),
                    "dkim": (" ".join(host.dkim), dkim),
                    "dmarc": (host.dmarc, " ".join(one.result for one in verdict.dmarc)),
                }
            for what, (theirs, ours) in compared.items():
                seen.setdefault(what, set()).update(theirs.split())
                if theirs != ours:
                    found[sample.kind, what] = (theirs, ours)
        self.assertEqual(found, {where: (theirs, ours) for where, (theirs, ours, _) in DIFFERENCES.items()})
        # The host did judge: each kind of result was among them.
        self.assertEqual(seen["reply"], {"250", "550"})
        self.assertEqual(seen["dmarc"], {"none", "pass", "fail"})
        self.assertEqual(seen["dkim"], {"none", "pass", "fail"})
        self.assertEqual(seen["spf"], {"pass", "fail", "softfail", "permerror"})
