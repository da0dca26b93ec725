"""Signatures on what leaves the running demonstration, and the rotation of its keys; dkimpy judges by its DNS."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import dkim
import pytest
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.testing.ports import free_port
from tests.flows.demo import Demo, Pages, until

pytestmark = [pytest.mark.slow, pytest.mark.peers]

ALICE = "alice@alpha.example"


class DkimFlowTests(SynchronousTestCase):
    """One demonstration, whose mail for remote.example goes to smtp-sink; its DNS records live 3 s."""

    demo: Demo
    alice: Pages

    def setUp(self) -> None:
        """Start both."""
        sink = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin")
        if sink is None:
            raise unittest.SkipTest("smtp-sink is not installed")
        self.kept = Path(tempfile.mkdtemp(prefix="sink-"))
        self.addCleanup(shutil.rmtree, self.kept, ignore_errors=True)
        port = free_port()
        process = subprocess.Popen(
            [sink, "-u", "root", "-d", "%M.", f"127.0.0.1:{port}", "100"], cwd=self.kept, stdin=subprocess.DEVNULL
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        self.demo = Demo()
        self.addCleanup(self.demo.remove)
        self.demo.route("remote.example", f"127.0.0.1:{port}")
        self.demo.set("dns", "ttl", '"3s"')
        self.demo.start()
        self.alice = self.demo.browser(ALICE)
        self.sent = 0

    def txt(self, name: bytes, timeout: int = 5) -> bytes:
        """A TXT record as the demonstration's DNS has it."""
        return "".join(re.findall(r'"([^"]*)"', "".join(self.demo.dig(name.decode(), "TXT")))).encode()

    def send(self) -> bytes:
        """Write a message; it as it came to smtp-sink."""
        self.sent += 1
        subject = f"number {self.sent}"
        self.alice.send("u@remote.example", subject, "hello\n.\n  out  there\n")

        def arrived() -> bytes:
            mails = [path.read_bytes() for path in self.kept.iterdir()]
            return next((mail for mail in mails if f"Subject: {subject}\n".encode() in mail and b"out" in mail), b"")

        return until(arrived, "the message at smtp-sink").replace(b"\n", b"\r\n")

    def signers(self, mail: bytes) -> list[str]:
        """The selectors that signed; those with RSA must hold."""
        signatures = re.findall(rb"DKIM-Signature: .*?\r\n(?![ \t])", mail, re.S)
        selectors = [re.search(rb"s=([^;]+);", each)[1].decode() for each in signatures]  # type: ignore[index]
        for number, selector in enumerate(selectors):
            if selector.endswith("-rsa"):
                self.assertTrue(dkim.DKIM(mail).verify(idx=number, dnsfunc=self.txt), mail.decode())
            else:
                self.assertIn(b"k=ed25519", self.txt(f"{selector}._domainkey.alpha.example".encode()))
        return selectors

    def test_rotation(self) -> None:
        """Both keys sign; new ones are published at once and sign after the TTL; retired ones are gone everywhere."""
        old = [line.split()[1] for line in self.demo.mailctl("dkim", "list", "alpha.example").splitlines()]
        self.assertEqual(self.signers(self.send()), old)
        self.demo.mailctl("dkim", "rotate", "alpha.example")
        listed = [line.split() for line in self.demo.mailctl("dkim", "list", "alpha.example").splitlines()]
        new = [selector for _, selector, *_ in listed if selector not in old]
        self.assertEqual([state for *_, state in listed], ["signs", "signs", "published", "published"])
        self.assertEqual([selector[-4:] for selector in new], ["-rsa", "5519"])
        for selector in (*old, *new):
            until(lambda: self.txt(f"{selector}._domainkey.alpha.example".encode()), f"{selector} in the DNS")  # noqa: B023
        until(lambda: self.signers(self.send()) == new, "signatures by the new keys", 30)
        self.assertIn("old", self.demo.mailctl("dkim", "list", "alpha.example"))
        told = self.demo.mailctl("dkim", "retire", "alpha.example")
        self.assertEqual(told, "".join(f"alpha.example: {selector} is forgotten\n" for selector in old))
        for selector in old:
            until(lambda: not self.txt(f"{selector}._domainkey.alpha.example".encode()), f"{selector} gone")  # noqa: B023
        self.assertEqual(self.signers(self.send()), new)
        self.assertIn("no replaced keys", self.demo.mailctl("dkim", "retire", "alpha.example"))
        with self.assertRaises(subprocess.CalledProcessError) as caught:
            self.demo.mailctl("dkim", "retire", "alpha.example", new[0])
        self.assertIn("signs: rotate first", caught.exception.stderr)
