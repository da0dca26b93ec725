"""Times as people read them. Expected texts are those of CLDR 47's charts for en-GB and en-US."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailsuite.web.dates import Calendar, locale_of, zone_of


def ms(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp() * 1000)  # type: ignore[arg-type,misc]


class CalendarTests(SynchronousTestCase):
    """Wednesday, 25 November 2026, 12:42 UTC."""

    def setUp(self) -> None:
        self.calendar = Calendar(locale_of("en-GB"), UTC, ms(2026, 11, 25, 12, 42))

    def test_list(self) -> None:
        """The time today, the day this year, with the year before."""
        self.assertEqual(self.calendar.when(ms(2026, 11, 25, 12, 36)), "12:36")
        self.assertEqual(self.calendar.when(ms(2026, 11, 24, 12, 36)), "24 Nov")
        self.assertEqual(self.calendar.when(ms(2025, 11, 24, 12, 36)), "24 Nov 2025")

    def test_message(self) -> None:
        """The weekday too, while it is unique."""
        self.assertEqual(self.calendar.moment(ms(2026, 11, 23, 16, 2)), "Mon 16:02")
        self.assertEqual(self.calendar.moment(ms(2026, 11, 19, 16, 2)), "Thu 16:02")
        self.assertEqual(self.calendar.moment(ms(2026, 11, 18, 16, 2)), "18 Nov")

    def test_headings(self) -> None:
        """Today, Yesterday, then months."""
        self.assertEqual(self.calendar.day(ms(2026, 11, 25)).label, "Today")
        self.assertEqual(self.calendar.day(ms(2026, 11, 24, 23, 59)).label, "Yesterday")
        self.assertEqual(self.calendar.day(ms(2026, 11, 23)), ("2026-11", "November 2026"))
        self.assertEqual(self.calendar.day(ms(2025, 2, 1)), ("2025-02", "February 2025"))

    def test_ago(self) -> None:
        """In words for a day, then no more."""
        self.assertEqual(self.calendar.ago(ms(2026, 11, 25, 12, 36)), "6 minutes ago")
        self.assertEqual(self.calendar.ago(ms(2026, 11, 25, 11, 42)), "1 hour ago")
        self.assertEqual(self.calendar.ago(ms(2026, 11, 25, 12, 41, 30)), "just now")
        self.assertEqual(self.calendar.ago(ms(2026, 11, 20)), "")
        self.assertEqual(self.calendar.ago(ms(2026, 11, 26)), "")

    def test_zone(self) -> None:
        """The reader's midnight counts: 23:30 UTC is tomorrow in Berlin."""
        berlin = Calendar(locale_of("en-GB"), zone_of("Europe/Berlin"), ms(2026, 11, 25, 23, 30))
        self.assertEqual(berlin.today, "2026-11-26")
        self.assertEqual(berlin.when(ms(2026, 11, 25, 23, 15)), "00:15")
        self.assertEqual(berlin.day(ms(2026, 11, 25, 12)).label, "Yesterday")

    def test_american(self) -> None:
        """The reader's habits count."""
        calendar = Calendar(locale_of("en-US,en;q=0.9"), UTC, ms(2026, 11, 25, 12, 42))
        self.assertEqual(calendar.when(ms(2026, 11, 24)), "Nov 24")
        self.assertEqual(calendar.when(ms(2026, 11, 25, 12, 36)).replace("\u202f", " "), "12:36 PM")

    def test_unknown_locales(self) -> None:
        """A language that the pages are not in, or nonsense, gives the default."""
        for header in ("de-DE,de;q=0.9", "", "*", "xx-YY", "en", ";;;,", "en_GB/../x", "\x00" * 300):
            self.assertEqual(str(locale_of(header)), "en_GB", header)

    def test_unknown_zones(self) -> None:
        """Nonsense in the cookie gives UTC, and reads no other file."""
        for name in ("", "Nowhere/City", "../../etc/passwd", "/etc/passwd", "Europe", "\x00", "a" * 5000):
            self.assertEqual(zone_of(name), UTC, name)

    @settings(max_examples=100, deadline=None)
    @given(st.integers(min_value=-(2**70), max_value=2**70))
    def test_any_time(self, time: int) -> None:
        """No number makes a page fail."""
        for text in (self.calendar.when(time), self.calendar.moment(time), self.calendar.full(time)):
            self.assertTrue(text)
        self.calendar.ago(time)
        self.assertTrue(self.calendar.day(time).label)
        self.assertTrue(
            datetime.fromisoformat(self.calendar.iso(time)) - datetime(1970, 1, 1, tzinfo=UTC) >= timedelta(0)
        )
