"""The MTA-STS policy of a domain as a stranger gets it (RFC 8461 section 3.3)."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import Agent, ResponseDone, ResponseFailed
from twisted.web.http import PotentialDataLoss

from mailsuite.model.errors import Deferral

PATIENCE = 5.0
"""Seconds for all of it."""
MAX_SIZE = 65536


class _Body(Protocol):
    transport: Any

    def __init__(self) -> None:
        self.whole: Deferred[bytes] = Deferred(lambda _: self.transport.abortConnection())
        self._data = b""

    def dataReceived(self, data: bytes) -> None:
        self._data += data
        if len(self._data) > MAX_SIZE:
            self._end(_fault(f"the policy is longer than {MAX_SIZE} octets"))
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if reason.check(ResponseDone, PotentialDataLoss):
            self._end(self._data)
        else:
            self._end(_fault("the answer broke off"))

    def _end(self, result: bytes | Deferral) -> None:
        if not self.whole.called:
            if isinstance(result, bytes):
                self.whole.callback(result)
            else:
                self.whole.errback(result)


class PolicyClient:
    """Fetches policies; the reactor resolves names by our look-ups (see net.dns_reactor)."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    async def fetch(self, domain: str) -> str:
        """The text of the policy. Raises MailError, which says why there is none."""
        try:
            return await Deferred.fromCoroutine(self._fetch(domain)).addTimeout(PATIENCE, self._reactor)
        except TimeoutError:
            raise _fault(f"mta-sts.{domain}: no answer within {PATIENCE:g} s") from None
        except DNSLookupError:
            raise _fault(f"mta-sts.{domain} has no address") from None
        except ConnectError as error:
            raise _fault(f"mta-sts.{domain}: {error}") from None
        except ResponseFailed as error:
            reason = error.reasons[0].value if error.reasons else error
            raise _fault(f"mta-sts.{domain}: {_in_words(reason)}") from None

    async def _fetch(self, domain: str) -> str:
        agent = Agent(self._reactor, connectTimeout=PATIENCE)
        url = f"https://mta-sts.{domain}/.well-known/mta-sts.txt"
        response = await agent.request(b"GET", url.encode("ascii"))
        body = _Body()
        response.deliverBody(body)
        text = await body.whole
        if response.code != 200:
            raise _fault(f"{url} answers {response.code}, not 200")
        return text.decode("utf-8", "replace")


def _fault(text: str) -> Deferral:
    return Deferral(451, "4.7.5", text)


def _in_words(error: BaseException) -> str:
    details = [part[-1] for part in error.args[0]] if error.args and isinstance(error.args[0], list) else []
    return f"TLS failed: {', '.join(details)}" if details else str(error) or type(error).__name__
