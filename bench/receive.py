"""Port 25 with durable accept beside Postfix's smtpd, both measured in turn in one run, and how they file.

    .venv/bin/python bench/receive.py [messages [rounds [total]]]

mailsuite runs twice: all roles in one process (as on a small machine), and split (mailsuite-mx, -mda and -tend beside
each other, as systemd starts them: like Postfix it then uses both cores). "accept" is the time until the last 250,
"filed" until the last message is in its mailbox or Maildir. 5 kB messages, a new connection for each.

Rows: "plain"; "judged", where SPF, DKIM and DMARC are checked, all of which pass (in front of Postfix: policyd-spf,
opendkim and opendmarc); "TLS", by STARTTLS; "judged, TLS". Load is Postfix's smtp-source, and bench/load/tls.py where
there is TLS, for all peers alike. In "judged" both also look up the client's name and the sender's domain, and ours
counts rates in Redis. At the end ``total`` messages are accepted and filed.

Peers take turns within each of ``rounds``; a rate is the median of the rounds and a ratio the median of the rounds'
ratios, since rates on a shared machine drift. "cpu" is milliseconds of CPU a message, of all processes of the peer.

Needs root, as Postfix does. Everything runs in network and mount namespaces of its own, with NSD as name server.
"""

from __future__ import annotations

import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Run as a script, this folder comes first on the path, and "import dns" would find dns.py here.
sys.path[0] = str(ROOT)

from mailsuite.cli.certificate import self_signed  # noqa: E402
from mailsuite.mailauth.sign import Signer  # noqa: E402
from mailsuite.model.account import DkimKey  # noqa: E402
from mailsuite.model.zone import Record, Zone  # noqa: E402
from mailsuite.testing.nsd import Nsd  # noqa: E402
from tests.flows.store import filed_count  # noqa: E402
from tests.lab.cpu import cpu_of  # noqa: E402
from tests.lab.guarded_postfix import GuardedPostfix  # noqa: E402
from tests.lab.postfix import Postfix  # noqa: E402
from tests.lab.split import ACCOUNT, Split  # noqa: E402
from tests.mailauth.support import record, rsa_key  # noqa: E402

SIZE = 5000
SENDER = "ann@load.example"
STRANGER = "192.0.2.2"
"""Who connects to this address of ours comes from it: a client that nobody exempts."""

CONFIG = """\
[server]
hostname = "mail.alpha.example"
data = "{{data}}"
[mx]
listen = ["127.0.0.1:{{smtp}}", "{stranger}:{{smtp}}"]
max_sessions_per_network = 1000
connections_per_minute = 1000000
messages_per_minute = 1000000
[tls]
certificate = "{certificate}"
key = "{key}"
[msa]
listen = ["127.0.0.1:{{submission}}"]
listen_tls = ["127.0.0.1:{{submissions}}"]
[dns]
listen = ["127.0.0.1:{{dns}}"]
resolver = "127.0.0.1:53"
[web]
listen = ["127.0.0.1:{{web}}"]
public_url = "http://127.0.0.1:{{web}}"
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """A running server: where it listens, whose its mail is, what it has filed, which processes it is."""

    name: str
    port: int
    recipient: str
    filed: Callable[[], int]
    newest: Callable[[], bytes]
    processes: Sequence[int]


@dataclass(frozen=True, slots=True)
class Row:
    """One load."""

    name: str
    connections: int
    judged: bool = False
    tls: bool = False


ROWS = (
    Row("plain", 1),
    Row("plain", 10),
    Row("plain", 50),
    Row("judged", 10, judged=True),
    Row("TLS", 10, tls=True),
    Row("judged, TLS", 10, judged=True, tls=True),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds until the last 250 and until all was filed, and seconds of CPU."""

    accept: float
    filed: float
    cpu: float


