"""IBlobStore: raw messages and uploaded parts, by their SHA-256."""

from __future__ import annotations

from zope.interface import Interface


class IBlobStore(Interface):
    """Every method raises StoreUnavailable when the store cannot serve now."""

    async def put(content: bytes) -> str:
        """Keep ``content`` durably; its SHA-256 in hex. The same bytes twice are kept once."""

    async def read(blob: str, start: int = 0, length: int | None = None) -> bytes:
        """``length`` octets from ``start`` (all that follow when None). NotThere when there is no such blob."""

    async def sweep(older_than: int) -> int:
        """Forget what nothing refers to and was put before ``older_than`` (ms); how many blobs went."""
