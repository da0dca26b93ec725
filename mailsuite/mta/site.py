"""Which hosts belong to one provider."""

from __future__ import annotations

from ipaddress import ip_address

_SECOND_LEVEL = frozenset(["ac", "co", "com", "edu", "gob", "gov", "gv", "mil", "ne", "net", "or", "org"])


def site_of(host: str) -> str:
    """The site of a mail host: the last two labels of its name, three below such as co.uk; an address is its own.

    A guess, which costs nothing when it is wrong: it decides who shares a limit of connections.
    """
    try:
        return str(ip_address(host.strip("[]").lower().removeprefix("ipv6:")))
    except ValueError:
        labels = host.lower().rstrip(".").split(".")
    long = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL
    return ".".join(labels[-3 if long else -2 :])
