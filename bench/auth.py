"""CPU of SPF, DKIM and DMARC for one message of 5 kB with all DNS answers at hand, and of our signatures.

.venv/bin/python bench/auth.py [messages]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

# Run as a script, this folder comes first on the path, and "import dns" would find dns.py here.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from twisted.internet.defer import Deferred  # noqa: E402

from mailsuite.mailauth.sign import Signer  # noqa: E402
from mailsuite.mailauth.verdict import authenticate  # noqa: E402
from mailsuite.model.verdict import Verdict  # noqa: E402
from mailsuite.testing.fake_resolver import FakeResolver  # noqa: E402
from tests.mailauth.support import DOMAIN, MESSAGE, NOW, ed25519_key, publish, rsa_key  # noqa: E402

SIZE = 5000
LINE = b"All work and no play makes Jack a dull boy.\r\n"
TARGET = 2.0
"""Milliseconds of CPU for a message."""


def measured(work: Callable[[], object], count: int) -> float:
    """Milliseconds of CPU for one call."""
    work()
    began = time.process_time()
    for _ in range(count):
        work()
    return (time.process_time() - began) / count * 1000


def judge(resolver: FakeResolver, content: bytes) -> Verdict:
    """The verdict; every answer is at hand, so the coroutine ends at once."""
    task = authenticate(
        content,
        ip="192.0.2.1",
        helo="mx.alpha.example",
        mail_from=f"ann@{DOMAIN}",
        hostname="mx.beta.example",
        lookup=resolver.lookup,
        now=NOW * 1000,
    )
    found: list[Verdict] = []
    Deferred.fromCoroutine(task).addCallback(found.append)
    return found[0]


def main() -> None:
    """Print a line for each case."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    resolver = FakeResolver()
    publish(resolver, rsa_key(), ed25519_key())
    resolver.add(DOMAIN, "TXT", ["v=spf1 include:spf.alpha.example mx -all"])
    resolver.add(f"spf.{DOMAIN}", "TXT", ["v=spf1 ip4:192.0.2.0/24 ~all"])
    resolver.add(f"_dmarc.{DOMAIN}", "TXT", ["v=DMARC1; p=reject"])
    content = MESSAGE + LINE * ((SIZE - len(MESSAGE)) // len(LINE))
    print(f"{'messages of 5 kB':<32} {'ms CPU':>7} {'target':>7}")
    for name, keys in (("rsa", [rsa_key()]), ("rsa and ed25519", [rsa_key(), ed25519_key()])):
        signer = Signer(DOMAIN, keys)
        message = signer.sign(content, NOW) + content
        assert judge(resolver, message).authentic
        cases: dict[str, Callable[[], object]] = {
            f"SPF, DKIM ({name}), DMARC": partial(judge, resolver, message),
            f"sign ({name})": partial(signer.sign, content, NOW),
        }
        for what, work in cases.items():
            print(f"{what:<32} {measured(work, count):7.2f} {TARGET:7.1f}")


if __name__ == "__main__":
    main()
