"""Queries a second of our DNS service beside NSD, with dnsperf as load: one process each, one run.

    .venv/bin/python bench/dns.py [seconds]

Needs dnsperf and nsd (apt install dnsperf nsd). Prints; asserts nothing.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Run as a script, this folder comes first on the path, and "import dns" would find this file.
sys.path[0] = str(ROOT)

from twisted.internet import reactor  # noqa: E402

from mailsuite.dns.builder import compile_table  # noqa: E402
from mailsuite.dns.records import MailHost, mail_domain_zone  # noqa: E402
from mailsuite.model.account import DkimKey, Domain  # noqa: E402
from mailsuite.model.zone import Zone  # noqa: E402
from mailsuite.net.dns_server import DnsServer  # noqa: E402
from mailsuite.testing.nsd import Nsd, free_port  # noqa: E402

ZONES = 100
KEY = DkimKey("s1", "rsa", "", "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A" + "x" * 360)


def zones() -> list[Zone]:
    """Mail domains d0.example to d99.example."""
    return [
        mail_domain_zone(Domain(f"d{n}.example", 0, (KEY,)), MailHost(f"mail.d{n}.example", ("192.0.2.25",)), serial=1)
        for n in range(ZONES)
    ]


def loads() -> dict[str, list[str]]:
    """Questions for dnsperf, by the name of the load."""
    rng = random.Random(1)
    domains = [f"d{n}.example" for n in range(ZONES)]
    own = [f"{d} MX" for d in domains] + [f"mail.{d} A" for d in domains] + [f"{d} TXT" for d in domains]
    return {
        "hit": own,
        "NXDOMAIN": [f"no.{d} A" for d in domains],
        "random": [f"{rng.getrandbits(64):x}.{rng.choice(domains)} A" for _ in range(200_000)],
        "refused": [f"{rng.getrandbits(64):x}.elsewhere.test A" for _ in range(50_000)],
    }


@contextmanager
def ours() -> Iterator[int]:
    """Our service in a process of its own; its port."""
    port = free_port()
    process = subprocess.Popen([sys.executable, __file__, "serve", str(port)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield port
    finally:
        process.terminate()
        process.wait()


def serve(port: int) -> None:
    """Be that process."""
    DnsServer(reactor, [("127.0.0.1", port)], table=compile_table(zones())).startService()
    print("ready", flush=True)
    reactor.run()


def dnsperf(port: int, questions: Path, seconds: int, *options: str) -> float:
    """Queries a second."""
    command = [
        "dnsperf",
        "-s",
        "127.0.0.1",
        "-p",
        str(port),
        "-d",
        str(questions),
        "-l",
        str(seconds),
        "-c",
        "4",
        *options,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r"Queries per second:\s+([\d.]+)", done.stdout)
    assert found is not None, done.stdout
    return float(found[1])


def main(seconds: int) -> None:
    """Run all loads against both and print a table."""
    with tempfile.TemporaryDirectory() as folder, ours() as port:
        nsd = Nsd(zones(), Path(folder))
        try:
            print(f"{'load':16}{'ours q/s':>12}{'NSD q/s':>12}{'ratio':>8}")
            for name, questions in loads().items():
                path = Path(folder, name)
                path.write_text("\n".join(questions) + "\n")
                for title, options in ((name, ()), (f"{name}, TCP", ("-m", "tcp"))):
                    if options and name != "hit":
                        continue
                    rates = [dnsperf(at, path, seconds, *options) for at in (port, nsd.port)]
                    print(f"{title:16}{rates[0]:>12,.0f}{rates[1]:>12,.0f}{rates[0] / rates[1]:>8.2f}", flush=True)
        finally:
            nsd.stop()


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(int(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
