"""Rules of docs/architecture.md that the import contracts of setup.cfg cannot say."""

import ast
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).parents[1]
PRODUCT = ROOT / "mailsuite"
ROLES = ("mta", "msa", "mda", "mailbox", "queue")
LONGEST = 400
OF_TWISTED = ("twisted.logger", "twisted.internet.defer")
"""What the roles may import of Twisted."""


def modules(*folders: Path) -> Iterator[tuple[Path, ast.Module]]:
    """The modules below the folders."""
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            yield path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(tree: ast.Module) -> Iterator[str]:
    """The full names of what a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{name.name}" for name in node.names)


class ArchitectureTests(SynchronousTestCase):
    """The tree as it is."""

    def test_no_module_is_too_long(self) -> None:
        """400 lines are too long for one purpose; only lists of test cases may be longer."""
        long = {
            str(path): count
            for path, _ in modules(PRODUCT)
            if path.parts[1] != "testing"
            and (count := len((ROOT / path).read_text(encoding="utf-8").splitlines())) > LONGEST
        }
        self.assertEqual(long, {})

    def test_every_module_says_what_it_is_for(self) -> None:
        """A docstring, of tests and benches too."""
        mute = [
            str(path)
            for path, tree in modules(PRODUCT, ROOT / "tests", ROOT / "bench", ROOT / "twisted")
            if not ast.get_docstring(tree)
        ]
        self.assertEqual(mute, [])

    def test_public_things_are_described(self) -> None:
        """Each public class and top-level function of the product has a docstring."""
        mute = [
            f"{path}: {node.name}"
            for path, tree in modules(PRODUCT)
            for node in tree.body
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and not node.name.startswith("_")
            and not ast.get_docstring(node)
        ]
        self.assertEqual(mute, [])

    def test_every_test_says_what_must_hold(self) -> None:
        """Each test has a docstring."""
        mute = [
            f"{path}: {node.name}"
            for path, tree in modules(ROOT / "tests", PRODUCT / "testing")
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and node.name.startswith("test_")
            and not ast.get_docstring(node)
        ]
        self.assertEqual(mute, [])

    def test_twisted_finds_plugins_of_others(self) -> None:
        """An __init__.py under twisted/ would hide Twisted itself."""
        self.assertEqual(list((ROOT / "twisted").rglob("__init__.py")), [])
        self.assertTrue((ROOT / "twisted/plugins/mailsuite_services.py").is_file())

    def test_roles_are_free_of_transports(self) -> None:
        """Of Twisted the roles know Deferreds and the logger, nothing else."""
        strangers = [
            f"{path}: {name}"
            for path, tree in modules(*(PRODUCT / role for role in ROLES))
            for name in imported(tree)
            if name.partition(".")[0] == "twisted" and not name.startswith(OF_TWISTED)
        ]
        self.assertEqual(strangers, [])

    def test_daemons_choose_the_adapters(self) -> None:
        """Outside its own folder an adapter is imported by daemons and cli only."""
        adapters = ("mailsuite.sqlite", "mailsuite.mongo", "mailsuite.redis", "mailsuite.web", "mailsuite.net")
        strangers = []
        for path, tree in modules(PRODUCT):
            room = path.parts[1]
            if room in ("daemons", "cli", "testing"):
                continue
            strangers += [
                f"{path}: {name}"
                for name in imported(tree)
                if name.startswith(tuple(f"{adapter}." for adapter in adapters if adapter != f"mailsuite.{room}"))
            ]
        self.assertEqual(strangers, [])
