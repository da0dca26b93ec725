"""IPermits: how many links the whole suite has to one MX site at a time."""

from __future__ import annotations

from zope.interface import Interface


class IPermits(Interface):
    """A site is all hosts of one provider, by name; many domains share it. Permits expire, so that they cannot leak.

    Both methods raise ScheduleUnavailable when Redis does not answer: the caller then goes on without.
    """

    async def take(site: str, holder: str, lease: int) -> int:
        """0: the holder (a job's id) may use the site for ``lease`` ms; else the time (ms) when to ask again.

        The same holder again prolongs its permit.
        """

    async def give(site: str, holder: str) -> None:
        """The permit is no longer needed; unknown ones are no error."""
