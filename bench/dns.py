"""Our DNS service beside NSD and Knot: queries a second, CPU a query, memory, loading, reloading.

    .venv/bin/python bench/dns.py [seconds]

Needs dnsperf, nsd and knot (apt install dnsperf nsd knot). One process (NSD: one server, Knot: one worker) each, in one
run, dnsperf on the same machine; CPU is that of the server alone, and says more on a busy machine. Prints; asserts
nothing.
"""

from __future__ import annotations

import gc
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# Run as a script, this folder comes first on the path, and "import dns" would find this file.
sys.path[0] = str(ROOT)

import dns.message  # noqa: E402
import dns.query  # noqa: E402
from twisted.internet import reactor as _reactor  # noqa: E402

from mailsuite.dns.blocklist import Blocklist  # noqa: E402
from mailsuite.dns.builder import TableBuilder, compile_table  # noqa: E402
from mailsuite.dns.records import MailHost, hosted_zones, mail_domain_zone  # noqa: E402
from mailsuite.dns.serials import Serials  # noqa: E402
from mailsuite.model.account import DkimKey, Domain  # noqa: E402
from mailsuite.model.zone import Record, Zone  # noqa: E402
from mailsuite.net.dns_forwarder import Forwarder  # noqa: E402
from mailsuite.net.dns_pace import Pace, keep_for_good, uncollected  # noqa: E402
from mailsuite.net.dns_server import DnsServer  # noqa: E402
from mailsuite.testing.knot import Knot, knot_available  # noqa: E402
from mailsuite.testing.nsd import Nsd  # noqa: E402
from mailsuite.testing.ports import free_port  # noqa: E402

reactor: Any = _reactor

ZONES = 100
MANY = 10_000
BLOCKED = 2_000_000
KEY = DkimKey("s1", "rsa", "", "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A" + "x" * 360)
TICKS = os.sysconf("SC_CLK_TCK")


def domain(n: int) -> Domain:
    """The domain dN.example."""
    return Domain(f"d{n}.example", 0, (KEY,))


def zones() -> list[Zone]:
    """Mail domains d0.example to d99.example."""
    return [
        mail_domain_zone(domain(n), MailHost(f"mail.d{n}.example", ("192.0.2.25",)), serial=1) for n in range(ZONES)
    ]


def loads() -> dict[str, list[str]]:
    """Questions for dnsperf, by the name of the load."""
    rng = random.Random(1)
    domains = [f"d{n}.example" for n in range(ZONES)]
    own = [f"{d} MX" for d in domains] + [f"mail.{d} A" for d in domains] + [f"{d} TXT" for d in domains]
    return {
        "hit": own,
        "NXDOMAIN": [f"no.{d} A" for d in domains],
        "random names": [f"{rng.getrandbits(64):x}.{rng.choice(domains)} A" for _ in range(200_000)],
        "hit, TCP": own,
        "refused": [f"{rng.getrandbits(64):x}.elsewhere.test A" for _ in range(50_000)],
    }


@contextmanager
def ours(*options: str) -> Iterator[tuple[int, int]]:
    """Our service in a process of its own; its port and process id."""
    port = free_port()
    command = [sys.executable, __file__, "serve", str(port), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def serve(port: int, upstream: str = "") -> None:
    """Be that process."""
    forwarder = Forwarder(reactor, [("127.0.0.1", int(upstream))]) if upstream else None
    table = compile_table([] if upstream else zones())
    DnsServer(reactor, [("127.0.0.1", port)], table=table, forwarder=forwarder, rate=200).startService()
    print("ready", flush=True)
    reactor.run()


def cpu(pid: int) -> float:
    """Seconds of CPU that a process and those below it have used."""
    children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout.split()
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS + sum(cpu(int(child)) for child in children)


def dnsperf(port: int, pid: int, questions: Path, seconds: int, *options: str) -> tuple[float, float]:
    """Queries a second, and microseconds of the server's CPU for each."""
    command = ["dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", str(questions), "-l", str(seconds), "-c", "4"]
    began = cpu(pid)
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
    used = cpu(pid) - began
    rate = re.search(r"Queries per second:\s+([\d.]+)", done.stdout)
    completed = re.search(r"Queries completed:\s+(\d+)", done.stdout)
    assert rate is not None, done.stdout
    assert completed is not None, done.stdout
    return float(rate[1]), used * 1e6 / max(1, int(completed[1]))


def rates(seconds: int) -> None:
    """All loads against all servers."""
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory()))
        servers = {"ours": ending.enter_context(ours())}
        kinds = {"NSD": Nsd, "Knot": Knot} if knot_available() else {"NSD": Nsd}
        for name, kind in kinds.items():
            (folder / name).mkdir()
            peer = kind(zones(), folder / name)
            ending.callback(peer.stop)
            servers[name] = peer.port, peer.pid
        print(f"{'load':24}" + "".join(f"{name + ' q/s':>12}{'µs CPU':>8}" for name in servers), flush=True)
        for name, questions in loads().items():
            path = folder / "questions"
            path.write_text("\n".join(questions) + "\n")
            options = ("-m", "tcp") if "TCP" in name else ()
            found = [dnsperf(*server, path, seconds, *options) for server in servers.values()]
            print(f"{name:24}" + "".join(f"{rate:>12,.0f}{cost:>8.1f}" for rate, cost in found), flush=True)
        path.write_text("\n".join(loads()["hit"]) + "\n")
        port, pid = ending.enter_context(ours(str(servers["NSD"][0])))
        dnsperf(port, pid, path, 1)
        rate, cost = dnsperf(port, pid, path, seconds)
        print(f"{'forwarder, cache hit':24}{rate:>12,.0f}{cost:>8.1f}", flush=True)


