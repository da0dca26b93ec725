"""A name resolver that knows only what it is told."""

from __future__ import annotations

from collections.abc import Iterable

from zope.interface import implementer

from mailsuite.dns.resolve import question
from mailsuite.interfaces.resolver import Answer, INameResolver
from mailsuite.model.errors import LookupFailed


@implementer(INameResolver)
class FakeResolver:
    """Names that were never mentioned do not exist; a name with other types only is NODATA.

    ``asked`` lists the look-ups that were made, in order.
    """

    def __init__(self) -> None:
        self._data: dict[str, dict[str, tuple[str, ...]]] = {}
        self._failing: dict[tuple[str, str], str] = {}
        self._authenticated: set[str] = set()
        self.asked: list[tuple[str, str]] = []

    def add(self, name: str, type: str, data: Iterable[str], *, authenticated: bool = False) -> None:
        """Let a name have an RRset in presentation form, such as "10 mx.beta.example." for MX."""
        self._data.setdefault(_key(name), {})[type] = tuple(data)
        if authenticated:
            self._authenticated.add(_key(name))

    def fail(self, name: str, type: str, detail: str = "SERVFAIL") -> None:
        """Let a look-up raise LookupFailed."""
        self._failing[_key(name), type] = detail

    def heal(self, name: str, type: str) -> None:
        """Let a look-up work again."""
        self._failing.pop((_key(name), type), None)

    async def lookup(self, name: str, type: str) -> Answer:
        """See INameResolver."""
        question(name, type)
        self.asked.append((name, type))
        owner, ttl = _key(name), 300
        for _ in range(9):
            if (owner, type) in self._failing:
                raise LookupFailed(name, self._failing[owner, type])
            types = self._data.get(owner)
            authenticated = owner in self._authenticated
            if types is None:
                return Answer(name, type, False, (), authenticated, ttl)
            if type in types or "CNAME" not in types:
                return Answer(name, type, True, types.get(type, ()), authenticated, ttl)
            owner = _key(types["CNAME"][0])
        raise LookupFailed(name, "more than 8 CNAMEs")


def _key(name: str) -> str:
    return name.lower().rstrip(".")
