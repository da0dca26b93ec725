"""A Postfix that judges by SPF, DKIM and DMARC: policyd-spf, opendkim and opendmarc, each in front of its smtpd."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path

from mailsuite.testing.ports import free_port
from tests.lab.postfix import Postfix

OPENDKIM = """\
Mode v
Syslog no
Nameservers 127.0.0.1
AuthservID mx.{domain}
Socket inet:{port}@127.0.0.1
PidFile {directory}/opendkim.pid
AlwaysAddARHeader yes
"""

OPENDMARC = """\
Syslog false
AuthservID mx.{domain}
TrustedAuthservIDs mx.{domain}
Socket inet:{port}@127.0.0.1
PidFile {directory}/opendmarc.pid
SPFIgnoreResults false
SPFSelfValidate false
RejectFailures true
PublicSuffixList /usr/share/publicsuffix/public_suffix_list.dat
"""

POLICYD = """\
debugLevel = 0
HELO_reject = Fail
Mail_From_reject = Fail
PermError_reject = False
TempError_Defer = False
skip_addresses = 127.0.0.0/8
Header_Type = AR
Authserv_Id = mx.{domain}
"""


class GuardedPostfix:
    """See the module. They ask the name server at 127.0.0.1, port 53; ``settings`` are main.cf lines."""

    def __init__(self, domain: str, *settings: str) -> None:
        self._ports = free_port(), free_port()
        self.postfix = Postfix(
            domain,
            f"smtpd_milters = inet:127.0.0.1:{self._ports[0]}, inet:127.0.0.1:{self._ports[1]}",
            "milter_default_action = tempfail",
            "smtpd_peername_lookup = yes",
            "smtpd_sender_restrictions = reject_unknown_sender_domain",
            "smtpd_recipient_restrictions = reject_unauth_destination, check_policy_service unix:private/spf",
            *settings,
        )
        self.milters: list[subprocess.Popen[bytes]] = []

    @staticmethod
    def missing() -> list[str]:
        """The programs that are not installed."""
        programs = ("postfix", "opendkim", "opendmarc", "policyd-spf")
        return [name for name in programs if shutil.which(name, path="/usr/sbin:/usr/bin") is None]

    def start(self) -> None:
        """Start all and wait for them."""
        directory = self.postfix.directory
        for name, text, port in zip(("opendkim", "opendmarc"), (OPENDKIM, OPENDMARC), self._ports, strict=True):
            path = directory / f"{name}.conf"
            path.write_text(text.format(domain=self.postfix.domain, port=port, directory=directory))
            option = "-x" if name == "opendkim" else "-c"
            with (directory / f"{name}.log").open("wb") as log:
                command = [f"/usr/sbin/{name}", "-f", option, str(path)]
                self.milters.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log))
            self._wait(port, name)
        policy = directory / "policyd-spf.conf"
        policy.write_text(POLICYD.format(domain=self.postfix.domain))
        self.postfix.start()
        with (directory / "etc" / "master.cf").open("a") as master:
            master.write(f"spf unix - n n - 0 spawn user=nobody argv=/usr/bin/policyd-spf {policy}\n")
        self.postfix.configure()

    def _wait(self, port: int, name: str) -> None:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 5).close()
            except OSError:
                if time.monotonic() > deadline:
                    log = Path(self.postfix.directory / f"{name}.log").read_text()
                    raise AssertionError(f"{name} does not answer: {log}") from None
                time.sleep(0.1)
            else:
                return

    def stop(self) -> None:
        """Stop and delete everything."""
        for milter in self.milters:
            milter.terminate()
        for milter in self.milters:
            milter.wait(20)
        self.postfix.stop()
