"""A network namespace with a registry, a recursive resolver, our DNS service and another provider (needs root)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from mailsuite.dns.mta_sts import policy_text
from mailsuite.model.zone import Record, Zone
from mailsuite.testing.nsd import Nsd, nsd_available
from tests.flows.demo import until

SCRIPT = Path(__file__).with_name("doctor_lab.sh")
REGISTRY, RESOLVER, OURS, PROVIDER = "198.51.100.1", "198.51.100.3", "198.51.100.25", "198.51.100.53"
HOST = "mail.right.example"

_UNBOUND = """
server:
  interface: {resolver}
  access-control: 0.0.0.0/0 allow
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  do-ip6: no
  module-config: "iterator"
  root-hints: "{folder}/hints"
  local-zone: "100.51.198.in-addr.arpa." nodefault
remote-control:
  control-enable: no
"""

_SETTINGS = """\
[server]
hostname = "{host}"
data = "{folder}/data"
[log]
format = "text"
[dns]
listen = ["{ours}:53"]
addresses = ["{ours}"]
upstreams = ["{resolver}:53"]
clients = ["198.51.100.0/24", "127.0.0.0/8"]
mta_sts = "enforce"
{more}
"""

_WEB = """
import http.server, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(open("policy", "rb").read())
server = http.server.ThreadingHTTPServer(("{ours}", 443), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("web.pem", "web.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


def available() -> bool:
    """May we make namespaces, and are the peers installed?"""
    programs = all(
        shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") for name in ("ip", "unbound")
    )
    return os.geteuid() == 0 and programs and nsd_available()


def start_of(origin: str, server: str) -> tuple[Record, ...]:
    """SOA and NS."""
    return (
        Record(origin, "SOA", 60, f"{server} postmaster.registry.example. 1 7200 900 1209600 60"),
        Record(origin, "NS", 60, server),
    )


class World:
    """Made by :meth:`start`; ``folder`` is scratch."""

    def __init__(self, folder: Path, ending: ExitStack) -> None:
        self.folder = folder
        self.name = f"doctor{os.getpid()}"
        self._ending = ending
        self._environment = {**os.environ, "SSL_CERT_FILE": str(folder / "web.pem")}

    def start(self, delegations: dict[str, str]) -> None:
        """Delegate each domain to the name server, ``HOST`` or another, and start all but our service."""
        self._ending.callback(subprocess.run, ["bash", str(SCRIPT), "down", self.name], check=True)
        subprocess.run(["bash", str(SCRIPT), "up", self.name], check=True)
        glue = {HOST: OURS, "ns1.provider.example": PROVIDER}
        registry = Zone(
            "example.",
            (
                *start_of("example.", "a.registry.example."),
                Record("a.registry.example.", "A", 60, REGISTRY),
                *(Record(f"{domain}.", "NS", 60, f"{server}.") for domain, server in delegations.items()),
                *(Record(f"{name}.", "A", 60, glue[name]) for name in set(delegations.values()) if name in glue),
            ),
        )
        root = Zone(
            ".",
            (
                *start_of(".", "a.registry.example."),
                Record("a.registry.example.", "A", 60, REGISTRY),
                Record("example.", "NS", 60, "a.registry.example."),
                Record("arpa.", "NS", 60, "a.registry.example."),
            ),
        )
        reverse = Zone(
            "100.51.198.in-addr.arpa.",
            (
                *start_of("100.51.198.in-addr.arpa.", "a.registry.example."),
                Record("25.100.51.198.in-addr.arpa.", "PTR", 60, f"{HOST}."),
            ),
        )
        arpa = Zone("arpa.", start_of("arpa.", "a.registry.example."))
        self._nsd([root, registry, arpa, reverse], "registry", REGISTRY)
        (self.folder / "hints").write_text(f". 3600 NS a.registry.example.\na.registry.example. 3600 A {REGISTRY}\n")
        (self.folder / "unbound.conf").write_text(_UNBOUND.format(resolver=RESOLVER, folder=self.folder))
        self.run_beside("unbound", "-d", "-c", str(self.folder / "unbound.conf"))
        self._certificate([f"mta-sts.{domain}" for domain in delegations])
        (self.folder / "policy").write_text(policy_text(HOST, "enforce"))
        (self.folder / "web.py").write_text(_WEB.format(ours=OURS))
        self.run_beside(sys.executable, "web.py")
        until(lambda: self.dig(RESOLVER, "25.100.51.198.in-addr.arpa", "PTR") == f"{HOST}.", "the resolver")

    def _certificate(self, names: list[str]) -> None:
        alternatives = ",".join(f"DNS:{name}" for name in names)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-keyout", "web.key", "-out", "web.pem", "-days", "2", "-subj", "/CN=lab",
             "-addext", f"subjectAltName={alternatives}"],
            cwd=self.folder, check=True, capture_output=True,
        )  # fmt: skip

    def _nsd(self, zones: list[Zone], label: str, host: str) -> None:
        directory = self.folder / label
        directory.mkdir()
        nsd = Nsd(zones, directory, host=host, port=53, prefix=self.inside())
        self._ending.callback(nsd.stop)
        origin = zones[-1].origin
        until(lambda: self.dig(host, origin, "SOA", "+norecurse"), f"nsd {label}: {nsd.log()}")

    def inside(self) -> list[str]:
        """What a command line begins with to run in the namespace."""
        return ["ip", "netns", "exec", self.name]

    def run_beside(self, *command: str) -> None:
        """A program until the end of the world."""
        with (self.folder / f"{Path(command[0]).name}.log").open("ab") as log:
            process = subprocess.Popen(
                [*self.inside(), *command], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._ending.callback(process.wait, 20)
        self._ending.callback(process.terminate)

    def dig(self, server: str, name: str, kind: str, *options: str) -> str:
        """The short answer."""
        command = [*self.inside(), "dig", f"@{server}", "+short", "+tries=1", "+time=2", *options, name, kind]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else ""

    def settle(self, more: str = "") -> None:
        """Write our settings."""
        text = _SETTINGS.format(host=HOST, folder=self.folder, ours=OURS, resolver=RESOLVER, more=more)
        (self.folder / "mailsuite.toml").write_text(text)

    def mailctl(self, *arguments: str) -> tuple[int, str]:
        """Its exit status, and what it prints."""
        command = [sys.executable, "-m", "mailsuite.cli.main", "-c", str(self.folder / "mailsuite.toml"), *arguments]
        done = subprocess.run(
            [*self.inside(), *command], check=False, capture_output=True, text=True, env=self._environment
        )
        assert not done.stderr or done.returncode, done.stderr
        return done.returncode, done.stdout + done.stderr

    def serve(self) -> None:
        """Start our DNS service."""
        twistd = str(Path(sys.executable).with_name("twistd"))
        command = [twistd, "-n", "--pidfile=", "mailsuite-dns", "-c", str(self.folder / "mailsuite.toml")]
        with (self.folder / "dns.log").open("wb") as log:
            process = subprocess.Popen(
                [*self.inside(), *command], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        self._ending.callback(process.wait, 20)
        self._ending.callback(process.terminate)
        until(lambda: self.dig(OURS, "right.example", "MX"), f"our service: {(self.folder / 'dns.log').read_text()}")

    def provide(self, zones: list[Zone]) -> None:
        """Have the other provider serve these."""
        self._nsd(zones, "provider", PROVIDER)
