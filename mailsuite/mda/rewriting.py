"""What mda needs of sender rewriting, which mta.srs does."""

from __future__ import annotations

from typing import Protocol

from mailsuite.model.address import Address


class Rewriting(Protocol):
    """As mta.srs.Srs has it."""

    def tag(self, account: str) -> str: ...

    def rewrite(self, sender: Address, domain: str, tag: str) -> Address | None: ...

    def reverse(self, address: Address) -> tuple[Address, str]: ...