def measure(peer: Peer, row: Row, messages: int, message: Path) -> Measured:
    """Send, wait until all is filed."""
    before = peer.filed()
    cpu, began = cpu_of(peer.processes), time.monotonic()
    target = f"{STRANGER if row.judged else '127.0.0.1'}:{peer.port}"
    if row.tls:
        load = [sys.executable, str(ROOT / "bench/load/tls.py"), target, SENDER, peer.recipient]
        load += [str(row.connections), str(messages), str(message)]
    else:
        load = ["smtp-source", "-M", "mx.load.example", "-s", str(row.connections), "-m", str(messages)]
        load += ["-F", str(message)] if row.judged else ["-l", str(SIZE)]
        load += ["-f", SENDER, "-t", peer.recipient, target]
    subprocess.run(load, check=True, stdin=subprocess.DEVNULL)
    accept = time.monotonic() - began
    while peer.filed() < before + messages:
        if time.monotonic() - began > 600:
            raise SystemExit(f"{peer.name} has not filed all within ten minutes")
        time.sleep(0.02)
    return Measured(accept, time.monotonic() - began, cpu_of(peer.processes) - cpu)


def records(key: DkimKey) -> Iterator[Record]:
    """What load.example publishes, and that nothing else exists."""
    soa = "mx.load.example. hostmaster.load.example. 1 3600 600 86400 60"
    for name, kind, data in (
        (".", "SOA", soa),
        (".", "NS", "mx.load.example."),
        ("mx.load.example.", "A", STRANGER),
        ("mx.load.example.", "TXT", '"v=spf1 a -all"'),
        ("2.2.0.192.in-addr.arpa.", "PTR", "mx.load.example."),
        ("load.example.", "MX", "10 mx.load.example."),
        ("load.example.", "TXT", '"v=spf1 mx -all"'),
        ("_dmarc.load.example.", "TXT", '"v=DMARC1; p=reject"'),
        (f"{key.selector}._domainkey.load.example.", "TXT", _strings(record(key))),
    ):
        yield Record(name, kind, 3600, data)


def _strings(text: str) -> str:
    return " ".join(f'"{text[start : start + 200]}"' for start in range(0, len(text), 200))


