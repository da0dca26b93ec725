"""Our listener and our client against other people's: swaks, smtp-source, smtp-sink, smtplib, twisted.mail."""

from __future__ import annotations

import email
import os
import shutil
import smtplib
import socket
import subprocess
import tempfile
import unittest
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.threads import deferToThread
from twisted.internet.utils import getProcessOutputAndValue
from twisted.mail.smtp import sendmail
from twisted.trial.unittest import TestCase

from mailsuite.interfaces.transfer import Host
from mailsuite.model.address import Address
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.errors import DestinationBusy, DestinationDown
from mailsuite.model.job import Outcome
from mailsuite.model.status import Status
from mailsuite.net.smtp_client import TransferClient
from mailsuite.net.smtp_server import ServerConfig, SmtpFactory
from mailsuite.smtp.client import Timeouts
from tests.lab.postfix import Postfix
from tests.net.smtp_support import ANN, Role, pause, self_signed, server_tls, until

pytestmark = pytest.mark.peers

ENVIRONMENT = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}


MESSAGE = b"Subject: x\r\n\r\nx\r\n"


def tool(name: str) -> str:
    """The path of a program; the test is skipped without it."""
    path = shutil.which(name, path=ENVIRONMENT["PATH"])
    if path is None:
        raise unittest.SkipTest(f"{name} is not installed")
    return path


async def run(*command: str) -> tuple[int, str]:
    """Exit code and output of a program."""
    out, err, code = await getProcessOutputAndValue(tool(command[0]), command[1:], ENVIRONMENT)
    return code, (out + err).decode("utf-8", "replace")


async def transfer(
    client: TransferClient, port: int, content: bytes = MESSAGE, names: Sequence[str] = ("bob", "cat")
) -> Sequence[Outcome]:
    """One message to recipients at beta.example."""
    recipients = [Recipient(Address(name, "beta.example")) for name in names]

    async def go() -> bool:
        return True

    envelope = Envelope(Address("ann", "alpha.example"), tuple(recipients))
    return await client.transfer(Host("mx.beta.example", ("127.0.0.1",), port), envelope, recipients, content, go)


