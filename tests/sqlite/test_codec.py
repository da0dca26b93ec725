"""Columns of JSON: what goes in comes out, and what is damaged is Undecodable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.model.address import Address, Mailbox
from mailsuite.model.envelope import Envelope, Recipient
from mailsuite.model.errors import Undecodable
from mailsuite.model.job import Attempt, PlanEntry, RecipientResult, RecipientState
from mailsuite.model.message import Description, Part
from mailsuite.model.status import Status
from mailsuite.sqlite import codec

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
texts = st.lists(text, max_size=3).map(tuple)
numbers = st.integers(-(2**63), 2**63 - 1)
flags = st.booleans()


def many(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(values, max_size=3).map(tuple)


addresses = st.builds(Address, text, text)
mailboxes = st.builds(Mailbox, text, text)
recipients = st.builds(Recipient, addresses, texts, text)
envelopes = st.builds(Envelope, st.none() | addresses, many(recipients), flags, text, text, text, flags)
statuses = st.builds(Status, numbers, text, text)
results = st.builds(RecipientResult, recipients, st.sampled_from(RecipientState), st.none() | statuses, text, numbers)
plans = st.builds(PlanEntry, numbers, text, many(recipients), flags)
attempts = st.builds(Attempt, numbers, text, text)


def part(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Part]:
    return st.builds(Part, text, text, text, text, text, text, text, numbers, numbers, children)


parts = st.recursive(part(st.just(())), lambda inner: part(many(inner)), max_leaves=5)
descriptions = st.builds(
    Description,
    text,
    texts,
    *[many(mailboxes)] * 4,
    text,
    st.none() | numbers,
    parts,
    text,
    flags,
    texts,
)

COLUMNS: tuple[tuple[Callable[[str], Any], st.SearchStrategy[Any]], ...] = (
    (codec.envelope, envelopes),
    (codec.plan, many(plans)),
    (codec.recipients, many(results)),
    (codec.history, many(attempts)),
    (codec.description, descriptions),
    (codec.mailboxes, many(mailboxes)),
    (codec.strings, texts),
)


class CodecTests(SynchronousTestCase):
    """encode and decode."""

    def test_there_and_back(self) -> None:
        """Every value is read back as it was, of the same types."""

        @settings(max_examples=40, deadline=None)
        @given(st.data())
        def check(data: st.DataObject) -> None:
            for reader, values in COLUMNS:
                value = data.draw(values)
                back = codec.decode(reader, codec.encode(value), "a row")
                self.assertEqual(value, back)
                self.assertIs(type(value), type(back))

        check()

    def test_cut_off(self) -> None:
        """A column that was cut off anywhere is Undecodable, and the error names the row."""

        @settings(max_examples=60, deadline=None)
        @given(st.data())
        def check(data: st.DataObject) -> None:
            for reader, values in COLUMNS:
                whole = codec.encode(data.draw(values))
                cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
                with self.assertRaises(Undecodable) as caught:
                    codec.decode(reader, cut, "job q1.0")
                self.assertIn("job q1.0", str(caught.exception))

        check()

    def test_damage(self) -> None:
        """What is no JSON, of another shape or nested without end is Undecodable in every column."""
        for column in ("", "{", "null", "[null]", "[{}]", "[1]", "[[" * 5000, '{"children":[' * 5000):
            for reader, _ in COLUMNS:
                self.assertRaises(Undecodable, codec.decode, reader, column, "a row")

    def test_wrong_types(self) -> None:
        """Reading is strict: a number is no text, an unknown state no state, a missing field no default."""
        for reader, column in (
            (codec.strings, "[1]"),
            (codec.mailboxes, '[{"name":"a"}]'),
            (codec.history, '[{"at":"1","worker":"w","text":"t"}]'),
            (codec.recipients, '[{"recipient":{"address":{"local":"a","domain":"b"}},"state":"gone"}]'),
            (codec.envelope, '{"reverse_path":null}'),
        ):
            self.assertRaises(Undecodable, codec.decode, reader, column, "a row")
