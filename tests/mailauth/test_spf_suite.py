"""All cases of the RFC 7208 suite, through the asynchronous path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.trial.unittest import TestCase

from mailsuite.interfaces.resolver import Answer
from mailsuite.mailauth.spf import check_host
from mailsuite.model.errors import LookupFailed

SUITE: list[dict[str, Any]] = json.loads((Path(__file__).parent.parent / "corpora" / "rfc7208.json").read_text("utf-8"))
CASES = 203


class Zone:
    """The zone data of one scenario as the suite means it: SPF records stand for TXT unless there is TXT."""

    def __init__(self, data: dict[str, list[Any]]) -> None:
        self._data = {name.lower(): entries for name, entries in data.items()}

    async def lookup(self, name: str, type: str) -> Answer:
        """Aliases are followed, as a resolver does; one that leads back to itself is a failed look-up."""
        owner, seen = name.rstrip(".").lower(), set[str]()
        while owner not in seen:
            seen.add(owner)
            entries = self._data.get(owner)
            if entries is None:
                if owner.startswith("error."):
                    raise LookupFailed(name, "time-out")
                return Answer(name, type, False, ())
            found = tuple(_data(entries, type))
            if "TIMEOUT" in found or ("TIMEOUT" in entries and not found):
                raise LookupFailed(name, "time-out")
            aliases = tuple(_data(entries, "CNAME"))
            if found or not aliases:
                return Answer(name, type, True, found)
            owner = aliases[0].rstrip(".").lower()
        return Answer(name, type, True, ())


def _data(entries: list[Any], type: str) -> list[str]:
    maps = [entry for entry in entries if isinstance(entry, dict)]
    if type == "TXT" and not any("TXT" in entry for entry in maps):
        type = "SPF"
    found = [entry[type] for entry in maps if type in entry and entry[type] != "NONE"]
    return [_text(value, type) for value in found]


def _text(value: Any, type: str) -> str:
    if type == "MX" and isinstance(value, list):
        return f"{value[0]} {value[1]}."
    return "".join(value) if isinstance(value, list) else str(value)


class SuiteTests(TestCase):
    """Each case gives one of the results that the suite allows, and its explanation where it names one."""

    async def test_every_case(self) -> None:
        """All 203 cases pass."""
        wrong, count = [], 0
        for scenario in SUITE:
            zone = Zone(scenario["zonedata"])
            for name, case in scenario["tests"].items():
                count += 1
                result = await check_host(
                    case["host"], case["helo"], case.get("mailfrom", ""), zone.lookup, receiver="unknown"
                )
                allowed = case["result"] if isinstance(case["result"], list) else [case["result"]]
                if result.result not in allowed:
                    wrong.append(f"{name}: {result.result} ({result.reason}), not {allowed}")
                elif "explanation" in case and (result.explanation or "DEFAULT") != case["explanation"]:
                    wrong.append(f"{name}: {result.explanation!r}, not {case['explanation']!r}")
        self.assertEqual(wrong, [])
        self.assertEqual(count, CASES)
