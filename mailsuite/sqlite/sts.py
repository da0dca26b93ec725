"""StsCache: IStsCache in the database file."""

from __future__ import annotations

from collections.abc import Sequence
from sqlite3 import Connection

from zope.interface import implementer

from mailsuite.interfaces.sts_cache import IStsCache
from mailsuite.model.errors import Undecodable
from mailsuite.model.sts import CachedSts, StsMode, StsPolicy
from mailsuite.sqlite.codec import decode, encode, strings
from mailsuite.sqlite.store import Store

_COLUMNS = "domain, id, fetched, mode, mx, max_age"


@implementer(IStsCache)
class StsCache:
    """IStsCache. A row that cannot be read is as good as none: the policy is fetched again."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, domain: str) -> CachedSts | None:
        """See IStsCache."""
        query = f"SELECT {_COLUMNS} FROM sts WHERE domain = ?"  # noqa: S608
        found = await self._store.read(lambda c: _read(c, query, (domain,)))
        return found[0] if found else None

    async def put(self, cached: CachedSts) -> None:
        """See IStsCache."""
        policy = cached.policy
        row = (
            *(cached.domain, cached.id, cached.fetched, policy.mode.value, encode(policy.mx), policy.max_age),
            *(cached.stale, cached.expires),
        )
        await self._store.write(
            lambda c: (
                c.execute(
                    "INSERT INTO sts (domain, id, fetched, mode, mx, max_age, stale, expires) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET (id, fetched, mode, mx, max_age, stale, "
                    "expires) = (excluded.id, excluded.fetched, excluded.mode, excluded.mx, excluded.max_age, "
                    "excluded.stale, excluded.expires) WHERE excluded.fetched >= fetched",
                    row,
                ).rowcount
            )
        )

    async def stale(self, now: int, limit: int) -> Sequence[CachedSts]:
        """See IStsCache."""
        query = f"SELECT {_COLUMNS} FROM sts WHERE stale <= ? ORDER BY stale LIMIT ?"  # noqa: S608
        return await self._store.read(lambda c: _read(c, query, (now, limit)))

    async def sweep(self, now: int) -> int:
        """See IStsCache."""
        return await self._store.write(lambda c: c.execute("DELETE FROM sts WHERE expires <= ?", (now,)).rowcount)


def _read(c: Connection, query: str, values: tuple[object, ...]) -> list[CachedSts]:
    found = []
    for domain, id, fetched, mode, mx, max_age in c.execute(query, values):
        try:
            policy = StsPolicy(StsMode(mode), decode(strings, mx, f"policy of {domain}"), max_age)
        except (ValueError, Undecodable):
            continue
        found.append(CachedSts(domain, id, fetched, policy))
    return found