class ServerPeersTests(TestCase):
    """They send to us."""

    async def serve(self, role: Role | None = None, tls: bool = True) -> int:
        """A listener that offers AUTH under TLS; its port."""
        self.role = role or Role()
        context = server_tls(*self_signed()) if tls else None
        factory = SmtpFactory(reactor, self.role, ServerConfig("mx.alpha.example", auth=True), context)
        listening: Any = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)

        async def stop() -> None:
            await listening.stopListening()
            await factory.drain(1)

        self.addCleanup(lambda: Deferred.fromCoroutine(stop()))
        port: int = listening.getHost().port
        return port

    async def swaks(self, *options: str) -> tuple[int, str]:
        """One run; its exit code is the verdict."""
        port = await self.serve()
        usual = ["--server", f"127.0.0.1:{port}", "--helo", "client.example", "--from", "ann@alpha.example"]
        return await run("swaks", *usual, "--to", "bob@beta.example,cat@beta.example", *options)

    async def test_swaks(self) -> None:
        """swaks delivers one message to two recipients, with a dot at the beginning of a line."""
        code, output = await self.swaks("--body", "..x\n.y\n.")
        self.assertEqual(code, 0, output)
        ((envelope, content),) = self.role.messages
        self.assertEqual([str(r.address) for r in envelope.recipients], ["bob@beta.example", "cat@beta.example"])
        self.assertIn(b"\r\n\r\n..x\r\n.y\r\n.\r\n", content)

    async def test_swaks_pipelined(self) -> None:
        """With --pipeline as well."""
        code, output = await self.swaks("--pipeline")
        self.assertEqual(code, 0, output)
        self.assertEqual(len(self.role.messages), 1)

    async def test_swaks_tls_and_auth(self) -> None:
        """With STARTTLS and each mechanism; a wrong password is exit code 28."""
        for mechanism in ("PLAIN", "LOGIN"):
            login = ["-tls", "--auth", mechanism, "--auth-user", "ann@alpha.example", "--auth-password"]
            code, output = await self.swaks(*login, "right")
            self.assertEqual(code, 0, output)
            self.assertEqual(self.role.clients[-1].account, ANN)
            code, output = await self.swaks(*login, "wrong")
            self.assertEqual(code, 28, output)
            self.assertIn("535 5.7.8", output)

    async def test_swaks_is_refused(self) -> None:
        """A refused recipient is exit code 24 when nobody is left."""

        async def hook(step: str, subject: Any) -> Status | None:
            return Status(550, "5.1.1", "unknown") if step == "rcpt" else None

        port = await self.serve(Role(hook))
        code, output = await run("swaks", "--server", f"127.0.0.1:{port}", "--to", "bob@beta.example")
        self.assertEqual(code, 24, output)
        self.assertIn("550 5.1.1 unknown", output)

    async def test_smtp_source(self) -> None:
        """200 messages in 10 parallel sessions, in many connections and in few (-d), none lost."""
        port = await self.serve()
        for options in ([], ["-d"]):
            self.role.messages.clear()
            code, output = await run(
                "smtp-source", "-s", "10", "-m", "200", "-l", "5000", *options, "-f", "a@alpha.example",
                "-t", "b@beta.example", f"127.0.0.1:{port}",
            )  # fmt: skip
            self.assertEqual(code, 0, output)
            self.assertEqual(len(self.role.messages), 200)

    async def test_smtplib(self) -> None:
        """smtplib sends 8-bit content, SMTPUTF8 and DSN parameters."""
        port = await self.serve()

        def client() -> None:
            with smtplib.SMTP("127.0.0.1", port, local_hostname="client.example") as smtp:
                smtp.ehlo()
                smtp.sendmail(
                    "ünal@alpha.example",
                    ["bøb@beta.example"],
                    "Subject: ü\r\n\r\n.\r\n".encode(),
                    ["BODY=8BITMIME", "SMTPUTF8", "RET=HDRS", "ENVID=Q+2B"],
                    ["NOTIFY=SUCCESS"],
                )
                self.assertEqual(smtp.noop()[0], 250)
                self.assertEqual(smtp.verify("ann")[0], 252)

        await deferToThread(client)
        ((envelope, content),) = self.role.messages
        self.assertEqual((envelope.sender, envelope.ret, envelope.envid), ("ünal@alpha.example", "HDRS", "Q+2B"))
        self.assertEqual(envelope.recipients[0].notify, ("SUCCESS",))
        self.assertEqual(content, "Subject: ü\r\n\r\n.\r\n".encode())

    async def test_twisted_mail(self) -> None:
        """twisted.mail's client sends."""
        port = await self.serve(tls=False)
        message = b"Subject: hello\n\nfrom twisted\n"
        count, replies = await sendmail(
            "127.0.0.1", "ann@alpha.example", ["bob@beta.example"], BytesIO(message), port=port
        )
        self.assertEqual((count, replies[0][1]), (1, 250))
        self.assertEqual(self.role.messages[0][1], message.replace(b"\n", b"\r\n"))


