"""Messages a second of our port 25 with durable accept, beside Postfix's smtpd, in one run.

Load: Postfix's smtp-source, 5 kB messages, a new connection for each. "accept" is the time until the last 250;
"filed" until the last message is in its mailbox (ours) or Maildir (Postfix). Needs root, as Postfix does.

    .venv/bin/python bench/receive.py [messages]
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.flows.demo import SMTP, Demo
from tests.flows.store import filed_count
from tests.lab.postfix import Postfix

SIZE = 5000
CONNECTIONS = (1, 10, 50)


def send(port: int, to: str, count: int, connections: int) -> float:
    """Seconds that smtp-source takes."""
    began = time.monotonic()
    subprocess.run(
        f"smtp-source -s {connections} -m {count} -l {SIZE} -f load@load.example -t {to} 127.0.0.1:{port}".split(),
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return time.monotonic() - began


def wait(count: int, filed: Callable[[], int]) -> None:
    """Until ``filed()`` is ``count``."""
    deadline = time.monotonic() + 300
    while filed() < count:
        if time.monotonic() > deadline:
            raise SystemExit("the messages were not filed within five minutes")
        time.sleep(0.02)


def main() -> None:
    """Print a line for each number of connections."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    if shutil.which("smtp-source") is None:
        raise SystemExit("smtp-source is not installed (apt install postfix)")
    demo = Demo()
    postfix = Postfix("remote.example")
    try:
        demo.start()
        postfix.start()
        print(f"{count} messages of {SIZE} octets; messages a second")
        print(
            f"{'connections':>11} {'ours accept':>12} {'Postfix':>8} {'ratio':>6}"
            f" {'ours filed':>11} {'Postfix':>8} {'ratio':>6}"
        )
        ours_done = postfix_done = 0
        for connections in CONNECTIONS:
            began = time.monotonic()
            ours = send(SMTP + demo.offset, "alice@alpha.example", count, connections)
            ours_done += count
            wait(ours_done, lambda: filed_count(demo.directory))
            ours_filed = time.monotonic() - began
            began = time.monotonic()
            theirs = send(postfix.port, "u@remote.example", count, connections)
            postfix_done += count
            wait(postfix_done, lambda: len(list((postfix.directory / "mail/all/new").iterdir())))
            theirs_filed = time.monotonic() - began
            print(
                f"{connections:>11} {count / ours:>12.0f} {count / theirs:>8.0f} {theirs / ours:>6.2f}"
                f" {count / ours_filed:>11.0f} {count / theirs_filed:>8.0f} {theirs_filed / ours_filed:>6.2f}",
                flush=True,
            )
    finally:
        demo.remove()
        postfix.stop()


if __name__ == "__main__":
    main()
