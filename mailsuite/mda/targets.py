"""What a person wants an alias or a forward to lead to, checked before it is kept."""

from __future__ import annotations

from mailsuite.login.typed import typed_address
from mailsuite.mda.find import Finder
from mailsuite.model.address import Address
from mailsuite.model.alias import TARGETS, Alias


def read_targets(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The addresses in order, each once. Raises ValueError for what is none, and for too many."""
    targets: dict[str, str] = {}
    for target in map(typed_address, texts):
        targets.setdefault(target.key, str(target))
    if len(targets) > TARGETS:
        raise ValueError(f"{len(targets)} targets are too many: {TARGETS} at most")
    return tuple(targets.values())


async def check_targets(finder: Finder, source: str, targets: tuple[str, ...]) -> None:
    """Raises ValueError for a target of ours that is nobody, and for one that leads back to ``source``.

    ``source`` is the address of the account or alias; an alias that is not kept yet is the finder's proposed one.
    """
    for target in targets:
        way = await _way_back(finder, source, Address.parse(target), set())
        if way:
            raise ValueError(f"that is a loop: {' → '.join((source, *way))}")


async def _way_back(finder: Finder, source: str, address: Address, seen: set[str]) -> tuple[str, ...]:
    """The steps from an address to ``source``; none when it does not lead there."""
    if not await finder.hosts(address.domain):
        return ()
    found = await finder.find(address)
    if found is None:
        raise ValueError(f"{address} is nobody here: add the account or the alias first")
    if found.address == source:
        return (source,)
    if found.address in seen:
        return ()
    seen.add(found.address)
    targets = found.targets if isinstance(found, Alias) else found.forward.targets if found.forward else ()
    for text in targets:
        if way := await _way_back(finder, source, Address.parse(text), seen):
            return (found.address, *way)
    return ()