class ClientPeersTests(TestCase):
    """We send to smtp-sink."""

    async def sink(self, *options: str) -> tuple[int, Path]:
        """smtp-sink on a free port, that keeps messages in files: the port, and the directory."""
        directory = Path(tempfile.mkdtemp(prefix="sink-"))
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        process = self.start(directory, *options, f"127.0.0.1:{port}", "100")

        def listens() -> bool:
            if process.poll() is not None:
                raise AssertionError((directory / "stderr").read_text())
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        await until(listens)
        return port, directory

    def start(self, directory: Path, *options: str) -> subprocess.Popen[bytes]:
        """The process; it ends with the test."""
        user = ["-u", "root"] if os.getuid() == 0 else []
        with (directory / "stderr").open("wb") as stderr:
            process = subprocess.Popen(
                [tool("smtp-sink"), *user, "-d", "%M.", *options],
                cwd=directory,
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )

        def stop() -> None:
            process.terminate()
            process.wait()

        self.addCleanup(stop)
        return process

    async def transfer(
        self, port: int, content: bytes = MESSAGE, client: TransferClient | None = None
    ) -> Sequence[Outcome]:
        """One message to two recipients."""
        return await transfer(client or self.client(), port, content)

    def client(self, **timeouts: float) -> TransferClient:
        """Ours; time-outs in seconds."""
        client = TransferClient(reactor, "out.alpha.example", timeouts=Timeouts(**timeouts))
        self.addCleanup(lambda: Deferred.fromCoroutine(client.close()))
        return client

    async def test_delivered(self) -> None:
        """smtp-sink gets the content as it was, with and without PIPELINING and ESMTP."""
        content = b"Subject: hello\r\n\r\n.dot\r\n..\r\n" + b"x" * 900 + b"\r\n"
        for options in ([], ["-p"], ["-e"], ["-8"]):
            port, directory = await self.sink(*options)
            outcomes = await self.transfer(port, content)
            self.assertEqual([o.status.code for o in outcomes], [250, 250], options)

            def kept() -> bytes:
                files = [path for path in directory.iterdir() if path.name != "stderr"]  # noqa: B023
                return files[0].read_bytes() if files else b""

            await until(lambda: b"x" * 900 in kept())
            await pause(0.05)
            stored = email.message_from_bytes(kept())
            self.assertEqual(stored["Subject"], "hello")
            body: Any = stored.get_payload()
            self.assertEqual(body.strip(), ".dot\n..\n" + "x" * 900)

    async def test_refusals(self) -> None:
        """What smtp-sink refuses is an outcome: 5xx and 4xx to MAIL, RCPT, DATA and the dot."""
        for command in ("MAIL", "RCPT", "DATA", "."):
            for option, state in (("-f", "failed"), ("-r", "deferred")):
                port, _ = await self.sink(option, command)
                outcomes = await self.transfer(port)
                self.assertEqual([str(o.state) for o in outcomes], [state, state], (command, option))

    async def test_f062_words(self) -> None:
        """F062: what smtp-sink says of a refusal is the outcome's text, octet for octet."""
        port, _ = await self.sink("-f", "RCPT", "-B", "550 5.7.26 Unauthenticated <mail> from alpha.example; see x?a=b")
        outcomes = await self.transfer(port)
        status = Status(550, "5.7.26", "Unauthenticated <mail> from alpha.example; see x?a=b")
        self.assertEqual([o.status for o in outcomes], [status] * 2)

    async def test_hangs_up(self) -> None:
        """smtp-sink that hangs up, with 421 (-Q) or no word (-q), is down before the dot; after it a deferral."""
        for option in ("-q", "-Q"):
            for command in ("connect", "EHLO", "MAIL", "RCPT", "DATA"):
                port, _ = await self.sink(option, command)
                with self.assertRaises(DestinationDown, msg=f"{option} {command}") as caught:
                    await self.transfer(port)
                self.assertEqual(caught.exception.status.code == 421, option == "-Q", (option, command))
            port, _ = await self.sink(option, ".")
            outcomes = await self.transfer(port)
            self.assertEqual([o.status.code for o in outcomes], [421 if option == "-Q" else 451] * 2)
            self.assertEqual([str(o.state) for o in outcomes], ["deferred"] * 2)

    async def test_slow(self) -> None:
        """smtp-sink that is slow to answer (-w for DATA, -W) is waited for, but not for ever."""
        # While it waits it takes the next command out of turn: without PIPELINING (-p) there is none.
        for options in (["-w", "1"], ["-p", "-W", "MAIL:1"]):
            port, _ = await self.sink(*options)
            outcomes = await self.transfer(port)
            self.assertEqual([o.status.code for o in outcomes], [250, 250])
        port, _ = await self.sink("-p", "-W", "MAIL:60")
        with self.assertRaises(DestinationDown) as caught:
            await self.transfer(port, client=self.client(mail=0.5))
        self.assertIn("timed out after 0.5 s waiting for the reply to MAIL", str(caught.exception))

    async def test_dsn(self) -> None:
        """Who takes over the notices is known: smtp-sink with DSN does, without (-N) it does not."""
        for options, passed in (([], True), (["-N"], False)):
            port, _ = await self.sink(*options)
            outcomes = await self.transfer(port)
            self.assertEqual([o.dsn_passed for o in outcomes], [passed] * 2)

    async def test_reuse(self) -> None:
        """100 messages go over one link to smtp-sink, and the next over another one."""
        port, directory = await self.sink("-c")
        client = self.client()
        for _ in range(101):
            outcomes = await self.transfer(port, client=client)
            self.assertEqual([o.status.code for o in outcomes], [250, 250])
        self.assertEqual(len([path for path in directory.iterdir() if path.name != "stderr"]), 101)
        self.assertEqual(len(client._connections), 1)


