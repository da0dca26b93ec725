"""Seconds to deliver a full queue to smtp-sink, beside Postfix on the same input, in one run.

The queue is filled while nothing may leave (ours: the suite is stopped; Postfix: its smtp transport is deferred). The
clock runs from "go" (the suite's line "ready"; postqueue -f) until the queue is empty. 4 kB messages, to one
destination and to fifty; both peers may have 20 links to a destination, and neither signs. Needs root, as Postfix does.

    .venv/bin/python bench/deliver.py [messages ...]
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

# Run as a script, the folder bench comes first on the path, and a look for the package dns would find a file there.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from twisted.internet.defer import Deferred, gatherResults  # noqa: E402
from twisted.internet.task import react  # noqa: E402

from mailsuite.model.address import Address  # noqa: E402
from mailsuite.model.envelope import Envelope, Recipient  # noqa: E402
from mailsuite.model.ids import ordered_id  # noqa: E402
from mailsuite.model.job import PlanEntry, Priority, QueuedMessage  # noqa: E402
from mailsuite.runtime.clock import now  # noqa: E402
from mailsuite.sqlite.blobs import BlobKeeper  # noqa: E402
from mailsuite.sqlite.jobs import JobStore  # noqa: E402
from mailsuite.sqlite.store import Store  # noqa: E402
from mailsuite.testing.ports import free_port  # noqa: E402
from tests.flows.demo import Demo  # noqa: E402
from tests.lab.postfix import Postfix  # noqa: E402

SIZE = 4000
PATIENCE = 900


def content(n: int) -> bytes:
    """A message of ``SIZE`` octets, each another one."""
    head = f"From: load@load.example\r\nSubject: load {n}\r\nMessage-ID: <load{n}@load.example>\r\n\r\n".encode()
    return head + (b"x" * 78 + b"\r\n") * ((SIZE - len(head)) // 80)


async def _preload(reactor: object, path: Path, count: int, destinations: int) -> None:
    store = Store(path, reactor, now)
    store.start()
    jobs = JobStore(store, BlobKeeper(store, path.with_name("blobs")))

    async def commit(n: int) -> None:
        body, at = content(n), now()
        domain = f"d{n % destinations}.example"
        to = (Recipient(Address("u", domain)),)
        sender = Address("load", "load.example")
        message = QueuedMessage(
            id=ordered_id(at, os.urandom),
            blob=sha256(body).hexdigest(),
            size=len(body),
            envelope=Envelope(sender, to),
            account=None,
            priority=Priority.NORMAL,
            created=at,
            expires=at + 86_400_000,
            plan=(PlanEntry(0, domain, to),),
        )
        await jobs.commit(message, body)

    for start in range(0, count, 500):
        wave = range(start, min(start + 500, count))
        await gatherResults([Deferred.fromCoroutine(commit(n)) for n in wave])
    await store.stop()


def preload(path: Path, count: int, destinations: int) -> None:
    """Fill our queue, in a process of its own: a reactor runs only once."""
    if os.fork() == 0:
        try:
            react(lambda reactor: Deferred.fromCoroutine(_preload(reactor, path, count, destinations)))
        except SystemExit as end:
            os._exit(int(end.code or 0))
    if os.wait()[1]:
        raise SystemExit("the queue could not be filled")


def wait(empty: Callable[[], bool]) -> float:
    """Seconds until the queue is empty."""
    began = time.monotonic()
    while not empty():
        if time.monotonic() - began > PATIENCE:
            raise SystemExit(f"the queue was not empty after {PATIENCE} s")
        time.sleep(0.02)
    return time.monotonic() - began


def sink() -> tuple[subprocess.Popen[bytes], int]:
    """A host that takes everything, and its port."""
    port = free_port()
    command = ["smtp-sink", "-u", "nobody", f"127.0.0.1:{port}", "512"]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL), port


def memory(pid: int) -> int:
    """Resident kB of a process at its highest."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def ours(count: int, destinations: int, port: int) -> tuple[float, int]:
    """Seconds, and our process's highest memory in kB."""
    demo = Demo()
    try:
        demo.start()
        demo.stop()
        preload(demo.directory / "mailsuite.db", count, destinations)
        demo.route("*", f"127.0.0.1:{port}")
        demo.start()
        database = sqlite3.connect(f"file:{demo.directory / 'mailsuite.db'}?mode=ro", uri=True, timeout=30)
        pending = "SELECT EXISTS (SELECT 1 FROM job WHERE state = 'pending')"
        seconds = wait(lambda: database.execute(pending).fetchone() == (0,))
        database.close()
        return seconds, memory(demo.pid)
    finally:
        demo.remove()


def theirs(count: int, destinations: int, port: int) -> float:
    """Seconds that Postfix takes."""
    postfix = Postfix(
        "remote.example",
        f"transport_maps=static:{{smtp:[127.0.0.1]:{port}}}",
        "defer_transports=smtp",
        "smtp_tls_security_level=may",
        "queue_run_delay=3600s",
        "minimal_backoff_time=3600s",
        "maximal_backoff_time=4000s",
    )
    try:
        postfix.start()
        for n in range(destinations):
            subprocess.run(
                f"smtp-source -s 20 -m {count // destinations} -l {SIZE} -f load@load.example"
                f" -t u@d{n}.example 127.0.0.1:{postfix.port}".split(),
                check=True,
                stdin=subprocess.DEVNULL,
            )
        queue = postfix.directory / "queue"

        def left(*names: str) -> int:
            return sum(len(files) for name in names for _, _, files in os.walk(queue / name))

        wait(lambda: left("incoming", "active", "maildrop") == 0)
        postfix.configure("defer_transports=")
        time.sleep(2)
        subprocess.run(["postqueue", "-c", str(postfix.directory / "etc"), "-f"], check=True, stdin=subprocess.DEVNULL)
        return wait(lambda: left("incoming", "active", "deferred") == 0)
    finally:
        postfix.stop()


def main() -> None:
    """Print a line for each size of queue and number of destinations."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))  # so that what runs here is ended too
    counts = [int(word) for word in sys.argv[1:]] or [1000, 10_000]
    if shutil.which("smtp-sink") is None:
        raise SystemExit("smtp-sink is not installed (apt install postfix)")
    process, port = sink()
    try:
        print(f"a queue of {SIZE}-octet messages delivered to smtp-sink: seconds")
        print(f"{'messages':>9} {'destinations':>12} {'ours':>7} {'Postfix':>8} {'ratio':>6} {'our memory':>11}")
        for count in counts:
            for destinations in (1, 50):
                seconds, kilobytes = ours(count, destinations, port)
                peer = theirs(count, destinations, port)
                print(
                    f"{count:>9} {destinations:>12} {seconds:>7.2f} {peer:>8.2f} {peer / seconds:>6.2f}"
                    f" {kilobytes // 1024:>8} MB",
                    flush=True,
                )
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