def resident() -> int:
    """Octets of memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def remembered() -> None:
    """Be a process that counts the memory of a table to the octet (which takes its time)."""
    host = MailHost("mail.d0.example", ("192.0.2.25", "2001:db8::25"))
    hosted, _ = hosted_zones([domain(n) for n in range(2000)], [], host, generation=1)
    tracemalloc.start()
    builder = TableBuilder()
    builder.build(hosted)
    gc.collect()
    records = sum(len(zone.records) for zone in hosted)
    print(f"{tracemalloc.get_traced_memory()[0] / records:.0f} octets a record in the table")


def loading() -> None:
    """Be a process that loads many zones and changes one; then that loads a blocklist. Answers must not pause."""
    host = MailHost("mail.d0.example", ("192.0.2.25", "2001:db8::25"))
    gc.collect()
    before, began = resident(), time.process_time()
    hosted, _ = hosted_zones([domain(n) for n in range(MANY)], [], host, generation=1)
    records = sum(len(zone.records) for zone in hosted)
    made = time.process_time()
    empty = resident()
    builder, serials = TableBuilder(), Serials()
    table = builder.build(serials.settle(hosted, time.time())).table
    loaded = time.process_time()
    server = DnsServer(reactor, [("127.0.0.1", 0)], table=table)
    del hosted
    keep_for_good()
    print(f"{MANY} zones, {records} records: made in {made - began:.1f} s, loaded in {loaded - made:.1f} s of CPU")
    print(f"the process has grown by {(resident() - before) >> 20} MB, {(empty - before) >> 20} MB of it by the text")
    del table
    server.startService()

    def change() -> None:
        custom = [Record("www.d7.example.", "A", 60, "192.0.2.80")]
        more, _ = hosted_zones([domain(n) for n in range(MANY)], custom, host, generation=2)
        server.reload(builder.build(serials.settle(more, time.time()), Pace()).table)

    def block() -> None:
        size = resident()
        began = time.perf_counter()
        server.blocklist = Blocklist((f"n{n}.ads.example" for n in range(BLOCKED)), pause=Pace())
        took = time.perf_counter() - began
        print(f"blocklist of {BLOCKED} names: {(resident() - size) >> 20} MB, {took:.1f} s")

    def reload() -> None:
        with uncollected():
            change()

    threading.Thread(
        target=_probe, args=(server.addresses[0][1], {"a reload": reload, "building a blocklist": block})
    ).start()
    reactor.run(installSignalHandlers=False)


def _probe(port: int, works: dict[str, Callable[[], None]]) -> None:
    query = dns.message.make_query("d1.example", "MX")
    for name, work in works.items():
        thread = threading.Thread(target=work)
        began = time.perf_counter()
        thread.start()
        waits = []
        while thread.is_alive():
            asked = time.perf_counter()
            dns.query.udp(query, "127.0.0.1", timeout=10, port=port)
            waits.append(time.perf_counter() - asked)
            time.sleep(0.001)
        took = time.perf_counter() - began
        waits.sort()
        print(
            f"{name}: {took:.1f} s; the longest wait for an answer {waits[-1] * 1000:.0f} ms, "
            f"99th percentile {waits[-len(waits) // 100] * 1000:.0f} ms, of {len(waits)}",
            flush=True,
        )
    reactor.callFromThread(reactor.stop)


def main(seconds: int) -> None:
    """Everything."""
    rates(seconds)
    for part in ("remembered", "loading"):
        subprocess.run([sys.executable, __file__, part], check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(int(sys.argv[2]), *sys.argv[3:])
    elif sys.argv[1:2] == ["loading"]:
        loading()
    elif sys.argv[1:2] == ["remembered"]:
        remembered()
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
