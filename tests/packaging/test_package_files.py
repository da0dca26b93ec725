"""What setup.cfg and debian/ ship of the tree."""

from configparser import ConfigParser
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.packaging import ROOT
from tests.packaging.test_plugins import DAEMONS


class WebrootTests(SynchronousTestCase):
    """The webmail's files."""

    def test_every_file_is_installed(self) -> None:
        """Each file of webroot/ is matched by data_files and lands under share/mailsuite with its folders."""
        setup = ConfigParser()
        setup.read(ROOT / "setup.cfg")
        installed = set()
        for target, patterns in setup["options.data_files"].items():
            for pattern in patterns.split():
                for path in ROOT.glob(pattern):
                    installed.add(path.relative_to(ROOT))
                    self.assertEqual(Path(target), "share/mailsuite" / path.parent.relative_to(ROOT))
        present = {path.relative_to(ROOT) for path in (ROOT / "webroot").rglob("*") if path.is_file()}
        self.assertTrue(present)
        self.assertEqual(installed, present)


class DebianTests(SynchronousTestCase):
    """The packages."""

    def test_every_unit_is_in_one_package(self) -> None:
        """Each unit is shipped by the package of its daemon, the rest by mailsuite-core, none twice."""
        shipped: dict[str, str] = {}
        for path in sorted((ROOT / "debian").glob("*.install")):
            for line in path.read_text().splitlines():
                source, target = line.split()
                if target == "lib/systemd/system/":
                    for unit in ROOT.glob(source):
                        self.assertNotIn(unit.name, shipped)
                        shipped[unit.name] = path.stem
        self.assertEqual(set(shipped), {path.name for path in (ROOT / "systemd").iterdir()})
        for name, package in shipped.items():
            daemon = name.removeprefix("mailsuite-").partition(".")[0].partition("-")[0]
            self.assertEqual(package, f"mailsuite-{daemon}" if daemon in DAEMONS else "mailsuite-core", name)

    def test_a_package_for_each_daemon(self) -> None:
        """control has them all, and the package mailsuite needs each."""
        control = (ROOT / "debian/control").read_text()
        paragraphs = {
            paragraph.split("\n", 1)[0].removeprefix("Package: "): paragraph
            for paragraph in control.split("\n\n")
            if paragraph.startswith("Package: ")
        }
        self.assertEqual(set(paragraphs), {"mailsuite", "mailsuite-core", *(f"mailsuite-{name}" for name in DAEMONS)})
        for name in DAEMONS:
            self.assertIn(f"mailsuite-{name}", paragraphs["mailsuite"])
            self.assertIn("mailsuite-core (>= ${source:Version})", paragraphs[f"mailsuite-{name}"])
