"""Zone files of any text: refused in words, or served and written so that they are read as the same (RFC 1035 5)."""

from __future__ import annotations

from pathlib import Path

from mailsuite.dns.answer import Answerer
from mailsuite.dns.builder import compile_table
from mailsuite.dns.zonedata import read_zone
from mailsuite.dns.zonefile import read_zone_file, write_zone_file
from mailsuite.model.zone import Zone

PATH = Path("/zones/a.example.zone")
LARGEST = 3000


def check(data: bytes) -> None:
    """Raises for an exception other than ValueError and OSError, and for a zone that changes when it is written."""
    text, _, included = data[:LARGEST].decode("utf-8", "replace").partition("\0")

    def read(path: Path) -> str:
        if path == PATH:
            return text
        if path.name == "more":
            return included
        raise FileNotFoundError(path)

    try:
        zone = read_zone_file(PATH, read)
        made = read_zone(zone)
        table = compile_table([zone])
    except (ValueError, OSError):
        return
    answerer = Answerer(table)
    for owner, types in made.names.items():
        for kind in types:
            answerer.answer(b"\0\0\1\0\0\1\0\0\0\0\0\0" + owner + kind.to_bytes(2, "big") + b"\0\1")
    written = write_zone_file(zone)
    again = read_zone_file(PATH, lambda _: written)
    assert read_zone(again) == made, written
    assert isinstance(again, Zone)
