"""The systemd units."""

import re
import shutil
import subprocess
import sys
import tempfile
from configparser import ConfigParser
from pathlib import Path
from unittest import SkipTest

import pytest
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.runtime import sections
from tests.packaging import ROOT
from tests.packaging.test_plugins import DAEMONS, NAMES

UNITS = ROOT / "systemd"


class _Unit(ConfigParser):
    """A unit file: keys keep their case and may be repeated (the last is what we see)."""

    def __init__(self, path: Path) -> None:
        super().__init__(strict=False, interpolation=None, delimiters=("=",))
        self.read(path)

    def optionxform(self, optionstr: str) -> str:
        return optionstr


class UnitTests(SynchronousTestCase):
    """What the units promise each other, the daemons and the settings."""

    def units(self, pattern: str) -> dict[str, _Unit]:
        """Units by name."""
        return {path.name: _Unit(path) for path in sorted(UNITS.glob(pattern))}

    def test_a_unit_for_each_daemon(self) -> None:
        """Each starts the plugin of its own name."""
        services = self.units("*.service")
        self.assertEqual(set(services), {f"{name}.service" for name in NAMES})
        for name, unit in services.items():
            self.assertEqual(unit["Service"]["ExecStart"].split()[-1], name.removesuffix(".service"))

    def test_all_services_are_equally_hardened(self) -> None:
        """They differ in nothing but what they start, and one call for those that keep the private Redis."""
        bodies = set()
        for path in UNITS.glob("*.service"):
            text = path.read_text()
            service = text[text.index("[Service]") : text.index("[Install]")]
            redis = (
                "# setpriv, which starts the private Redis, sets its (empty) capabilities.\nSystemCallFilter=capset\n"
            )
            self.assertEqual(redis in service, path.stem in ("mailsuite", "mailsuite-tend"))
            bodies.add(re.sub(r"(?m)^ExecStart=.*$", "", service.replace(redis, "")))
        self.assertEqual(len(bodies), 1)
        (body,) = bodies
        for line in (
            "NoNewPrivileges=yes",
            "CapabilityBoundingSet=",
            "ProtectSystem=strict",
            "StateDirectoryMode=0750",
        ):
            self.assertIn(line + "\n", body)
        self.assertNotIn("MemoryDenyWriteExecute=yes", body)

    def test_the_settings_name_the_sockets(self) -> None:
        """Each name that the default settings inherit is a socket of the right daemon, in both sets of units."""
        expected = {
            "mailsuite-mx.service": {"smtp"},
            "mailsuite-msa.service": {"submission", "submissions"},
            "mailsuite-dns.service": {"dns"},
            "mailsuite-web.service": {"http"},
        }
        inherited = {
            listen.inherited
            for listens in (
                sections.Mx().listen,
                sections.Msa().listen,
                sections.Msa().listen_tls,
                sections.Dns().listen,
                sections.Web().listen,
            )
            for listen in listens
        }
        self.assertEqual(set().union(*expected.values()), inherited)
        found: dict[str, set[str]] = {}
        for name, unit in self.units("*.socket").items():
            service = unit["Socket"].get("Service", name.replace(".socket", ".service"))
            found.setdefault(service, set()).add(unit["Socket"]["FileDescriptorName"])
        self.assertEqual(found.pop("mailsuite.service"), inherited)
        self.assertEqual(found, expected)

    def test_services_need_their_sockets(self) -> None:
        """A service does not start without a socket that it would then miss."""
        for socket, unit in self.units("*.socket").items():
            name = unit["Socket"].get("Service", socket.replace(".socket", ".service"))
            service = _Unit(UNITS / name)
            self.assertIn(socket, service["Unit"]["Requires"].split())
            self.assertIn(socket, (UNITS / name).read_text().split("After=")[-1].split("\n")[0].split())

    def test_one_process_or_many(self) -> None:
        """mailsuite.service excludes the single daemons, and its sockets theirs; nothing starts it by default."""
        everything = _Unit(UNITS / "mailsuite.service")
        self.assertEqual(
            set(everything["Unit"]["Conflicts"].split()), {f"mailsuite-{daemon}.service" for daemon in DAEMONS}
        )
        self.assertNotIn("mailsuite.target", (UNITS / "mailsuite.service").read_text().split("[Unit]")[1])
        for name, unit in self.units("mailsuite-all-*.socket").items():
            single = name.replace("-all", "")
            self.assertEqual(unit["Unit"]["Conflicts"], single)
            alone = _Unit(UNITS / single)["Socket"]
            ours = {key: value for key, value in unit["Socket"].items() if key != "Service"}
            self.assertEqual({key: value for key, value in alone.items() if key != "Service"}, ours)

    def test_the_single_daemons_follow_the_target(self) -> None:
        """The target starts them, and stops and restarts them with their sockets."""
        for daemon in DAEMONS:
            unit = _Unit(UNITS / f"mailsuite-{daemon}.service")
            self.assertEqual(unit["Install"]["WantedBy"], "mailsuite.target")
            self.assertEqual(unit["Unit"]["PartOf"], "mailsuite.target")
        for name, unit in self.units("*.socket").items():
            self.assertEqual(unit["Install"]["WantedBy"], "sockets.target")
            self.assertEqual(unit["Unit"].get("PartOf") == "mailsuite.target", "-all-" not in name)

    @pytest.mark.peers
    def test_systemd_accepts_them(self) -> None:
        """systemd-analyze verify has nothing to say."""
        if shutil.which("systemd-analyze") is None:
            raise SkipTest("systemd-analyze is not installed")
        twistd = Path(sys.executable).with_name("twistd")
        with tempfile.TemporaryDirectory() as directory:
            for path in UNITS.iterdir():
                text = path.read_text().replace("/usr/lib/mailsuite/bin/twistd", str(twistd))
                Path(directory, path.name).write_text(text)
            done = subprocess.run(
                ["systemd-analyze", "verify", "--man=no", *sorted(map(str, Path(directory).iterdir()))],
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
        ours = [line for line in done.stderr.splitlines() if "mailsuite" in line or directory in line]
        self.assertEqual((done.returncode, ours), (0, []), done.stderr)
