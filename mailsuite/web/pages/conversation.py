"""A conversation, the bodies of its messages in frames of their own, and the parts of them."""

from __future__ import annotations

from twisted.web.server import Request

from mailsuite.mailbox.browse import Browser
from mailsuite.mime.part_name import part_name
from mailsuite.web.errors import PageNotFound
from mailsuite.web.forms import wants_fragment
from mailsuite.web.headers import FILE_POLICY, message_policy
from mailsuite.web.pages.shell import Shell, check_folder
from mailsuite.web.parts import disposition, part_path, served_type
from mailsuite.web.ranges import serve
from mailsuite.web.render import Renderer, trusted
from mailsuite.web.session import Visitor


class ConversationPages:
    """``/mail/<folder>/t/<id>`` and ``/mail/m/<id>/…``; ``origin`` is our own, for the frame's policy."""

    def __init__(self, renderer: Renderer, browser: Browser, shell: Shell, origin: str) -> None:
        self._renderer = renderer
        self._browser = browser
        self._shell = shell
        self._policy = message_policy(origin)

    async def conversation(self, request: Request, visitor: Visitor, folder: str, conversation: str) -> bytes:
        """The conversation beside the list; as a fragment alone."""
        check_folder(folder)
        thread = await self._browser.thread(visitor.account.id, conversation)
        if thread is None:
            raise PageNotFound
        if wants_fragment(request):
            around = await self._shell.around(visitor.account, folder)
            return self._renderer.page(request, "_reader.html", **around | {"thread": thread})
        shown = await self._shell.whole(visitor.account, folder)
        return self._renderer.page(request, "mail.html", **shown | {"thread": thread})

    async def body(self, request: Request, visitor: Visitor, message: str) -> bytes:
        """What a message says, as the document of its frame."""
        clean = await self._browser.body(visitor.account.id, message, lambda part: part_path(message, part))
        if clean is None:
            raise PageNotFound
        request.setHeader("content-security-policy", self._policy)
        request.setHeader("referrer-policy", "no-referrer")
        return self._renderer.page(request, "_body.html", body=trusted(clean.html), blocked=clean.blocked)

    async def part(self, request: Request, visitor: Visitor, message: str, path: str, name: str) -> bytes:
        """One part, decoded, to be kept as a file, or, a picture, shown within the message; or a range of it."""
        found = await self._browser.part(visitor.account.id, message, path)
        if found is None:
            raise PageNotFound
        part, content = found
        request.setHeader("content-security-policy", FILE_POLICY)
        request.setHeader("content-type", served_type(content))
        request.setHeader("content-disposition", disposition(part_name(part)))
        return serve(request, content, await self._browser.tag(content))
