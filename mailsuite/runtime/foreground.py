"""Run a daemon in the foreground, without twistd."""

from __future__ import annotations

from typing import Any

from twisted.logger import globalLogBeginner

from mailsuite.runtime.daemon import Daemon
from mailsuite.runtime.logs import LogOutput


def run(reactor: Any, daemon: Daemon, output: LogOutput) -> int:
    """Start the daemon, run the reactor until a signal ends it, stop the daemon; the exit status.

    Raises what a service raises that cannot start. Standard output stays free for the caller's own words.
    """
    globalLogBeginner.beginLoggingTo([output], redirectStandardIO=False)
    daemon.privilegedStartService()
    daemon.startService()
    reactor.addSystemEventTrigger("before", "shutdown", daemon.stopService)
    reactor.run()
    return 1 if daemon.failed else 0
