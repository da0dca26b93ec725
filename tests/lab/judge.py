"""A host that judges as big receivers do: Postfix on port 25, policyd-spf, opendkim, opendmarc, a name server.

Of all that it takes it keeps what each of them wrote: policyd-spf, opendkim and opendmarc Authentication-Results.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from mailsuite.model.zone import Record, Zone
from mailsuite.testing.nsd import Nsd
from tests.lab.netns import Host
from tests.lab.postfix import Postfix

PROGRAMS = ("postfix", "opendkim", "opendmarc", "policyd-spf", "nsd")

_OPENDKIM = """\
Mode v
Syslog no
Nameservers 127.0.0.1
AuthservID {name}
Socket inet:8891@127.0.0.1
PidFile {directory}/opendkim.pid
AlwaysAddARHeader yes
On-BadSignature accept
On-NoSignature accept
On-KeyNotFound accept
On-DNSError accept
"""

# ReportCommand and HistoryFile stay unset: nothing is sent, nothing is gathered.
_OPENDMARC = """\
Syslog false
AuthservID {name}
TrustedAuthservIDs {name}
Socket inet:8893@127.0.0.1
PidFile {directory}/opendmarc.pid
SPFIgnoreResults false
SPFSelfValidate true
RejectFailures true
RequiredHeaders true
PublicSuffixList {directory}/suffixes
"""

_SPF = """\
debugLevel = 0
HELO_reject = False
Mail_From_reject = False
skip_addresses = 192.0.2.255/32
Header_Type = AR
Authserv_Id = {name}
"""

_SETTINGS = (
    "smtpd_milters = inet:127.0.0.1:8891, inet:127.0.0.1:8893",
    "milter_default_action = tempfail",
    "smtpd_peername_lookup = yes",
    "smtpd_tls_security_level = none",
    "smtpd_recipient_restrictions = reject_unauth_destination, check_policy_service unix:private/spf",
)

_DKIM = re.compile(r"\bdkim=(\w+)")
_ONE = re.compile(r"\b(spf|dmarc)=(\w+)")


@dataclass(frozen=True)
class Judgement:
    """What the host says of a message: each a result of RFC 8601, "" where nobody said one.

    ``reply`` is Postfix's to the final dot, code and text.
    """

    reply: str
    spf: str = ""
    dkim: tuple[str, ...] = ()
    dmarc: str = ""


class Judge:
    """Judges mail to ``domain``; ``records`` are all that the DNS knows, as (name, type, data)."""

    def __init__(self, host: Host, domain: str, records: Sequence[tuple[str, str, str]]) -> None:
        self.host = host
        self.domain = domain
        self.name = f"mx.{domain}"
        self.directory = Path(tempfile.mkdtemp(prefix="judge-", dir="/tmp"))
        self.directory.chmod(0o755)
        self._records = records
        self._postfix = Postfix(domain, *_SETTINGS, f"mynetworks = 127.0.0.0/8 {host.address}", port=25, host=host)
        self._running = ExitStack()

    @staticmethod
    def missing() -> list[str]:
        """The programs that are not installed."""
        return [name for name in PROGRAMS if shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin") is None]

    def start(self) -> None:
        """Start all of it, or nothing."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        self._running.callback(shutil.rmtree, self.directory, ignore_errors=True)
        # One zone, the root's: whoever asks for anything else is told that it does not exist, and need not wait.
        soa = Record(".", "SOA", 300, "ns. root. 1 3600 900 86400 300")
        given = [Record(name, kind, 300, data) for name, kind, data in self._records]
        names = Zone(".", (soa, Record(".", "NS", 300, "ns."), Record("ns.", "A", 300, "127.0.0.1"), *given))
        with self.host.inside():
            self._running.callback(Nsd([names], self.directory, port=53).stop)
        (self.directory / "suffixes").write_text("example\n")  # the real list does not have it
        for name, settings in (("opendkim", _OPENDKIM), ("opendmarc", _OPENDMARC), ("spf", _SPF)):
            text = settings.format(name=self.name, directory=self.directory)
            (self.directory / f"{name}.conf").write_text(text)
        self._daemon("opendkim", "-f", "-x", f"{self.directory}/opendkim.conf")
        self._daemon("opendmarc", "-f", "-c", f"{self.directory}/opendmarc.conf")
        self._wait(8891)
        self._wait(8893)
        self._running.callback(self._postfix.stop)
        self._postfix.start()
        self._postfix.add_service(
            f"spf unix - n n - 0 spawn user=nobody argv=/usr/bin/policyd-spf {self.directory}/spf.conf"
        )

    def stop(self) -> None:
        """End all of it and delete its files."""
        self._running.close()

    def _daemon(self, *command: str) -> None:
        with (self.directory / f"{command[0]}.log").open("wb") as log:
            daemon = subprocess.Popen(
                self.host.command(*command), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        self._running.callback(daemon.wait, 20)
        self._running.callback(daemon.kill)  # when asked to end they take five seconds each

    def _wait(self, port: int, seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        with self.host.inside(), socket.socket() as probe:
            while probe.connect_ex(("127.0.0.1", port)):
                if time.monotonic() > deadline:
                    raise AssertionError(f"nobody listens on {port} of {self.host.namespace}")
                time.sleep(0.05)

    def log(self) -> str:
        """Postfix's log."""
        return self._postfix.log()

    def judged(self) -> Mapping[str, Judgement]:
        """What was said of the messages it took, by the local part they were sent to."""
        found = {}
        for mail in self._postfix.mails():
            head = mail.partition(b"\n\n")[0].decode("utf-8", "replace")
            fields = re.split(r"\n(?![ \t])", head)
            values: dict[str, list[str]] = {}
            for field in fields:
                name, _, value = field.partition(":")
                values.setdefault(name.lower(), []).append(value.strip())
            recipient = values["x-original-to"][0].partition("@")[0]
            ours = [one for one in values.get("authentication-results", ()) if one.startswith(f"{self.name};")]
            said = dict(match for one in ours for match in _ONE.findall(one))
            dkim = tuple(result for one in ours for result in _DKIM.findall(one))
            found[recipient] = Judgement("250", said.get("spf", ""), dkim, said.get("dmarc", ""))
        return found
