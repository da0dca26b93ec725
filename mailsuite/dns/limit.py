"""How many responses one network gets over UDP: a spoofed query must not turn us on somebody (RRL).

Beyond the rate every second response is left out and every other one is cut to its question with TC set, so that a
real client comes back over TCP, where its address is proved.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from ipaddress import IPv6Address

from mailsuite.dns import wire
from mailsuite.dns.sections import question_end

NETWORKS = 100_000
"""So many networks are remembered at once; the oldest are forgotten first."""


class Turn(Enum):
    """What becomes of a response."""

    SEND = "as it is"
    SLIP = "cut to the question, TC set"
    DROP = "not at all"


class RateLimit:
    """``rate`` responses a second for each /24 or /56, a second's worth at once; ``clock`` tells seconds.

    ``group`` says of an address with which others it shares.
    """

    def __init__(self, rate: int, clock: Callable[[], float], group: Callable[[str], str] | None = None) -> None:
        self._group = group or network_of
        self._rate = float(rate)
        self._clock = clock
        self._networks: dict[str, list[float]] = {}

    def turn(self, address: str) -> Turn:
        """What becomes of the next response to this address."""
        network = self._group(address)
        now = self._clock()
        state = self._networks.get(network)
        if state is None:
            if len(self._networks) >= NETWORKS:
                del self._networks[next(iter(self._networks))]
            # Tokens left, when they were counted, responses beyond the rate.
            self._networks[network] = [self._rate - 1, now, 0.0]
            return Turn.SEND
        tokens = min(self._rate, state[0] + (now - state[1]) * self._rate)
        state[1] = now
        if tokens >= 1:
            state[0] = tokens - 1
            return Turn.SEND
        state[0] = tokens
        state[2] += 1
        return Turn.SLIP if state[2] % 2 else Turn.DROP


def network_of(address: str) -> str:
    """The /24 or /56 of an IP, as a text to compare."""
    if ":" not in address:
        return address.rpartition(".")[0]
    if "." in address:  # ::ffff:192.0.2.1
        return address.rpartition(":")[2].rpartition(".")[0]
    return f"{int(IPv6Address(address.partition('%')[0])) >> 72:x}"


def slipped(response: bytes) -> bytes:
    """The response without its records, TC set."""
    end = max(question_end(response), wire.HEADER)
    counts = b"\0\1\0\0\0\0\0\0" if end > wire.HEADER else bytes(8)
    return response[:2] + bytes((response[2] | 0x02,)) + response[3:4] + counts + response[wire.HEADER : end]
