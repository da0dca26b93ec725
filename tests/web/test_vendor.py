"""Files from elsewhere, and what templates and modules may not hold."""

from __future__ import annotations

import re
import tomllib
from hashlib import sha256
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

WEBROOT = Path(__file__).parents[2] / "webroot"


FORBIDDEN = {
    "an inline handler": r"\son[a-z]+\s*=\s*[\"']",
    "an inline style": r"\sstyle\s*=",
    "a style element": r"<style",
    "an inline script": r"<script(?![^>]*\ssrc=)",
    "hx-on": r"\bhx-on\b",
    "evaluated values": r"[\"']js:",
    "javascript:": r"javascript:",
    "a trigger filter": r"hx-trigger\s*=\s*[\"'][^\"']*\[",
    "an address elsewhere": r"(?:src|href|action)\s*=\s*[\"'](?:https?:)?//",
}


class VendorTests(SynchronousTestCase):
    """webroot/vendor is what vendor.toml says."""

    def setUp(self) -> None:
        self.packages = tomllib.loads((WEBROOT / "vendor" / "vendor.toml").read_text())["package"]

    def test_hashes(self) -> None:
        """Every file is listed once with its SHA-256, and nothing else lies there."""
        listed = {name: digest for package in self.packages for name, digest in package["sha256"].items()}
        found = {
            path.name: sha256(path.read_bytes()).hexdigest()
            for path in (WEBROOT / "vendor").iterdir()
            if path.name != "vendor.toml"
        }
        self.assertEqual(listed, found)

    def test_described(self) -> None:
        """Name, exact version, licence and its text; the source stands beside what is minified."""
        for package in self.packages:
            self.assertTrue(package["name"] and package["origin"] and package["licence"])
            self.assertRegex(package["version"], r"\A\d+\.\d+\.\d+\Z")
            self.assertIn(package["licence_file"], package["sha256"])
            for name in package["sha256"]:
                if ".min." in name:
                    self.assertIn(name.replace(".min.", "."), package["sha256"])


class CleanlinessTests(SynchronousTestCase):
    """Nothing that our own policy would stop, and nothing that evaluates text."""

    def test_templates(self) -> None:
        """The frame of a message has its own policy, which allows its style, and nothing else."""
        for path in (WEBROOT / "templates").iterdir():
            text = path.read_text()
            for what, pattern in FORBIDDEN.items():
                if what == "a style element" and path.name == "_body.html":
                    continue
                self.assertIsNone(re.search(pattern, text, re.I), f"{what} in {path.name}")

    def test_modules(self) -> None:
        """No eval, no HTML from text, no address elsewhere."""
        for path in (WEBROOT / "static").glob("*.mjs"):
            text = path.read_text()
            for word in (
                r"\beval\(",
                r"new Function",
                r"innerHTML",
                r"outerHTML\s*=",
                r"insertAdjacentHTML",
                r"https?://",
            ):
                self.assertIsNone(re.search(word, text), f"{word} in {path.name}")

    def test_icons(self) -> None:
        """Every icon that a template names is in the sprite."""
        sprite = (WEBROOT / "vendor" / "icons.svg").read_text()
        for path in (WEBROOT / "templates").iterdir():
            for name in re.findall(r"\b(?:i|ib)\('([a-z0-9-]+)'", path.read_text()):
                self.assertIn(f'id="{name}"', sprite, f"{name} of {path.name}")

    def test_size_of_modules(self) -> None:
        """The modules stay small enough to be read: at most 500 lines together."""
        self.assertLessEqual(sum(len(p.read_text().splitlines()) for p in (WEBROOT / "static").glob("*.mjs")), 500)
