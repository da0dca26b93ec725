"""What an alias or a forward may lead to."""

from __future__ import annotations

from mailsuite.mda.find import Finder
from mailsuite.mda.targets import check_targets, read_targets
from mailsuite.model.alias import TARGETS, Alias
from mailsuite.testing.builders import NOW
from tests.mda.test_accounts import AccountsCase

ANN, BOB = "ann@alpha.example", "bob@beta.example"


class TargetsTests(AccountsCase):
    """Read and checked before they are kept."""

    def check(self, source: str, *targets: str) -> str:
        """What is wrong, "" for nothing; the alias is not there yet."""
        proposed = Alias(source, targets, NOW)

        async def wrong() -> str:
            try:
                await check_targets(Finder(self.directory, "+", proposed=proposed), source, targets)
            except ValueError as error:
                return str(error)
            return ""

        return self.now(wrong())

    def test_read(self) -> None:
        """Each once, in order, as A-labels; too many are refused."""
        self.assertEqual(
            read_targets(("B@x.example", ANN, "b@X.example", "u@bücher.example")),
            ("B@x.example", ANN, "u@xn--bcher-kva.example"),
        )
        many = tuple(f"u{n}@x.example" for n in range(TARGETS))
        self.assertEqual(read_targets(many), many)
        self.assertRaises(ValueError, read_targets, (*many, "one@more.example"))
        self.assertRaises(ValueError, read_targets, ("x",))

    def test_nobody(self) -> None:
        """One of ours must be there; what is elsewhere cannot be known; roles are there when somebody is."""
        self.assertIn("is nobody here", self.check("a@alpha.example", "abuse@alpha.example"))
        self.add(ANN)
        for target in (ANN, "ann+x@other.example", "abuse@alpha.example", "u@remote.example"):
            self.assertEqual(self.check("a@alpha.example", target), "")
        self.assertIn("gone@alpha.example is nobody", self.check("a@alpha.example", ANN, "gone@alpha.example"))

    def test_loops(self) -> None:
        """The whole way back is told; a loop of others is not this one's."""
        self.add(ANN, to=("mid@beta.example",))
        self.add(BOB)
        self.alias("mid@beta.example", BOB, "a@alpha.example")
        self.assertIn(
            "a@alpha.example → ann@alpha.example → mid@beta.example → a@alpha.example",
            self.check("a@alpha.example", BOB, "Ann+x@other.example"),
        )
        self.assertIn("@alpha.example → @alpha.example", self.check("@alpha.example", "anybody@other.example"))
        self.assertEqual(self.check("@beta.example", "postmaster@beta.example"), "")
        self.alias("l1@alpha.example", "l2@alpha.example")
        self.alias("l2@alpha.example", "l1@alpha.example")
        self.assertEqual(self.check("b@alpha.example", "l1@alpha.example", BOB), "")
