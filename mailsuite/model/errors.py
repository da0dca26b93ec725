"""The errors that cross a seam. Everything else is a bug of ours."""

from __future__ import annotations

from mailsuite.model.status import Status


class MailError(Exception):
    """A decision that ends a step, with the Status to tell the other side."""

    def __init__(self, status: Status) -> None:
        super().__init__(str(status))
        self.status = status


class Refusal(MailError):
    """Permanent: 5yz."""

    def __init__(self, code: int, enhanced: str, text: str) -> None:
        super().__init__(Status(code, enhanced, text))


class Deferral(MailError):
    """Temporary: 4yz."""

    def __init__(self, code: int, enhanced: str, text: str) -> None:
        super().__init__(Status(code, enhanced, text))


class DestinationDown(Deferral):
    """A host could not be reached, timed out or answered 421: a fault of the destination, not of the message."""


class DestinationBusy(DestinationDown):
    """The host works but wants fewer links or messages at a time, e.g. "too many connections"."""


class Postponed(Exception):
    """An attempt that was none: a local limit forbids it until ``until`` (ms); ``reason`` in words."""

    def __init__(self, until: int, reason: str) -> None:
        super().__init__(reason)
        self.until = until
        self.reason = reason


class StoreUnavailable(Deferral):
    """The store cannot take or give data now: locked, full, gone."""

    def __init__(self, detail: str) -> None:
        super().__init__(451, "4.3.0", "the mail store is not available, try again later")
        self.detail = detail


class ScheduleUnavailable(Exception):
    """Redis does not answer. Mail is still accepted; workers wait."""


class LookupFailed(Deferral):
    """A name could not be looked up now: SERVFAIL, time-out, no server."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(451, "4.4.3", f"DNS look-up of {name} failed: {detail}")


class PolicyUnavailable(Exception):
    """The MTA-STS policy of a domain cannot be fetched or read now; the text says why."""


class ProbeUnavailable(Exception):
    """A probe of port 25 does not say what it sees; the text says why."""


class Conflict(Exception):
    """What is to be made exists already, e.g. a domain or an account; the text says which."""


class NotThere(Exception):
    """What was asked for does not exist; the text says what."""


class Undecodable(Exception):
    """A row of the store is there but cannot be read as what it should be: damaged, or written by something else.

    ``what`` names the row, e.g. "job 0k3….1"; ``detail`` says what is wrong with it. Nothing was changed. Who works
    on a job parks it; lists never raise this.
    """

    def __init__(self, what: str, detail: str) -> None:
        super().__init__(f"{what} cannot be read: {detail}")
        self.what = what
        self.detail = detail
