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
