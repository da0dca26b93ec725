"""Writing a message: the form, replies, sending."""

from __future__ import annotations

import re
from collections.abc import Callable

from twisted.web.server import Request

from mailsuite.mailbox.browse import Browser
from mailsuite.mime.compose import quote
from mailsuite.model.account import Account
from mailsuite.model.errors import Refusal
from mailsuite.model.folder import INBOX, SENT
from mailsuite.msa.submit import Draft, FieldError, Submitter
from mailsuite.web.errors import PageNotFound
from mailsuite.web.forms import field, is_scripted, wants_fragment
from mailsuite.web.pages.shell import Shell
from mailsuite.web.redirect import see_other
from mailsuite.web.render import Renderer
from mailsuite.web.session import Visitor

_KEY = re.compile(r"[0-9A-Za-z_-]{8,64}\Z")


class ComposePages:
    """``GET /mail/compose`` and ``POST /mail/send``; ``random`` gives n random bytes, for idempotency keys."""

    def __init__(
        self,
        renderer: Renderer,
        browser: Browser,
        submitter: Submitter,
        shell: Shell,
        random: Callable[[int], bytes],
    ) -> None:
        self._renderer = renderer
        self._browser = browser
        self._submitter = submitter
        self._shell = shell
        self._random = random

    async def form(self, request: Request, visitor: Visitor) -> bytes:
        """An empty form, or the reply to message ``re`` of conversation ``t`` (to all with ``all``)."""
        draft = Draft("", "", "", "", "")
        if answered := field(request, "re"):
            draft = await self._reply(visitor.account, field(request, "t"), answered, bool(field(request, "all")))
        return await self._show(request, visitor, draft, self._random(16).hex(), None)

    async def send(self, request: Request, visitor: Visitor) -> bytes:
        """Send, once per ``key``. What the writer can mend comes back as the form, 422."""
        draft = Draft(
            to=field(request, "to"),
            cc=field(request, "cc"),
            bcc=field(request, "bcc"),
            subject=field(request, "subject"),
            text=field(request, "text").replace("\r\n", "\n"),
            in_reply_to=field(request, "re"),
        )
        key = field(request, "key")
        if not _KEY.match(key):
            key = self._random(16).hex()
        try:
            queued = await self._submitter.send(visitor.account, draft, key)
        except FieldError as error:
            request.setResponseCode(422)
            return await self._show(request, visitor, draft, key, error)
        except Refusal as error:
            request.setResponseCode(422)
            return await self._show(request, visitor, draft, key, FieldError("", error.status.text))
        if is_scripted(request):
            request.setHeader("hx-reswap", "delete")
            return self._renderer.page(request, "_sent.html")
        return see_other(request, await self._where(visitor.account, queued.created))

    async def _reply(self, account: Account, conversation: str, message: str, everyone: bool) -> Draft:
        thread = await self._browser.thread(account.id, conversation)
        answered = (
            next((shown.message for shown in thread.messages if shown.message.id == message), None) if thread else None
        )
        if answered is None:
            raise PageNotFound
        text = await self._browser.text(account.id, message)
        author = answered.description.author[0].label if answered.description.author else "Somebody"
        date = answered.description.date or answered.received_at
        return await self._submitter.reply_draft(account, message, everyone, quote(text, author, date))

    async def _show(
        self, request: Request, visitor: Visitor, draft: Draft, key: str, error: FieldError | None
    ) -> bytes:
        written = {"draft": draft, "key": key, "error": error}
        if wants_fragment(request):
            return self._renderer.page(request, "_compose.html", **written)
        shown = await self._shell.whole(visitor.account, INBOX)
        return self._renderer.page(request, "mail.html", **shown | written)

    async def _where(self, account: Account, sent_at: int) -> str:
        """The page of the conversation that a message sent just now is in."""
        rows = await self._browser.page(account.id, SENT, None)
        if rows and rows[0].last_at >= sent_at:
            return f"/mail/{SENT}/t/{rows[0].id}"
        return f"/mail/{SENT}"
