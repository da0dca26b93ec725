"""The Date field, read only where it is a date, and written (RFC 5322 sections 3.3 and 4.3)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

_MONTHS = {
    name: number + 1
    for number, name in enumerate(("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"))
}
_ZONES = {"est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7}
_TIME = r"(?P<hour>[0-9]{1,2})\s*:\s*(?P<minute>[0-9]{2})(?:\s*:\s*(?P<second>[0-9]{2})(?:\.[0-9]{1,9})?)?"
_DATE = re.compile(
    r"(?:[a-z]{2,9}\.?\s*,?\s*)?(?P<day>[0-9]{1,2})[\s-]+(?P<month>[a-z]{3})[a-z]{0,6}\.?[\s-]+(?P<year>[0-9]{2,4})"
    rf"\s*,?\s+{_TIME}\s*(?:(?:gmt|utc?)?\s*(?P<offset>[+-][0-9]{{2}}:?[0-9]{{2}})|(?P<zone>[a-z]+))?[a-z ]*\Z",
    re.IGNORECASE,
)
_ASCTIME = re.compile(
    r"(?:[a-z]{2,9},?\s+)?(?P<month>[a-z]{3})[a-z]{0,6}\s+(?P<day>[0-9]{1,2}),?\s+"
    rf"{_TIME}\s+(?:(?P<offset>[+-][0-9]{{4}})\s+|(?P<zone>[a-z]+)\s+)?(?P<year>[0-9]{{4}})\Z",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"\s*\(.*\Z", re.DOTALL)


def parse_date(value: str | None) -> int | None:
    """Milliseconds since 1970 of a Date field, None when it is missing or no date and time.

    A missing or unknown zone is UTC (RFC 5322 section 4.3); weekdays and comments are not looked at.
    """
    if value is None:
        return None
    text = _COMMENT.sub("", " ".join(value[:200].split()))
    match = _DATE.match(text) or _ASCTIME.match(text)
    month = _MONTHS.get(match["month"].lower()) if match else None
    if match is None or month is None:
        return None
    year = int(match["year"])
    if len(match["year"]) == 2:
        year += 2000 if year < 50 else 1900
    elif len(match["year"]) == 3:
        year += 1900
    try:
        moment = datetime(
            year,
            month,
            int(match["day"]),
            int(match["hour"]),
            int(match["minute"]),
            min(int(match["second"] or 0), 59),
            tzinfo=UTC,
        )
        moment -= _offset(match["offset"], match["zone"])
    except (ValueError, OverflowError):
        return None
    milliseconds = int(moment.timestamp()) * 1000
    return milliseconds if milliseconds > 0 else None


def format_date(ms: int) -> str:
    """A Date field for a time in milliseconds since 1970, in UTC, e.g. ``Tue, 03 Nov 2026 09:08:07 +0000``."""
    return format_datetime(datetime.fromtimestamp(ms // 1000, UTC))


def _offset(digits: str | None, zone: str | None) -> timedelta:
    if digits is None:
        return timedelta(hours=_ZONES.get((zone or "").lower(), 0))
    minutes = int(digits[1:3]) * 60 + int(digits[-2:])
    if minutes >= 24 * 60:
        raise ValueError("no zone is a day away")
    return timedelta(minutes=-minutes if digits[0] == "-" else minutes)
