"""Names of folders that come back, and under which others stand."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailsuite.model.folder import Folder, brought_back, spelled


class BroughtBackTests(SynchronousTestCase):
    """Folders that were removed."""

    def names(self, gone: tuple[str, ...], own: tuple[str, ...]) -> list[str]:
        """The names under which they are back, by their ids."""
        folders = [Folder(f"f{n}", name) for n, name in enumerate(gone)]
        back = brought_back(folders, [Folder(f"f9{n}", name) for n, name in enumerate(own)])
        return [folder.name for folder in sorted(back, key=lambda folder: folder.id)]

    def test_free(self) -> None:
        """As they were, whatever order they are told in."""
        self.assertEqual(["a/b/c", "a", "a/b"], self.names(("a/b/c", "a", "a/b"), ("d",)))

    def test_taken(self) -> None:
        """What is nested goes where the folder above it goes; the name of a third one is not taken."""
        self.assertEqual(["a (3)", "a (3)/b", "a (3)/b/c"], self.names(("a", "a/b", "a/b/c"), ("A", "a (2)", "A/b")))

    def test_parent(self) -> None:
        """A parent keeps its spelling; without one the folder comes to the top, under no standard name."""
        self.assertEqual(["P/x"], self.names(("p/x",), ("P",)))
        self.assertEqual(["x", "x/y"], self.names(("p/x", "p/x/y"), ()))
        self.assertEqual(["Inbox (2)"], self.names(("p/Inbox",), ()))


class SpelledTests(SynchronousTestCase):
    """Names that were typed in another case."""

    def test_spelled(self) -> None:
        """Levels that are there stand as they are, from the top on; the last one stands as it was typed."""
        own = [Folder("f1", "Top"), Folder("f2", "Top/In"), Folder("f3", "other")]
        for typed, name in (
            ("TOP/in/New", "Top/In/New"),
            ("top/new/in", "Top/new/in"),
            ("TOP", "TOP"),
            ("Other/IN/x", "other/IN/x"),
        ):
            self.assertEqual(name, spelled(typed, own))
