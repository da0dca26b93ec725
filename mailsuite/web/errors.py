"""What a person sees when something does not work: one sentence, the right code, and an id when it is our fault."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from mailsuite.model.errors import Conflict, Deferral, MailError, NotThere
from mailsuite.web.forms import is_scripted
from mailsuite.web.render import Renderer
from mailsuite.web.session import NotSignedIn
from mailsuite.web.stream import BYE, begin, event

_log = Logger()

_SENTENCES = {
    400: "The request makes no sense.",
    403: "The request came from another site, so it was not carried out.",
    404: "There is nothing here.",
    405: "This cannot be done here.",
    500: "Something went wrong on our side. It has been noted.",
}


class PageNotFound(Exception):
    """Nothing has this address, or it is somebody else's."""


class Forbidden(Exception):
    """The request is not one of our own pages'."""


class BadRequest(Exception):
    """A value in the request cannot be; the text says which."""


class Errors:
    """Gives the answer to a request that failed. ``random`` gives n random bytes, for the ids."""

    def __init__(self, renderer: Renderer, random: Callable[[int], bytes]) -> None:
        self._renderer = renderer
        self._random = random

    def answer(self, request: Request, error: Exception) -> bytes:
        """The body; code and headers are set on the request. A bug of ours is logged here, once."""
        match error:
            case CancelledError():  # nobody reads the answer any more
                return b""
            case NotSignedIn():
                return self._to_login(request)
            case PageNotFound() | NotThere():
                return self.show(request, 404)
            case Forbidden():
                return self.show(request, 403)
            case BadRequest():
                return self.show(request, 400, str(error))
            case Conflict():
                return self.show(request, 409, sentence_of(str(error)))
            case MailError():
                return self._mail_error(request, error)
            case HTTPException():
                if isinstance(error, MethodNotAllowed):
                    request.setHeader("allow", ", ".join(sorted(error.valid_methods or ())))
                return self.show(request, error.code or 500)
        return self._our_fault(request, error)

    def show(self, request: Request, code: int, sentence: str = "", reference: str = "") -> bytes:
        """An error page, or for a module of ours a message to pop up."""
        request.setResponseCode(code)
        template = "_alert.html" if is_scripted(request) else "error.html"
        sentence = sentence or _SENTENCES.get(code, "This did not work.")
        return self._renderer.page(request, template, code=code, sentence=sentence, reference=reference)

    def _to_login(self, request: Request) -> bytes:
        here = request.uri.decode("ascii", "replace") if request.method == b"GET" else "/mail/inbox"
        request.setHeader("content-type", "text/plain; charset=utf-8")
        if is_scripted(request):
            request.setHeader("hx-redirect", "/login")
            request.setResponseCode(401)
        elif request.path == b"/events":
            # A refusal would look like a fault to the browser. After a logout elsewhere, a tab that takes the stream
            # over hears what the tab before it has heard.
            begin(request)
            return event(*BYE)
        else:
            request.setHeader("location", f"/login?next={quote(here, safe='')}")
            request.setResponseCode(303)
        return b"Sign in first.\n"

    def _mail_error(self, request: Request, error: MailError) -> bytes:
        sentence = sentence_of(error.status.text)
        if not isinstance(error, Deferral):
            return self.show(request, 422, sentence)
        slow_down = error.status.enhanced == "4.7.0"
        request.setHeader("retry-after", "600" if slow_down else "30")
        if not slow_down:
            _log.warn("no answer to {path}: {error}", path=request.path.decode("ascii", "replace"), error=error)
        return self.show(request, 429 if slow_down else 503, sentence)

    def _our_fault(self, request: Request, error: Exception) -> bytes:
        reference = self._random(5).hex()
        _log.failure(
            "request {reference} failed: {method} {path}",
            failure=Failure(error),
            reference=reference,
            method=request.method.decode("ascii", "replace"),
            path=request.path.decode("ascii", "replace"),
        )
        return self.show(request, 500, reference=reference)


def sentence_of(text: str) -> str:
    """A text for other machines as a sentence for people."""
    return text[:1].upper() + text[1:].rstrip(".") + "."
