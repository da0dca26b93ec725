"""The demonstration as a child process, and small clients for what it offers."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from http.cookies import SimpleCookie
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlencode

from mailsuite.cli.demo import prepare

PASSWORD = "correct-horse-battery"
SMTP, DNS, WEB = 2525, 5300, 8080
_PORTS = (SMTP, DNS, WEB, 2587, 2465)

T = TypeVar("T")


def until(what: Callable[[], T], describe: str, seconds: float = 20.0) -> T:
    """Poll until ``what`` gives something true; fail with ``describe`` after the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {describe}")
        time.sleep(0.05)


def _free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def free_offset() -> int:
    """A port offset at which nothing of the demonstration's listens."""
    start = 1000 + os.getpid() % 2000 * 5
    for offset in range(start, 50_000, 7):
        if all(_free(port + offset) for port in _PORTS):
            return offset
    raise AssertionError("no free ports")


class Demo:
    """`mailctl demo` in a directory of its own."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="mailsuite-demo-"))
        self.offset = free_offset()
        self.log = self.directory / "demo.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def config(self) -> Path:
        """The configuration that the demonstration wrote at its first start."""
        return self.directory / "mailsuite.toml"

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start and wait for the line ``ready``."""
        seen = self.log.stat().st_size if self.log.exists() else 0
        environ = {
            **os.environ,
            "MAILSUITE_DEMO_DIR": str(self.directory),
            "MAILSUITE_PORT_OFFSET": str(self.offset),
            "PYTHONUNBUFFERED": "1",
        }
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mailsuite.cli.main", "demo"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environ,
            )
        process = self._process

        def ready() -> bool:
            if process.poll() is not None:
                raise AssertionError(f"the demonstration ended:\n{self.log.read_text()[-4000:]}")
            return "ready" in self.log.read_bytes()[seen:].decode().splitlines()

        until(ready, "the line ready", 60)

    def stop(self) -> int:
        """End by SIGTERM; the exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(60)

    def kill(self) -> None:
        """End by SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(20)

    def remove(self) -> None:
        """Stop if need be, and delete the directory."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def route(self, domain: str, target: str) -> None:
        """Send a domain's mail to ``host:port``; takes effect at the next start."""
        text = self._configured()
        if "[route]" not in text:
            text += "\n[route]\n"
        self.config.write_text(text.replace("[route]\n", f'[route]\n"{domain}" = "{target}"\n'))

    def set(self, section: str, key: str, value: str) -> None:
        """Put a line of TOML into a section of the configuration; takes effect at the next start."""
        text = re.sub(rf"(?m)^{key} = .*\n", "", self._configured())
        self.config.write_text(text.replace(f"[{section}]\n", f"[{section}]\n{key} = {value}\n"))

    def _configured(self) -> str:
        if not self.config.exists():
            prepare(self.directory, self.offset)
        return self.config.read_text()

    def dig(self, name: str, kind: str, *options: str) -> list[str]:
        """What dig says of the demonstration's DNS, by lines; short unless ``options`` say otherwise."""
        port = str(DNS + self.offset)
        done = subprocess.run(
            ["dig", "@127.0.0.1", "-p", port, "+short", "+tries=1", *options, name, kind],
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.splitlines()

    def mailctl(self, *arguments: str) -> str:
        """Run mailctl beside the demonstration; what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "mailsuite.cli.main", "--config", str(self.config), *arguments],
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def smtp(self) -> smtplib.SMTP:
        """A session with port 25's stand-in."""
        return smtplib.SMTP("127.0.0.1", SMTP + self.offset, local_hostname="client.example", timeout=30)

    def send(
        self, to: str, subject: str, body: str = "Hello.\r\n", sender: str = "ann@remote.example", **fields: str
    ) -> None:
        """Hand a message in on port 25."""
        head = {"From": sender, "To": to, "Subject": subject, **{k.replace("_", "-"): v for k, v in fields.items()}}
        text = "".join(f"{name}: {value}\r\n" for name, value in head.items()) + "\r\n" + body
        with self.smtp() as session:
            session.sendmail(sender, [to], text.encode())

    def browser(self, address: str) -> Pages:
        """A logged-in client without JavaScript."""
        pages = Pages(WEB + self.offset)
        pages.login(address)
        return pages


class Stranger(smtplib.SMTP):
    """A client whom a balancer names: ``address`` comes by the PROXY protocol."""

    def __init__(self, port: int, address: str, hostname: str = "out.remote.example") -> None:
        self._header = f"PROXY TCP4 {address} 192.0.2.25 40000 25\r\n".encode()
        super().__init__("127.0.0.1", port, local_hostname=hostname, timeout=30)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        peer = socket.create_connection((host, port), timeout)
        peer.sendall(self._header)
        return peer


class WithDemo:
    """Of a test case: one demonstration for all its tests."""

    demo: Demo

    @classmethod
    def configure(cls, demo: Demo) -> None:
        """What the case needs set or started before."""

    @classmethod
    def setUpClass(cls) -> None:
        """Start it."""
        cls.demo = Demo()
        try:
            cls.configure(cls.demo)
            cls.demo.start()
        except BaseException:
            cls.demo.remove()
            raise

    @classmethod
    def tearDownClass(cls) -> None:
        """End it."""
        cls.demo.remove()


class Pages:
    """A plain HTTP client with a cookie."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.cookie = ""

    def ask(self, method: str, path: str, form: dict[str, str] | None = None) -> tuple[int, str, dict[str, str]]:
        """Status, text and lower-cased header names of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        headers = {"Cookie": self.cookie} if self.cookie else {}
        body = None
        if form is not None:
            body = urlencode(form)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        jar = SimpleCookie(response.headers.get("Set-Cookie", ""))
        if jar:
            self.cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in jar.items())
        return response.status, text, {name.lower(): value for name, value in response.headers.items()}

    def login(self, address: str, password: str = PASSWORD) -> None:
        """Log in, or fail."""
        status, text, _ = self.ask("POST", "/login", {"address": address, "password": password})
        assert status == 303, f"login of {address}: {status} {text[:200]}"

    def page(self, path: str) -> str:
        """The text of a page that must be there."""
        status, text, _ = self.ask("GET", path)
        assert status == 200, f"{path}: {status} {text[:300]}"
        return text

    def subjects(self, folder: str) -> list[str]:
        """The subjects of a list, newest first."""
        return re.findall(r'<span class="t trunc" dir="auto">(.*?)</span>', self.page(f"/mail/{folder}"))

    def thread(self, folder: str, subject: str) -> str:
        """The page of the conversation with this subject."""
        text = self.page(f"/mail/{folder}")
        for href, row in re.findall(r'<a class="txt" href="([^"]+)"(.*?)</a>', text, re.S):
            if f">{subject}<" in row:
                return self.page(href)
        raise AssertionError(f"no {subject!r} in {folder}")

    def send(self, to: str, subject: str, text: str, re_: str = "") -> None:
        """Write a message by the plain form."""
        status, page, _ = self.ask(
            "POST",
            "/mail/send",
            {"to": to, "cc": "", "bcc": "", "subject": subject, "text": text, "re": re_, "key": os.urandom(8).hex()},
        )
        assert status == 303, f"send: {status} {page[:500]}"
