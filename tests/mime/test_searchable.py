"""The text of a message that a search looks through."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.mime.searchable import CHARACTERS, searchable
from mailsuite.mime.structure import structure


def text_of(raw: str) -> str:
    """The searchable text of a message."""
    octets = raw.replace("\n", "\r\n").encode()
    return searchable(octets, structure(octets))


def multipart(kind: str, *parts: str) -> str:
    """A multipart whose parts are given with their headers."""
    body = "".join(f"--{kind}\n{part}\n" for part in parts)
    return f"Content-Type: multipart/{kind}; boundary={kind}\n\n{body}--{kind}--\n"


PLAIN = "Content-Type: text/plain\n\nplain words"
HTML = "Content-Type: text/html\n\n<p>rich <b>words</b></p>"
FILE = 'Content-Type: application/pdf; name="Bericht.pdf"\nContent-Transfer-Encoding: base64\n\nAAAA'


class SearchableTests(SynchronousTestCase):
    """searchable."""

    def test_one_part(self) -> None:
        """Text as it is read; HTML without its tags; files only by their names."""
        self.assertEqual("plain words", text_of(PLAIN).strip())
        self.assertEqual("rich words", text_of(HTML).strip())
        self.assertEqual("Bericht.pdf", text_of(FILE).strip())

    def test_alternatives(self) -> None:
        """The plain text counts; when it is empty the HTML does."""
        self.assertEqual("plain words", text_of(multipart("alternative", PLAIN, HTML)).strip())
        empty = "Content-Type: text/plain\n\n  "
        self.assertEqual("rich words", text_of(multipart("alternative", empty, HTML)).strip())

    def test_all_parts(self) -> None:
        """Every text part, of attached messages too, and every name."""
        attached = f"Content-Type: message/rfc822\n\nSubject: inner\n{PLAIN.replace('plain', 'inner')}"
        notes = 'Content-Type: text/csv\nContent-Disposition: attachment; filename="table.csv"\n\none,two'
        found = text_of(multipart("mixed", multipart("alternative", PLAIN, HTML), attached, notes, FILE)).split()
        for word in ("plain", "inner", "one,two", "table.csv", "Bericht.pdf"):
            self.assertIn(word, found)
        self.assertNotIn("rich", found)

    def test_limit(self) -> None:
        """There is an end to it, names of files come all the same."""
        text = text_of(multipart("mixed", f"Content-Type: text/plain\n\n{'x ' * CHARACTERS}", FILE))
        self.assertLess(len(text), CHARACTERS + 100)
        self.assertIn("Bericht.pdf", text)

    @given(st.binary(max_size=300))
    def test_any_octets(self, raw: bytes) -> None:
        """Never raises."""
        searchable(raw, structure(raw))
