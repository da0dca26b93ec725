"""Does a deferral mean "fewer links or messages at a time, please"? Hosts say so in many ways."""

from __future__ import annotations

import re

from mailsuite.model.status import Status

_CONGESTION = ("4.3.1", "4.4.5")
"""Out of storage or memory, congestion (RFC 3463): the enhanced code alone says it."""

_MAILBOX = ("4.1.", "4.2.", "4.5.3", "5.")
"""Of one mailbox, or of the number of recipients: that other links are fewer does not help."""

_WORDS = re.compile(
    r"too\ many\ (?:\S+\ ){0,3}?(?:connections?|sessions?|messages?|mails?|emails?|requests?)\b"
    r"|(?:maximum|max)\ (?:\S+\ ){0,5}?(?:connections?|sessions?)\b"
    r"|(?:connection|session|message|mail|sending|unusual)s?\ (?:rate|limit)\b"
    r"|\brate[ -]?limit"
    r"|too\ much\ (?:(?:e-?)?mail|traffic)"
    r"|too\ (?:fast|quickly|frequent(?:ly)?)\b"
    r"|throttl"
    r"|concurren\S*\ (?:\S+\ ){0,3}?(?:exceed|limit|reached)"
    r"|server\ (?:is\ )?(?:too\ )?busy"
    r"|insufficient\ system\ resources",
    re.IGNORECASE | re.VERBOSE,
)


def busy(status: Status) -> bool:
    """True for a 4yz reply that asks for fewer links or a lower rate."""
    if not 400 <= status.code < 500 or status.enhanced.startswith(_MAILBOX):
        return False
    return status.enhanced in _CONGESTION or bool(_WORDS.search(status.text))