def write_message(path: Path, key: DkimKey) -> None:
    """A signed message of SIZE octets, each line ended by LF, as smtp-source wants it.

    Its Message-ID is none that counts: with a proper one, again and again the same, all would be one conversation.
    """
    head = f"From: Ann <{SENDER}>\r\nTo: Alice <{ACCOUNT}>\r\nSubject: load\r\nMessage-ID: <load>\r\n"
    head += "Date: Wed, 25 Nov 2026 08:00:00 +0000\r\n\r\n"
    line = "All work and no play makes Jack a dull boy.\r\n"
    content = head.encode() + line.encode() * ((SIZE - 900) // len(line))
    signed = Signer("load.example", [key]).sign(content, int(time.time())) + content
    path.write_bytes(signed.replace(b"\r\n", b"\n"))


@contextmanager
def running(directory: Path, key: DkimKey) -> Iterator[tuple[list[Peer], list[Peer]]]:
    """All peers, started: for clients that are exempt from judgement, and for those that are judged; Postfix last."""
    certificate, secret = directory / "certificate.pem", directory / "key.pem"
    self_signed(certificate, secret, "mail.alpha.example")
    config = CONFIG.format(stranger=STRANGER, certificate=certificate, key=secret)
    settings = (
        f"inet_interfaces = 127.0.0.1, {STRANGER}",
        "smtpd_tls_security_level = may",
        f"smtpd_tls_cert_file = {certificate}",
        f"smtpd_tls_key_file = {secret}",
    )
    with ExitStack() as ending:
        ours: list[Peer] = []
        for name, roles in (("one process", ("all",)), ("split", ("tend", "mx", "mda"))):
            suite = Split(roles, config)
            ending.callback(suite.remove)
            suite.start()
            pids = [daemon.pid for daemon in suite.daemons.values()]
            ours.append(
                Peer(
                    name,
                    suite.port,
                    ACCOUNT,
                    partial(filed_count, suite.data),
                    suite.newest,
                    pids,
                )
            )
        plain = Postfix("remote.example", *settings)
        ending.callback(plain.stop)
        plain.start()
        judge = GuardedPostfix("judged.example", *settings)
        ending.callback(judge.stop)
        judge.start()
        milters = [milter.pid for milter in judge.milters]
        yield [*ours, _postfix(plain, [])], [*ours, _postfix(judge.postfix, milters)]


def _postfix(postfix: Postfix, more: Sequence[int]) -> Peer:
    folder = postfix.directory / "mail/all/new"
    folder.mkdir(parents=True, exist_ok=True)
    for made in (folder, folder.parent):
        os.chown(made, 65534, 65534)
    master = int((postfix.directory / "queue/pid/master.pid").read_text())
    return Peer(
        "Postfix",
        postfix.port,
        f"u@{postfix.domain}",
        lambda: len(os.listdir(folder)),
        lambda: max(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns).read_bytes(),
        [master, *more],
    )


def compare(row: Row, peers: Sequence[Peer], messages: int, rounds: int, message: Path) -> None:
    """Measure a row and print a line for each peer."""
    found: dict[str, list[Measured]] = {peer.name: [] for peer in peers}
    for _ in range(rounds):
        for peer in peers:
            found[peer.name].append(measure(peer, row, messages, message))
    theirs = found[peers[-1].name]
    for peer in peers:
        ours = found[peer.name]
        accept = statistics.median(messages / each.accept for each in ours)
        filed = statistics.median(messages / each.filed for each in ours)
        accept_ratio = statistics.median(t.accept / o.accept for o, t in zip(ours, theirs, strict=True))
        filed_ratio = statistics.median(t.filed / o.filed for o, t in zip(ours, theirs, strict=True))
        cpu = statistics.median(each.cpu for each in ours) / messages * 1000
        print(
            f"{row.name:<12} {row.connections:>5} {peer.name:<12}"
            f" {accept:>9.0f}/s {accept_ratio:>6.2f} {filed:>9.0f}/s {filed_ratio:>6.2f} {cpu:>8.2f} ms",
            flush=True,
        )


def check(peer: Peer, message: Path) -> None:
    """Send one message to be judged, and see that it was: who does not look would seem fast."""
    measure(peer, Row("check", 1, judged=True), 1, message)
    head = peer.newest().lower().replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    if missing := [result for result in (b"spf=pass", b"dkim=pass", b"dmarc=pass") if result not in head]:
        raise SystemExit(f"{peer.name} files without {missing}:\n{head.decode()}")


def main(messages: int, rounds: int, total: int) -> None:
    """Print a table; inside the namespaces."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))  # so that what runs here is ended too
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "address", "add", f"{STRANGER}/32", "dev", "lo"], check=True)
    directory = Path(tempfile.mkdtemp(prefix="bench-", dir="/tmp"))
    directory.chmod(0o755)
    try:
        resolver, message, key = directory / "resolv.conf", directory / "message", rsa_key()
        resolver.write_text("nameserver 127.0.0.1\n")
        subprocess.run(["mount", "--bind", str(resolver), "/etc/resolv.conf"], check=True)
        write_message(message, key)
        zones = directory / "zones"
        zones.mkdir()
        nsd = Nsd([Zone(".", tuple(records(key)))], zones, port=53)
        try:
            with running(directory, key) as (exempt, judged):
                print(
                    f"{messages} messages of {SIZE} octets, {rounds} rounds; ratios are to Postfix, above 1 is faster"
                )
                print(
                    f"{'':<12} {'conns':>5} {'':<12} {'accept':>11} {'ratio':>6} {'filed':>11} {'ratio':>6} {'cpu':>11}"
                )
                for peer in judged:
                    check(peer, message)
                for row in ROWS:
                    compare(row, judged if row.judged else exempt, messages, rounds, message)
                compare(Row(f"{total}", 10), exempt, total, 1, message)
        finally:
            nsd.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    if missing := [*GuardedPostfix.missing(), *(name for name in ("smtp-source", "nsd") if shutil.which(name) is None)]:
        raise SystemExit(f"not installed: {', '.join(missing)}")
    if sys.argv[-1] != "inside":
        os.execvp("unshare", ["unshare", "--net", "--mount", sys.executable, *sys.argv, "inside"])
    given = [int(argument) for argument in sys.argv[1:-1]]
    main(*given, *(2000, 3, 10_000)[len(given) :])
