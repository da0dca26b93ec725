"""mailctl alias, forward and domain, as an admin types them."""

from __future__ import annotations

from tests.cli.case import MailctlCase


class MailctlTests(MailctlCase):
    """Where addresses lead."""

    def test_aliases(self) -> None:
        """Added, listed, removed; what cannot work is refused and leaves nothing behind."""
        self.run_("alias", "add", "Sales@alpha.example", "ann@alpha.example", "u@bücher.example")
        self.run_("alias", "add", "@alpha.example", "bob@alpha.example", "abuse@alpha.example")
        self.run_("alias", "add", "info@alpha.example", "sales@alpha.example", "postmaster@alpha.example")
        listed = [
            "@alpha.example bob@alpha.example abuse@alpha.example",
            "info@alpha.example sales@alpha.example postmaster@alpha.example",
            "sales@alpha.example ann@alpha.example u@xn--bcher-kva.example",
        ]
        self.assertEqual(self.run_("alias", "list").splitlines(), listed)
        self.assertEqual(self.run_("alias", "list", "alpha.example").splitlines(), listed)
        self.assertEqual(self.run_("alias", "list", "gone.example"), "")
        self.refused("taken by an account", "alias", "add", "ann@alpha.example", "bob@alpha.example")
        self.refused("an alias already", "alias", "add", "sales@alpha.example", "bob@alpha.example")
        self.refused("not hosted", "alias", "add", "x@gone.example", "bob@alpha.example")
        self.refused("not an address", "alias", "add", "x", "bob@alpha.example")
        self.refused("not an address", "alias", "add", "x@alpha.example", "bob")
        self.refused("there is no alias", "alias", "remove", "x@alpha.example")
        self.run_("alias", "remove", "sales@alpha.example")
        self.assertEqual(self.run_("alias", "list").splitlines(), listed[:2])

    def test_loops_are_told(self) -> None:
        """The way back is shown, through aliases, forwards, catch-alls, details and alias domains."""
        self.run_("domain", "add", "other.example", "--alias-of", "alpha.example")
        self.refused("a@alpha.example → a@alpha.example", "alias", "add", "a@alpha.example", "a+x@other.example")
        self.refused("c@alpha.example is nobody here", "alias", "add", "b@alpha.example", "c@alpha.example")
        self.run_("alias", "add", "b@alpha.example", "ann@alpha.example")
        self.refused("@alpha.example → @alpha.example", "alias", "add", "@alpha.example", "whoever@alpha.example")
        self.refused(
            "ann@alpha.example → b@alpha.example → ann@alpha.example",
            *("forward", "set", "ann@alpha.example", "u@remote.example", "b@alpha.example"),
        )
        self.run_("alias", "add", "@alpha.example", "b@alpha.example")
        self.refused("→ @alpha.example →", "forward", "set", "ann@alpha.example", "whoever@alpha.example")
        self.assertEqual(self.run_("forward", "show"), "")

    def test_forward(self) -> None:
        """Set with and without a copy, shown, cleared."""
        self.run_("forward", "set", "ann@alpha.example", "u@remote.example", "bob@alpha.example")
        kept = "ann@alpha.example goes on to u@remote.example bob@alpha.example; a copy is kept\n"
        self.assertEqual(self.run_("forward", "show"), kept)
        self.run_("forward", "set", "ann@alpha.example", "u@remote.example", "--no-keep")
        self.assertIn("no copy is kept", self.run_("forward", "show", "Ann@alpha.example"))
        self.assertIn("is not forwarded", self.run_("forward", "show", "bob@alpha.example"))
        self.refused("no account", "forward", "set", "gone@alpha.example", "u@remote.example")
        self.run_("forward", "clear", "ann@alpha.example")
        self.assertEqual(self.run_("forward", "show"), "")

    def test_alias_domain(self) -> None:
        """It has keys of its own and says what it is; it can bear nothing."""
        text = self.run_("domain", "add", "other.example", "--alias-of", "Alpha.example")
        self.assertIn("alias of alpha.example", text)
        self.assertRegex(self.run_("domain", "list"), r"(?m)^other\.example \S+ \S+ = alpha\.example$")
        self.refused("alias of alpha.example", "alias", "add", "a@other.example", "ann@alpha.example")
        self.refused("alias of alpha.example", "account", "add", "a@other.example", "--password-stdin")
        self.refused("alias of alpha.example", "domain", "add", "third.example", "--alias-of", "other.example")
        self.refused("not hosted", "domain", "add", "third.example", "--alias-of", "gone.example")
