"""mailsuite: all daemons in one process, for one small machine and for the demonstration."""

from __future__ import annotations

from twisted.application.service import IService

from mailsuite.daemons import dns, mda, msa, mx, out, tend, web
from mailsuite.daemons.launch import Options, Role, make_service

__all__ = ["ROLES", "Options", "makeService"]

ROLES: tuple[Role, ...] = (tend.add, dns.add, mda.add, out.add, mx.add, msa.add, web.add)
"""In the order in which their parts start: Redis first, what hears the world last."""


def makeService(options: Options) -> IService:
    """For twistd."""
    return make_service(options, "all", *ROLES)
