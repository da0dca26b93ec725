"""mailctl filter and mailctl vacation, as an admin types them."""

from __future__ import annotations

import json

from tests.cli.case import MailctlCase

RULE = """
name = "Bills"
when = [{ on = "subject", by = "word", value = "bill" }]
then = [{ do = "file", target = "archive" }, { do = "star" }]
"""


class FilterTests(MailctlCase):
    """Rules from files."""

    def write(self, text: str | bytes) -> str:
        """A file with a rule."""
        path = self.config.with_name("rule.toml")
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    def test_rules(self) -> None:
        """Added from TOML and JSON, listed in a form that can be added again, tried, removed."""
        self.assertEqual(self.run_("filter", "list", "ann@alpha.example"), "")
        self.run_("filter", "add", "ann@alpha.example", self.write(RULE))
        text = '{"name": "All", "then": [{"do": "forward", "target": "x@bücher.example"}]}'
        self.run_("filter", "add", "--first", "Ann@alpha.example", self.write(text))
        first, second = map(json.loads, self.run_("filter", "list", "ann@alpha.example").splitlines())
        self.assertEqual(first["then"], [{"do": "forward", "target": "x@xn--bcher-kva.example"}])
        self.assertEqual((second["name"], second["then"][0]["target"]), ("Bills", "archive"))
        self.run_("filter", "remove", "ann@alpha.example", "bills")
        self.run_("filter", "add", "ann@alpha.example", self.write(json.dumps(second)))
        self.assertEqual(len(self.run_("filter", "list", "ann@alpha.example").splitlines()), 2)
        self.assertEqual(self.run_("filter", "test", "ann@alpha.example"), "0 of the last 100 messages\n")

    def test_errors(self) -> None:
        """Say which rule, which field, and what would be right; nothing is kept."""
        add = ("filter", "add", "ann@alpha.example")
        self.refused(
            "rule 'Bills': then[0].target: there is no folder 'x'", *add, self.write(RULE.replace("archive", "x"))
        )
        self.refused("when[0].by: Invalid enum value 'worte'", *add, self.write(RULE.replace('"word"', '"worte"')))
        self.refused("cannot be read", *add, self.write("name = "))
        self.refused("cannot be read", *add, self.write("{"))
        self.refused("rule.toml cannot be read: octet 8 is no UTF-8", *add, self.write(b'name = "\xfc"'))
        self.refused("too large: 100,000 octets", *add, self.write("#" * 100_001))
        self.refused("nested too deep", *add, self.write('{"a":' * 15_000))
        self.refused("- cannot be read: Expected", *add, "-")
        self.refused("nested too deep", *add, self.write("a = " + "[" * 15_000))
        self.refused(
            "rule 'x': then[0].target: ", *add, self.write(r'{"name":"x","then":[{"do":"file","target":"\ud800"}]}')
        )
        self.refused("name: from 1 to 100", *add, self.write(r'{"name": "\ud800", "then": [{"do": "star"}]}'))
        self.refused("there is no account", "filter", "list", "x@alpha.example")
        forward = '{"name": "All", "then": [{"do": "forward", "target": "TO"}]}'
        self.refused("nobody here", *add, self.write(forward.replace("TO", "nobody@alpha.example")))
        self.refused("that is a loop", *add, self.write(forward.replace("TO", "ann+x@alpha.example")))
        self.refused("there is no rule 'x'", "filter", "remove", "ann@alpha.example", "x")
        self.run_(*add, self.write(RULE))
        self.refused("there is a rule 'Bills' already", *add, self.write(RULE))
        self.assertEqual(len(self.run_("filter", "list", "ann@alpha.example").splitlines()), 1)

    def test_vacation(self) -> None:
        """Set, shown, switched off."""
        ann = "ann@alpha.example"
        self.assertIn("is not answered", self.run_("vacation", "show", ann))
        self.run_("vacation", "set", ann, "--text", "Bin weg", "--subject", "weg", "--end", "2030-02-03", "--days", "3")
        shown = self.run_("vacation", "show", ann)
        self.assertIn("from now until 2030-02-03 00:00 UTC, a sender once in 3 days\nSubject: weg\nBin weg\n", shown)
        self.refused("text: there must be one", "vacation", "set", ann)
        self.refused("end: ", "vacation", "set", ann, "--text", "x", "--start", "2030-02-03", "--end", "2030-02-03")
        self.refused("not both", "vacation", "set", ann, "--text", "x", "--text-file", self.write("y"))
        self.refused("octet 1 is no UTF-8", "vacation", "set", ann, "--text-file", self.write(b"F\xfcr"))
        self.refused("too large", "vacation", "set", ann, "--text-file", self.write("x" * 80_001))
        self.run_("vacation", "set", ann, "--text-file", self.write("Aus der Datei"))
        self.assertIn("Aus der Datei", self.run_("vacation", "show", ann))
        self.run_("vacation", "off", ann)
        self.assertIn("is not answered", self.run_("vacation", "show", ann))