class PostfixTests(TestCase):
    """We send to a real Postfix."""

    def start(self, *settings: str) -> Postfix:
        """It takes mail for beta.example."""
        if not Postfix.available() or os.getuid() != 0:
            raise unittest.SkipTest("Postfix is not installed, or we are not root")
        postfix = Postfix("beta.example", *settings)
        self.addCleanup(postfix.stop)
        postfix.start()
        return postfix

    def client(self) -> TransferClient:
        """Ours."""
        client = TransferClient(reactor, "out.alpha.example")
        self.addCleanup(lambda: Deferred.fromCoroutine(client.close()))
        return client

    async def test_f062_three_recipients(self) -> None:
        """F062: Postfix takes one recipient, refuses one, defers one; the next message goes over the same link."""
        postfix = self.start(
            "smtpd_recipient_restrictions="
            "check_recipient_access inline:{ bob@beta.example=REJECT,cat@beta.example=DEFER }"
        )
        client = self.client()
        for number in (1, 2):
            outcomes = await transfer(client, postfix.port, names=("bob", "cat", "dan"))
            self.assertEqual(
                [f"{o.state} {o.status.code} {o.status.enhanced} {o.dsn_passed}" for o in outcomes],
                ["failed 554 5.7.1 False", "deferred 450 4.7.1 False", "delivered 250 2.0.0 True"],
            )
            self.assertEqual(outcomes[0].status.text, "<bob@beta.example>: Recipient address rejected: Access denied")
            await until(lambda: len(postfix.mails()) == number)  # noqa: B023
        self.assertEqual(postfix.log().count(": connect from"), 2)  # the other one is the lab's

    async def test_too_many_connections(self) -> None:
        """Postfix that counts connections, and messages, is busy and not down."""
        postfix = self.start("smtpd_client_connection_count_limit=1", "smtpd_client_event_limit_exceptions=")
        await until(lambda: "disconnect from" in postfix.log())
        await transfer(self.client(), postfix.port)  # its link stays
        with self.assertRaises(DestinationBusy) as caught:
            await transfer(self.client(), postfix.port)
        self.assertIn("421 4.7.0", str(caught.exception))
        postfix = self.start("smtpd_client_message_rate_limit=1", "smtpd_client_event_limit_exceptions=")
        client = self.client()
        await transfer(client, postfix.port)
        with self.assertRaises(DestinationBusy):
            await transfer(client, postfix.port)
        with self.assertRaises(DestinationBusy):
            await transfer(self.client(), postfix.port)

    async def test_size(self) -> None:
        """A message over Postfix's limit is refused before it is sent, and counts as an answer."""
        postfix = self.start("message_size_limit=20000")
        outcomes = await transfer(self.client(), postfix.port, b"Subject: x\r\n\r\n" + b"x\r\n" * 10_000)
        self.assertEqual([f"{o.state} {o.status.enhanced}" for o in outcomes], ["failed 5.3.4"] * 2)

    async def test_idle_link_dies(self) -> None:
        """Postfix ends an idle session: the next message gets a new one, and nobody is told."""
        postfix = self.start("smtpd_timeout=1s", "smtpd_starttls_timeout=1s")
        client = self.client()
        await transfer(client, postfix.port)
        await until(lambda: not client._connections)
        outcomes = await transfer(client, postfix.port)
        self.assertEqual([o.status.code for o in outcomes], [250, 250])
