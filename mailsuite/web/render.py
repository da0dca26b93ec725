"""Turns templates into answers: escaped by default, in the reader's zone and theme, compressed when that helps."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from twisted.web.server import Request

from mailsuite.mime.clean import show_overrides
from mailsuite.mime.part_name import part_name
from mailsuite.model.address import Mailbox
from mailsuite.model.thread import TO
from mailsuite.runtime.clock import Clock
from mailsuite.web import parts
from mailsuite.web.dates import Calendar, locale_of, zone_of
from mailsuite.web.forms import accepts_gzip
from mailsuite.web.headers import SANDBOX

HUES = 12
WORTH_COMPRESSING = 1400
"""Octets: what fits one packet is sent as it is."""


def hue(label: str) -> int:
    """Which of the twelve avatar colours a name or address has, always the same."""
    return crc32(label.encode("utf-8", "replace")) % HUES


def initials(label: str) -> str:
    """Up to two letters for an avatar."""
    words = [word for word in (w.strip("\"'()<>[]") for w in label.replace("@", " ").split()) if word]
    return "".join(word[0] for word in (words[0], *words[1:][-1:])).upper() if words else "?"


def face(people: Sequence[str]) -> str:
    """Whose avatar stands for a conversation: the first other person's, of own mail the first recipient's."""
    return next((name.removeprefix(TO) for name in people if name != "me"), "me")


def people_line(people: Sequence[str]) -> str:
    """The people of a row: one in full, of more only the first names, unless they are addresses."""
    if len(people) < 2:
        return show_overrides("".join(people))
    return show_overrides(
        ", ".join([people[0], *(name if "@" in name else name.split()[0] for name in people[1:] if name.strip())])
    )


def recipients_line(boxes: Sequence[Mailbox], me: str) -> str:
    """To whom a message went, in few words: "me, Jonas"."""
    names = [
        "me" if box.address.lower() == me else box.name.split()[0] if box.name.split() else box.address for box in boxes
    ]
    return show_overrides(", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else ""))


def size(octets: int) -> str:
    """412 KB, 1.3 MB."""
    if octets < 1000:
        return f"{octets} bytes"
    if octets < 999_500:
        return f"{octets / 1000:.0f} KB"
    return f"{octets / 1_000_000:.1f} MB"


class Renderer:
    """``templates`` is the folder of templates, ``prefix`` the URL below which the static files are."""

    def __init__(self, templates: Path, prefix: str, brand: str, clock: Clock) -> None:
        self._clock = clock
        self._environment = Environment(
            loader=FileSystemLoader(templates),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
            auto_reload=False,
        )
        self._environment.globals.update(s=prefix, brand=brand, sandbox=SANDBOX)
        self._environment.filters.update(
            hue=hue,
            initials=initials,
            face=face,
            people=people_line,
            recipients=recipients_line,
            visible=show_overrides,
            size=size,
            file_name=part_name,
            part_path=parts.part_path,
            kind=parts.kind,
            octets=parts.octets,
        )
        for name in self._environment.list_templates():
            self._environment.get_template(name)  # a broken template stops the start, not a reader

    def calendar(self, request: Request) -> Calendar:
        """Times as this reader sees them: the zone is in the cookie ``tz``, which a module of ours sets."""
        zone = (request.getCookie(b"tz") or b"").decode("ascii", "replace").replace("%2F", "/")
        return Calendar(locale_of(request.getHeader("accept-language") or ""), zone_of(zone), self._clock())

    def page(self, request: Request, template: str, **context: object) -> bytes:
        """The answer to ``request``: HTML, with its headers set."""
        theme = (request.getCookie(b"theme") or b"").decode("ascii", "replace")
        html = self._environment.get_template(template).render(
            theme=theme if theme in ("light", "dark") else "", cal=self.calendar(request), **context
        )
        request.setHeader("content-type", "text/html; charset=utf-8")
        request.setHeader("vary", "HX-Request-Type, Accept-Encoding")
        content = html.encode("utf-8", "replace")
        if len(content) > WORTH_COMPRESSING and accepts_gzip(request):
            request.setHeader("content-encoding", "gzip")
            return gzip.compress(content, 5, mtime=0)
        return content


def trusted(html: str) -> Markup:
    """Mark HTML that is clean (made by mime.sanitize) as not to be escaped."""
    return Markup(html)  # noqa: S704
