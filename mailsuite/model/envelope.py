"""The envelope of a message: paths and parameters of one transaction (RFC 5321 section 2.3.1, RFC 3461)."""

from __future__ import annotations

from dataclasses import dataclass

from mailsuite.model.address import Address


@dataclass(frozen=True, slots=True)
class Recipient:
    """One RCPT: ``notify`` is the NOTIFY list in upper case (empty: not given), ``orcpt`` as given, else empty."""

    address: Address
    notify: tuple[str, ...] = ()
    orcpt: str = ""

    def wants(self, kind: str) -> bool:
        """Is the originator to be told of this kind? Who gives no NOTIFY asks for FAILURE and DELAY (RFC 3461 4.1)."""
        return kind in (self.notify or ("FAILURE", "DELAY"))


@dataclass(frozen=True, slots=True)
class Envelope:
    """``reverse_path`` None is the null reverse-path ``<>``; ``body`` is "", "7BIT" or "8BITMIME"."""

    reverse_path: Address | None
    recipients: tuple[Recipient, ...]
    smtputf8: bool = False
    body: str = ""
    ret: str = ""
    envid: str = ""
    require_tls: bool = False

    @property
    def sender(self) -> str:
        """The reverse-path as text, "" for the null one."""
        return "" if self.reverse_path is None else str(self.reverse_path)
