"""What rules look at, read from octets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mime.describe import describe
from mailsuite.mime.facts import facts_of
from mailsuite.model.verdict import NOT_JUDGED


class FactsTests(SynchronousTestCase):
    """facts_of."""

    def test_all(self) -> None:
        """The list id is decoded, domains are in A-labels, Cc is with To."""
        content = (
            "From: Jörg <j@bücher.example>\r\nTo: a@x.example\r\nCc: b@x.example\r\nSubject: =?utf-8?q?h=C3=A9?=\r\n"
            "List-Id: =?utf-8?q?Vereins=C3=BCbersicht?=\r\n <news.x.example>\r\n\r\nhi\r\n"
        ).encode()
        found = facts_of(content, describe(content), "hi", NOT_JUDGED, ("c@x.example",))
        self.assertEqual([box.address for box in found.author], ["j@xn--bcher-kva.example"])
        self.assertEqual([box.address for box in found.to], ["a@x.example", "b@x.example"])
        self.assertEqual(found.list_id, "Vereinsübersicht <news.x.example>")
        self.assertEqual((found.subject, found.text, found.size), ("hé", "hi", len(content)))
        self.assertEqual(found.envelope, ("c@x.example",))

    @given(st.binary(max_size=400))
    def test_any_octets(self, content: bytes) -> None:
        """Are a message."""
        head = b"From: " + content + b"\r\nList-Id: " + content + b"\r\n\r\n"
        self.assertEqual(facts_of(head, describe(head), "", NOT_JUDGED).size, len(head))
