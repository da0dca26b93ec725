"""DNS records as text, and the zones that hold them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    """One record in presentation form: absolute lower-case ``name`` with its final dot, ``type`` such as "MX"."""

    name: str
    type: str
    ttl: int
    data: str


@dataclass(frozen=True, slots=True)
class Zone:
    """An authoritative zone: ``origin`` absolute with its final dot; ``records`` includes the SOA."""

    origin: str
    records: tuple[Record, ...]

    @property
    def serial(self) -> int:
        """That of the SOA; 0 when there is none."""
        starts = (record.data.split() for record in self.records if record.type == "SOA")
        return next((int(words[2]) for words in starts if len(words) > 2 and words[2].isdigit()), 0)
