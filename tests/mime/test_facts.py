"""What rules look at, read from octets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mime.describe import describe
from mailsuite.mime.facts import facts_of
from mailsuite.model.rule import By, On, Rule, When, decide
from mailsuite.model.verdict import NOT_JUDGED


class FactsTests(SynchronousTestCase):
    """facts_of."""

    def test_all(self) -> None:
        """The list id is decoded, domains are in A-labels and as they are read, Cc is with To."""
        content = (
            "From: Jörg <j@bücher.example>\r\nTo: a@x.example\r\nCc: b@x.example\r\nSubject: =?utf-8?q?h=C3=A9?=\r\n"
            "List-Id: =?utf-8?q?Vereins=C3=BCbersicht?=\r\n <news.x.example>\r\n\r\nhi\r\n"
        ).encode()
        found = facts_of(content, describe(content), "hi", NOT_JUDGED, ("c@x.example",))
        self.assertEqual([box.address for box in found.author], ["j@xn--bcher-kva.example", "j@bücher.example"])
        self.assertEqual([box.address for box in found.to], ["a@x.example", "b@x.example"])
        self.assertEqual(found.list_id, "Vereinsübersicht <news.x.example>")
        self.assertEqual((found.subject, found.text, found.size), ("hé", "hi", len(content)))
        self.assertEqual(found.envelope, ("c@x.example",))

    def test_a_domain_is_found_as_people_type_it(self) -> None:
        """However the sender wrote it, in each field with addresses; what cannot be decoded is no fault."""
        for domain in ("bücher.example", "xn--bcher-kva.example", "XN--bcher-kva.example"):
            content = f"From: j@{domain}\r\nTo: k@{domain}\r\n\r\n".encode()
            found = facts_of(content, describe(content), "", NOT_JUDGED, ("l@xn--bcher-kva.example",))
            for on in (On.AUTHOR, On.TO, On.RECIPIENT):
                for value in ("Bücher", "bücher.example", "xn--bcher", "bucher.example"):
                    rule = Rule("r", (When(on, By.CONTAINS, value),), ())
                    self.assertEqual(decide([rule], found).rules, ("r",), (domain, on, value))
        for label in ("xn--", "xn--9", "xn--a-99999999999", "xn--" + "a" * 60):
            content = f"From: j@{label}.example\r\n\r\n".encode()
            author = facts_of(content, describe(content), "", NOT_JUDGED).author
            self.assertEqual(author[0].address, f"j@{label}.example")

    @given(st.binary(max_size=400))
    def test_any_octets(self, content: bytes) -> None:
        """Are a message."""
        head = b"From: " + content + b"\r\nList-Id: " + content + b"\r\n\r\n"
        self.assertEqual(facts_of(head, describe(head), "", NOT_JUDGED).size, len(head))
