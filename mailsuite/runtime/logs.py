"""Events as lines: for a person, for journald (sd-daemon(3) priorities), or as JSON.

What is logged are a format and named fields; no line can be forged by a field, for control characters are escaped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent
from zope.interface import implementer

_PRIORITY = {LogLevel.debug: 7, LogLevel.info: 6, LogLevel.warn: 4, LogLevel.error: 3, LogLevel.critical: 2}
_RANK = {level: rank for rank, level in enumerate(_PRIORITY)}
_ESCAPES = {c: f"\\x{c:02x}" for c in (*range(32), *range(127, 160))} | {0x2028: "\\u2028", 0x2029: "\\u2029"}
_OF_TWISTED = frozenset(
    ("time", "system", "isError", "failure", "why", "format", "message", "logLevel", "log_failure", "log_trace")
)


def _formatted(event: LogEvent) -> str:
    """As formatEvent, which takes ten times as long for what is needed of it nearly always."""
    text = event.get("log_format")
    if isinstance(text, str) and "()" not in text:
        try:
            return text.format_map(event)
        except Exception:
            return formatEvent(event)  # which says in the line what is wrong with it
    return formatEvent(event)


def _text(event: LogEvent) -> str:
    return _formatted(event).translate(_ESCAPES)


def _traceback(event: LogEvent) -> list[str]:
    failure = event.get("log_failure")
    return [] if failure is None else [line.translate(_ESCAPES) for line in failure.getTraceback().splitlines()]


def _level(event: LogEvent) -> Any:
    return event.get("log_level") or LogLevel.info


def _time(event: LogEvent) -> str:
    at = datetime.fromtimestamp(event.get("log_time", 0.0), UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _value(value: object) -> object:
    """A field as JSON; what is not a plain value is shown as its text."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, Mapping):
        return {str(key): _value(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_value(item) for item in value]
    return str(value)


def as_text(event: LogEvent) -> str:
    """``time level namespace: message``, a traceback indented below."""
    head = f"{_time(event)} {_level(event).name:<8} {event.get('log_namespace', '-')}: {_text(event)}\n"
    return head + "".join(f"    {line}\n" for line in _traceback(event))


def as_journal(event: LogEvent) -> str:
    """``<priority>namespace: message``; journald knows the time."""
    lines = [f"{event.get('log_namespace', '-')}: {_text(event)}", *_traceback(event)]
    return "".join(f"<{_PRIORITY[_level(event)]}>{line}\n" for line in lines)


def as_json(event: LogEvent) -> str:
    """One object per line: time, level, namespace, message, the event's fields, the traceback."""
    fields = {key: _value(value) for key, value in event.items() if key[:4] != "log_" and key not in _OF_TWISTED}
    fields |= {
        "time": _time(event),
        "level": _level(event).name,
        "namespace": event.get("log_namespace", "-"),
        "message": _formatted(event),
    }
    if trace := _traceback(event):
        fields["traceback"] = trace
    return json.dumps(fields) + "\n"


_FORMATS: Mapping[str, Callable[[LogEvent], str]] = {"text": as_text, "json": as_json, "journal": as_journal}


# Says at info what our own link to Redis says once, for each of its tries to connect.
_CHATTY = "twisted.application._client_service"


@implementer(ILogObserver)
class LogOutput:
    """Writes events of a level and above to a stream, which is flushed after each."""

    def __init__(self, stream: TextIO, format: str = "journal", level: str = "info") -> None:
        self._stream = stream
        self.configure(format, level)

    def configure(self, format: str, level: str) -> None:
        """Change both from now on: ``text``, ``json`` or ``journal``; a level's name."""
        self._format = _FORMATS[format]
        self._least = _RANK[LogLevel.levelWithName(level)]

    def __call__(self, event: LogEvent) -> None:
        if _RANK[_level(event)] >= self._least_of(event):
            self._stream.write(self._format(event))
            self._stream.flush()

    def _least_of(self, event: LogEvent) -> int:
        chatty = str(event.get("log_namespace")).startswith(_CHATTY)
        return max(self._least, _RANK[LogLevel.warn]) if chatty else self._least
