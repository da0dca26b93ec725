"""Other people's mail hosts that conflict with Postfix: unpacked from their Debian packages, not installed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from mailsuite.cli.certificate import self_signed
from tests.lab.netns import Host

HOME = Path(__file__).parents[2]
DOWNLOADS = HOME / "build" / "peers"


def unpack(packages: Sequence[str], directory: Path) -> None:
    """Unpack Debian packages; those that are not among the downloads yet are fetched (by apt-get, over the network)."""
    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    for package in packages:
        if not list(DOWNLOADS.glob(f"{package}_*.deb")):
            subprocess.run(
                ["apt-get", "download", "-q", package],
                check=True,
                cwd=DOWNLOADS,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=300,
            )
            owner = HOME.stat()  # whoever has us run as root can delete them
            for path in (DOWNLOADS.parent, DOWNLOADS, *DOWNLOADS.iterdir()):
                os.chown(path, owner.st_uid, owner.st_gid)
        for archive in DOWNLOADS.glob(f"{package}_*.deb"):
            subprocess.run(["dpkg", "-x", str(archive), str(directory)], check=True, capture_output=True)


class Peer:
    """A mail host for ``domain`` on port 25 of ``host``: takes mail for any user into a Maildir, relays for itself.

    Subclasses say which ``packages`` it comes from, which system ``users`` it needs, and how it is run.
    """

    packages: Sequence[str]
    users: Sequence[str]

    def __init__(self, host: Host, domain: str) -> None:
        self.host = host
        self.domain = domain
        # It drops its privileges: it must reach its directory through world-searchable ones.
        self.directory = Path(tempfile.mkdtemp(prefix="peer-", dir="/tmp"))
        self.directory.chmod(0o755)
        self.log_file = self.directory / "log"
        self._running = ExitStack()
        self._running.callback(shutil.rmtree, self.directory, ignore_errors=True)

    def prepare(self) -> Sequence[str]:
        """Write the configuration; the command that runs it in the foreground."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it and wait for its greeting, or nothing."""
        try:
            unpack(self.packages, self.directory / "root")
            self.host.know_users(*self.users)
            self_signed(self.directory / "certificate.pem", self.directory / "key.pem", f"mx.{self.domain}")
            with self.log_file.open("wb") as log:
                process = subprocess.Popen(
                    self.host.command(*self.prepare()), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
                )
            self._running.callback(process.wait, 20)
            self._running.callback(process.send_signal, signal.SIGTERM)
            self._greeted(process)
        except BaseException:
            self.stop()
            raise

    def _greeted(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + 20
        while True:
            with suppress(OSError), self.host.inside(), socket.create_connection((self.host.address, 25), 5) as s:
                if s.recv(3) == b"220":
                    return
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{self.packages[0]} does not answer: {self.log()}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop and delete everything."""
        self._running.close()

    def mails(self) -> list[bytes]:
        """The messages delivered so far, in no order."""
        new = self.directory / "mail" / "new"
        return [path.read_bytes() for path in new.iterdir()] if new.exists() else []

    def log(self) -> str:
        """What it says."""
        return self.log_file.read_text(errors="replace")


_EXIM = """\
primary_hostname = mx.{domain}
exim_path = {program}
spool_directory = {directory}/spool
log_file_path = {directory}/spool/%slog
exim_user = Debian-exim
exim_group = Debian-exim
keep_environment =
acl_smtp_rcpt = recipient
acl_smtp_data = content
tls_advertise_hosts = *
tls_certificate = {directory}/certificate.pem
tls_privatekey = {directory}/exim.key
host_lookup =
rfc1413_hosts =
prdr_enable = true
begin acl
recipient:
  accept domains = {domain}
  accept hosts = {address}
  deny message = relay not permitted
content:
  accept
begin routers
ours:
  driver = accept
  domains = {domain}
  transport = maildir
others:
  driver = dnslookup
  transport = out
begin transports
maildir:
  driver = appendfile
  directory = {directory}/mail
  maildir_format
  user = Debian-exim
out:
  driver = smtp
  hosts_try_fastopen =
begin retry
* * F,1h,1m
"""


class Exim(Peer):
    """Exim 4, with GnuTLS."""

    packages = ("exim4-daemon-light", "exim4-base")
    users = ("Debian-exim",)

    def prepare(self) -> Sequence[str]:
        """See Peer."""
        program = self.directory / "root/usr/sbin/exim4"
        shutil.copy(self.directory / "key.pem", self.directory / "exim.key")
        for name in ("spool", "mail"):
            (self.directory / name).mkdir()
        own = ("chown", "Debian-exim:", *(f"{self.directory}/{name}" for name in ("spool", "mail", "exim.key")))
        subprocess.run(self.host.command(*own), check=True)  # the machine itself does not know the user
        settings = self.directory / "exim.conf"
        settings.write_text(
            _EXIM.format(domain=self.domain, program=program, directory=self.directory, address=self.host.address)
        )
        return (
            str(program),
            "-C",
            str(settings),
            "-bdf",
            "-q5s",
            "-oP",
            f"{self.directory}/pid",
            "-oX",
            f"<, {self.host.address}.25",
        )

    def log(self) -> str:
        """Its main log too."""
        main = self.directory / "spool" / "mainlog"
        return super().log() + (main.read_text(errors="replace") if main.exists() else "")


_OPENSMTPD = """\
table users file:{directory}/users
pki own cert "{directory}/certificate.pem"
pki own key "{directory}/key.pem"
listen on {address} port 25 tls pki own hostname mx.{domain}
action "file" maildir "{directory}/mail" virtual <users>
action "relay" relay helo mx.{domain}
match from any for domain "{domain}" action "file"
match from src {address} for any action "relay"
queue ttl 1h
"""

# Its paths are compiled in: they are laid over the machine's in the mount namespace that `ip netns exec` made.
_OVERLAY = """\
set -e
for where in /var/lib /var/spool /run /usr/libexec; do mount -t tmpfs none $where; done
mkdir -p /var/lib/opensmtpd/empty /var/spool/smtpd /usr/libexec/opensmtpd
chmod 711 /var/spool/smtpd
mount --bind {directory}/root/usr/libexec/opensmtpd /usr/libexec/opensmtpd
exec {directory}/root/usr/sbin/smtpd -d -v -f {directory}/smtpd.conf
"""


class OpenSmtpd(Peer):
    """OpenSMTPD, with OpenSSL."""

    packages = ("opensmtpd",)
    users = ("opensmtpd", "opensmtpq")

    def prepare(self) -> Sequence[str]:
        """See Peer."""
        mail = self.directory / "mail"
        mail.mkdir()
        shutil.chown(mail, "nobody")
        (self.directory / "users").write_text(f"@{self.domain} nobody\n")
        text = _OPENSMTPD.format(domain=self.domain, directory=self.directory, address=self.host.address)
        (self.directory / "smtpd.conf").write_text(text)
        return ("sh", "-c", _OVERLAY.format(directory=self.directory))
