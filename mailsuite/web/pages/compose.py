"""Writing a message: the form, replies, drafts, sending."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from twisted.web.server import Request

from mailsuite.mailbox.browse import Browser
from mailsuite.mailbox.change import Changer
from mailsuite.mime.compose import quote
from mailsuite.model.account import Account
from mailsuite.model.action import Action, Chosen, Verb
from mailsuite.model.draft import Draft, DraftConflict
from mailsuite.model.errors import Refusal
from mailsuite.model.folder import DRAFTS, INBOX, SENT
from mailsuite.msa.draft import FieldError
from mailsuite.msa.drafts import Drafts
from mailsuite.msa.submit import Submitter
from mailsuite.web.errors import PageNotFound, sentence_of
from mailsuite.web.forms import field, is_scripted, number, wants_fragment
from mailsuite.web.pages.shell import Shell
from mailsuite.web.redirect import see_other
from mailsuite.web.render import Renderer
from mailsuite.web.session import Visitor

_KEY = re.compile(r"[0-9A-Za-z_-]{8,64}\Z")


@dataclass(frozen=True, slots=True)
class _Form:
    """What a form of a message says: ``revision`` is the last one of the draft that its page knew."""

    draft: Draft
    key: str
    revision: int


class ComposePages:
    """``GET /mail/compose``, ``POST /mail/send`` and ``POST /mail/draft…``.

    ``random`` gives n random bytes, for the keys of drafts, under which they are sent too.
    """

    def __init__(
        self,
        renderer: Renderer,
        browser: Browser,
        submitter: Submitter,
        drafts: Drafts,
        changer: Changer,
        shell: Shell,
        random: Callable[[int], bytes],
    ) -> None:
        self._renderer = renderer
        self._browser = browser
        self._submitter = submitter
        self._drafts = drafts
        self._changer = changer
        self._shell = shell
        self._random = random

    async def form(self, request: Request, visitor: Visitor) -> bytes:
        """An empty form, the draft in message ``d``, or the reply to message ``re`` of conversation ``t`` (to all with
        ``all``).
        """
        if message := field(request, "d"):
            account = visitor.account
            kept = await self._drafts.of_message(account, message)
            if kept is not None:
                return await self._show(request, visitor, _Form(kept.draft, kept.key, kept.revision), None)
            text = await self._browser.text(account.id, message)
            begun = await self._drafts.begun_elsewhere(account, message, text)
            if begun is None:
                raise PageNotFound
            return await self._show(request, visitor, _Form(begun, self._new_key(), 0), None)
        draft = Draft("", "", "", "", "")
        if answered := field(request, "re"):
            draft = await self._reply(visitor.account, field(request, "t"), answered, bool(field(request, "all")))
        return await self._show(request, visitor, _Form(draft, self._new_key(), 0), None)

    async def send(self, request: Request, visitor: Visitor) -> bytes:
        """Send, once per ``key``. What the writer can mend comes back as the form, 422."""
        form = self._read(request)
        try:
            queued = await self._drafts.send(visitor.account, form.draft, form.key, form.revision)
        except FieldError as error:
            return await self._refused(request, visitor, form, error)
        except DraftConflict as error:
            return await self._overtaken(request, visitor, form, error)
        except Refusal as error:
            return await self._refused(request, visitor, form, FieldError("", error.status.text))
        if is_scripted(request):
            request.setHeader("hx-reswap", "delete")
            return self._renderer.page(request, "_sent.html")
        where = f"/mail/{SENT}" if queued is None else await self._where(visitor.account, queued.created)
        return see_other(request, where)

    async def save(self, request: Request, visitor: Visitor) -> bytes:
        """Keep the form in Drafts; it goes on being written. A script gets the new revision alone."""
        form = self._read(request)
        request.setHeader("hx-retarget", "closest form")  # what is refused comes back as the whole form
        try:
            filed = await self._drafts.save(visitor.account, form.draft, form.key, form.revision)
        except FieldError as error:
            return await self._refused(request, visitor, form, error)
        except DraftConflict as error:
            return await self._overtaken(request, visitor, form, error)
        request.responseHeaders.removeHeader("hx-retarget")
        if is_scripted(request):
            return self._renderer.page(request, "_saved.html", revision=form.revision + 1, saved=True)
        return see_other(request, f"/mail/compose?d={filed.message}")

    async def discard(self, request: Request, visitor: Visitor) -> bytes:
        """Throw the draft ``key`` away, if it was saved; the answer offers to take that back."""
        account = visitor.account
        kept = await self._drafts.find(account, field(request, "key"))
        undo = ""
        if kept is not None and not kept.sent:
            done = await self._changer.do(account.id, Action(Verb.DELETE), Chosen(messages=(kept.message,)))
            undo = done.undo
        if is_scripted(request):
            request.setHeader("hx-reswap", "delete")
            return self._renderer.page(request, "_discarded.html", undo=undo)
        return self._renderer.page(request, "discarded.html", undo=undo)

    async def undo(self, request: Request, visitor: Visitor) -> bytes:
        """Take a discarding back."""
        await self._changer.undo(visitor.account.id, field(request, "token"))
        if is_scripted(request):
            request.setResponseCode(204)
            return b""
        return see_other(request, f"/mail/{DRAFTS}")

    def _read(self, request: Request) -> _Form:
        draft = Draft(
            to=field(request, "to"),
            cc=field(request, "cc"),
            bcc=field(request, "bcc"),
            subject=field(request, "subject"),
            text=field(request, "text").replace("\r\n", "\n"),
            in_reply_to=field(request, "re"),
        )
        key = field(request, "key")
        return _Form(draft, key if _KEY.match(key) else self._new_key(), number(request, "rev"))

    def _new_key(self) -> str:
        return self._random(16).hex()

    async def _refused(self, request: Request, visitor: Visitor, form: _Form, error: FieldError) -> bytes:
        """The form with what is wrong in it; it may have been saved before it was refused."""
        kept = await self._drafts.find(visitor.account, form.key)
        if kept is not None and kept.draft == form.draft:
            form = replace(form, revision=kept.revision)
        request.setResponseCode(422)
        return await self._show(request, visitor, form, error)

    async def _overtaken(self, request: Request, visitor: Visitor, form: _Form, error: DraftConflict) -> bytes:
        """The form with what was typed, ready to take the place of what is kept, or to be a message of its own."""
        if error.revision is None:
            form = _Form(form.draft, self._new_key(), 0)
            what = "This is a new message now"
        else:
            form = replace(form, revision=error.revision)
            what = "Go on, and this one takes its place"
        request.setResponseCode(422)
        return await self._show(request, visitor, form, FieldError("", f"{sentence_of(str(error))} {what}."))

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

    async def _show(self, request: Request, visitor: Visitor, form: _Form, error: FieldError | None) -> bytes:
        written = {"draft": form.draft, "key": form.key, "revision": form.revision, "error": error}
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
