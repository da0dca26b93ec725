"""A whole mailsuite on a host of its own: all daemons, on the ports that they have in the world."""

from __future__ import annotations

import re
import shutil
import signal
import smtplib
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol

from mailsuite.cli.certificate import self_signed
from tests.flows.demo import PASSWORD, Pages, until
from tests.lab.netns import Host

_SETTINGS = """\
[server]
hostname = "mail.{domain}"
data = "{data}"

[log]
format = "text"

[mx]
listen = ["0.0.0.0:25"]
probe_listen = ["0.0.0.0:2510"]
require_ptr = true

[msa]
listen = ["0.0.0.0:587"]
listen_tls = ["0.0.0.0:465"]

[tls]
certificate = "{data}/certificate.pem"
key = "{data}/key.pem"

[delivery]
retry = ["1s"]

[dns]
listen = ["127.0.0.1:53", "{address}:53"]
addresses = ["{address}"]
upstreams = ["127.0.0.1:5335"]
reverse = ["{network}"]
ttl = "1m"

[web]
listen = ["127.0.0.1:80"]
public_url = "http://127.0.0.1"
"""

# The rest of the DNS: what is not delegated to the peer does not exist. A peer that was away is asked again at once.
_UNBOUND = """\
server:
  interface: 127.0.0.1@5335
  directory: ""
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  infra-host-ttl: 1
  local-zone: "." static
  {open}
remote-control:
  control-enable: no
"""


def reverse_zone(host: Host) -> str:
    """The zone of the reverse names of a host's network."""
    return ip_address(host.address).reverse_pointer.partition(".")[2]


class Neighbour(Protocol):
    """Who is authoritative, at its host's address, for its domain and for the reverse names of its network."""

    host: Host
    domain: str


class Suite:
    """mailsuite for ``domain`` on ``host``, with ``people`` as local parts.

    Its DNS service serves the domain and the host's reverse names, and asks a local unbound for the rest, which
    knows where the peers' zones are.
    """

    def __init__(self, host: Host, domain: str, *people: str) -> None:
        self.host = host
        self.domain = domain
        self.directory = Path(tempfile.mkdtemp(prefix=f"suite-{domain.partition('.')[0]}-"))
        self.log = self.directory / "log"
        self._people = people
        self.certificate = self.directory / "data" / "certificate.pem"
        self._config = self.directory / "mailsuite.toml"
        self._running = ExitStack()
        self._running.callback(shutil.rmtree, self.directory, ignore_errors=True)

    def start(self, *peers: Neighbour) -> None:
        """Make domain and people, start everything and wait until it is well; or nothing."""
        try:
            self._provision()
            self._start_unbound(peers)
            twistd = str(Path(sys.executable).with_name("twistd"))
            self._daemon(self.log, twistd, "-n", "--pidfile=", "mailsuite", "-c", str(self._config))
        except BaseException:
            self.stop()
            raise

    def wait(self) -> None:
        """Until all its parts are well."""
        until(self._well, f"{self.domain} is up: {self._tail()}", 60)

    def stop(self) -> None:
        """End everything and delete its files."""
        self._running.close()

    def _tail(self) -> str:
        return self.log.read_text()[-3000:] if self.log.exists() else ""

    def _well(self) -> bool:
        try:
            return HostPages(self.host).ask("GET", "/healthz")[0] == 200
        except OSError:
            return False

    def _provision(self) -> None:
        data = self.directory / "data"
        data.mkdir()
        self_signed(self.certificate, data / "key.pem", f"mail.{self.domain}")
        host = self.host
        self._config.write_text(
            _SETTINGS.format(domain=self.domain, data=data, address=host.address, network=host.network)
        )
        self.mailctl("domain", "add", self.domain)
        for name in self._people:
            self.mailctl("account", "add", f"{name}@{self.domain}", "--password-stdin", words=f"{PASSWORD}\n")

    def _start_unbound(self, peers: Sequence[Neighbour]) -> None:
        zones = [(zone, peer.host.address) for peer in peers for zone in (peer.domain, reverse_zone(peer.host))]
        text = _UNBOUND.format(open="\n  ".join(f'local-zone: "{zone}." transparent' for zone, _ in zones))
        text += "".join(f'stub-zone:\n  name: "{zone}"\n  stub-addr: {address}\n' for zone, address in zones)
        path = self.directory / "unbound.conf"
        path.write_text(text)
        self._daemon(self.directory / "unbound.log", "/usr/sbin/unbound", "-d", "-c", str(path))

    def _daemon(self, log: Path, *command: str) -> None:
        with log.open("wb") as output:
            daemon = subprocess.Popen(
                self.host.command(*command), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        self._running.callback(daemon.wait, 60)
        self._running.callback(daemon.send_signal, signal.SIGTERM)

    def mailctl(self, *arguments: str, words: str = "") -> str:
        """Run mailctl for it; what it prints."""
        command = [sys.executable, "-m", "mailsuite.cli.main", "--config", str(self._config), *arguments]
        done = subprocess.run(command, check=False, input=words, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def accepted(self) -> list[str]:
        """The traces of the messages that it took on port 25, the oldest first; each is written a moment later."""
        traces = re.split(r"\n(?=\S)", self.mailctl("trace", "-n", "1000"))
        return [trace for trace in traces if "+00:00 mx " in trace and "250 2.0.0 queued as" in trace]

    def accepted_after(self, before: int) -> str:
        """The trace of the next message after so many."""
        return until(lambda: self.accepted()[before:], f"a trace of {self.domain}")[0]

    def browser(self, name: str) -> HostPages:
        """A person of the domain, logged in on this host."""
        pages = HostPages(self.host)
        pages.login(f"{name}@{self.domain}")
        return pages

    def dig(self, name: str, kind: str, server: str = "127.0.0.1") -> list[str]:
        """The short answer that dig gets on this host."""
        with self.host.inside():
            done = subprocess.run(
                ["dig", f"@{server}", "+short", name, kind], check=True, capture_output=True, text=True
            )
        return done.stdout.splitlines()

    def smtp(self, server: str, port: int = 25, source: str = "0.0.0.0") -> smtplib.SMTP:
        """A session of this host with another one, from its address ``source``."""
        with self.host.inside():
            return smtplib.SMTP(server, port, f"mail.{self.domain}", timeout=30, source_address=(source, 0))


class HostPages(Pages):
    """A client without JavaScript that runs on the host itself."""

    def __init__(self, host: Host) -> None:
        super().__init__(80)
        self._host = host

    def ask(self, method: str, path: str, form: dict[str, str] | None = None) -> tuple[int, str, dict[str, str]]:
        """See Pages."""
        with self._host.inside():
            return super().ask(method, path, form)
