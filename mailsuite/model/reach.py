"""Whether port 25 of an address is reached from outside, as a probe there has found it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reach:
    """``greeting`` is what answered on port 25 of ``address``, and ``starttls`` whether it offers that; ``fault`` says
    why nothing did, "" when something did.
    """

    address: str
    greeting: str = ""
    starttls: bool = False
    fault: str = ""
