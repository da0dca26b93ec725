"""Times as people read them, in their zone: CLDR patterns by Babel."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time, format_timedelta

LANGUAGES = ("en",)
"""The languages of our texts; a date in another one would stand out among them."""

_LAST = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp() * 1000)


class Day(NamedTuple):
    """A heading of a list: ``key`` tells one from another, ``label`` is what people read."""

    key: str
    label: str


@lru_cache(maxsize=64)
def locale_of(accept_language: str) -> Locale:
    """The first locale of an Accept-Language field in a language that we speak."""
    for item in accept_language[:200].split(","):
        tag = item.partition(";")[0].strip()
        try:
            locale = Locale.parse(tag, sep="-")
        except (UnknownLocaleError, ValueError, TypeError):
            continue
        if locale.language in LANGUAGES and locale.territory:
            return locale
    return Locale("en", "GB")


@lru_cache(maxsize=64)
def zone_of(name: str) -> tzinfo:
    """The zone with an IANA name such as ``Europe/Berlin``, else UTC."""
    try:
        return ZoneInfo(name) if name else UTC
    except (KeyError, ValueError, OSError):
        return UTC


class Calendar:
    """Formats times (ms since 1970) for one reader at the time ``now``."""

    def __init__(self, locale: Locale, zone: tzinfo, now: int) -> None:
        self._locale = locale
        self._zone = zone
        self._now = self._at(now)

    @property
    def today(self) -> str:
        """The key of this day."""
        return self._now.date().isoformat()

    def when(self, time: int) -> str:
        """For a list: 12:36 today, 24 Nov this year, else 24 Nov 2025."""
        at = self._at(time)
        if at.date() == self._now.date():
            return self._clock(at)
        return self._date(at)

    def moment(self, time: int) -> str:
        """For a message: 12:36 today, Mon 16:02 within six days, else as in a list."""
        at = self._at(time)
        if timedelta(0) < self._now.date() - at.date() < timedelta(7):
            return f"{format_date(at, 'EEE', self._locale)} {self._clock(at)}"
        return self.when(time)

    def full(self, time: int) -> str:
        """Date, time and zone in full."""
        at = self._at(time)
        return f"{format_date(at, 'full', self._locale)}, {format_time(at, 'medium', locale=self._locale)} {at:%Z}"

    def ago(self, time: int) -> str:
        """6 minutes ago, just now; "" for what is older than a day, or in the future."""
        passed = self._now - self._at(time)
        if not timedelta(0) <= passed < timedelta(1):
            return ""
        if passed < timedelta(minutes=1):
            return "just now"
        return format_timedelta(-passed, granularity="minute", threshold=1, add_direction=True, locale=self._locale)

    def day(self, time: int) -> Day:
        """Today, Yesterday, or the month."""
        at = self._at(time)
        if at.date() == self._now.date():
            return Day(at.date().isoformat(), "Today")
        if at.date() == self._now.date() - timedelta(1):
            return Day(at.date().isoformat(), "Yesterday")
        return Day(f"{at:%Y-%m}", format_skeleton("yMMMM", at, locale=self._locale))

    def iso(self, time: int) -> str:
        """For machines: the datetime attribute of HTML."""
        return self._at(time).isoformat(timespec="seconds")

    def _clock(self, at: datetime) -> str:
        return format_time(at, "short", locale=self._locale)

    def _date(self, at: datetime) -> str:
        same_year = at.year == self._now.year
        return format_skeleton("MMMd" if same_year else "yMMMd", at, locale=self._locale)

    def _at(self, time: int) -> datetime:
        return datetime.fromtimestamp(min(max(time, 0), _LAST) / 1000, self._zone)
