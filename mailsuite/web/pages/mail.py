"""Lists of conversations: whole, further pages, what is new, and what a person does to rows."""

from __future__ import annotations

from twisted.web.server import Request

from mailsuite.mailbox.browse import NEWER_ROWS, Browser
from mailsuite.mailbox.change import Changer
from mailsuite.model.folder import INBOX
from mailsuite.model.message import Cursor
from mailsuite.web.errors import BadRequest
from mailsuite.web.forms import field, fields, is_scripted, number, wants_fragment
from mailsuite.web.pages.shell import Rows, Shell, check_folder
from mailsuite.web.redirect import see_other
from mailsuite.web.render import Renderer
from mailsuite.web.session import Visitor

MOST_IDS = 1000
"""Conversations that one request may name."""


class MailPages:
    """``/mail/<folder>``, its ``rows`` and ``since``, and ``POST /mail/act``."""

    def __init__(self, renderer: Renderer, browser: Browser, changer: Changer, shell: Shell) -> None:
        self._renderer = renderer
        self._browser = browser
        self._changer = changer
        self._shell = shell

    async def home(self, request: Request, visitor: Visitor) -> bytes:
        """The root leads to the inbox."""
        return see_other(request, f"/mail/{INBOX}")

    async def folder(self, request: Request, visitor: Visitor, folder: str) -> bytes:
        """The page of a folder. As a fragment it is the reader with nothing open."""
        check_folder(folder)
        if wants_fragment(request):
            return self._renderer.page(request, "_reader.html", thread=None, folder=folder)
        shown = await self._shell.whole(visitor.account, folder, _cursor(request))
        return self._renderer.page(request, "mail.html", **shown)

    async def rows(self, request: Request, visitor: Visitor, folder: str) -> bytes:
        """The next rows of a list that is being scrolled; ``day`` is the heading that it ended with."""
        check_folder(folder)
        items = await self._browser.page(visitor.account.id, folder, _cursor(request))
        page = Rows(folder, items, number(request, "n") + len(items))
        return self._renderer.page(request, "_rows.html", page=page, last_day=field(request, "day"))

    async def since(self, request: Request, visitor: Visitor, folder: str) -> bytes:
        """What changed after ``seq``: rows to put in or take out, the counts, and the seq reached.

        ``t`` and ``m`` name the open conversation and the messages that are there: others are added. When more
        changed than is worth telling, or a new day has begun, the list is given anew.
        """
        check_folder(folder)
        account = visitor.account
        changes = await self._browser.newer(account.id, folder, number(request, "seq"))
        today = self._renderer.calendar(request).today
        anew = field(request, "day") != today or len(changes.rows) + len(changes.gone) >= NEWER_ROWS
        shown = await (self._shell.whole if anew else self._shell.around)(account, folder)
        thread = await self._browser.thread(account.id, field(request, "t")) if field(request, "t") else None
        there = field(request, "m").split(",")
        fresh = tuple(each for each in thread.messages if each.message.id not in there) if thread else ()
        context = {"seq": changes.seq, **shown, "anew": anew, "changes": changes, "thread": thread, "fresh": fresh}
        return self._renderer.page(request, "_since.html", **context)

    async def act(self, request: Request, visitor: Visitor) -> bytes:
        """Do something to conversations: ``do``, ``id`` (any number of them), ``folder`` where they stand."""
        ids = fields(request, "id")
        if not 0 < len(ids) <= MOST_IDS:
            raise BadRequest(f"Between 1 and {MOST_IDS} conversations can be changed at once.")
        folder = field(request, "folder")
        try:
            await self._changer.act(visitor.account.id, field(request, "do"), ids, folder)
        except ValueError as error:
            raise BadRequest(str(error)) from None
        if is_scripted(request):
            request.setResponseCode(204)
            return b""
        return see_other(request, f"/mail/{folder}")


def _cursor(request: Request) -> Cursor | None:
    row = field(request, "id")
    return Cursor(number(request, "at"), row) if row else None
