"""What is live in sanitised HTML, found by the standard library's parser, which has nothing in common with ours."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_ELEMENTS = """
    a abbr address article aside b bdi bdo big blockquote br caption center cite code col colgroup dd del dfn div dl dt
    em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark ol p pre q s samp section
    small span strike strong sub sup table tbody td tfoot th thead tr tt u ul var wbr
"""
_ATTRIBUTES = """
    href src alt title style align valign width height bgcolor color dir lang border hspace vspace cellpadding
    cellspacing colspan rowspan nowrap span face size start type value target rel
"""
ELEMENTS = frozenset(_ELEMENTS.split())
ATTRIBUTES = frozenset(_ATTRIBUTES.split())
STYLE = re.compile(
    r"(?:url|src|image|image-set|cross-fade|element|expression|var|attr|env)\s*\(|\\|@|/\*|<|(?<![\w-])--"
    r"|(?:\A|;)\s*(?:position|behavior|-moz-binding)\s*:",
    re.IGNORECASE,
)


class LiveHtml(HTMLParser):
    """Reads a fragment: ``faults`` are what must not be there, ``links`` and ``pictures`` URLs, ``events`` all."""

    def __init__(self, html: str, part_urls: frozenset[str] = frozenset()) -> None:
        super().__init__(convert_charrefs=True)
        self._part_urls = part_urls
        self.faults: list[str] = []
        self.links: list[str] = []
        self.pictures: list[str] = []
        self.styles: list[str] = []
        self.text = ""
        self.events: list[object] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.events.append((tag, sorted(attrs)))
        if tag not in ELEMENTS:
            self.faults.append(f"<{tag}>")
        for name, value in attrs:
            self._attribute(tag, name, value or "")
        if tag == "a":
            found = dict(attrs)
            if found.get("target") != "_blank" or found.get("rel") != "noopener noreferrer nofollow":
                self.faults.append("a link without target or rel")

    def _attribute(self, tag: str, name: str, value: str) -> None:
        if name not in ATTRIBUTES:
            self.faults.append(f"{tag} {name}={value}")
        elif name == "href":
            self.links.append(value)
            if not re.match(r"(?:https?://|mailto:)", value, re.IGNORECASE):
                self.faults.append(f"href={value}")
        elif name == "src":
            self.pictures.append(value)
            if tag != "img" or not (value in self._part_urls or value.startswith("data:image/png;base64,")):
                self.faults.append(f"{tag} src={value}")
        elif name == "style":
            self.styles.append(value)
            if STYLE.search(value):
                self.faults.append(f"style={value}")

    def handle_endtag(self, tag: str) -> None:
        self.events.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        self.events.append(data)
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.faults.append(f"comment {data}")

    def handle_decl(self, decl: str) -> None:
        self.faults.append(f"declaration {decl}")

    def handle_pi(self, data: str) -> None:
        self.faults.append(f"instruction {data}")

    def unknown_decl(self, data: str) -> None:
        self.faults.append(f"declaration {data}")
