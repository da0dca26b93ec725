"""Static files: read once at start, compressed once, served from memory under a name that their content makes."""

from __future__ import annotations

import gzip
import json
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from twisted.web.server import Request

from mailsuite.web.errors import PageNotFound
from mailsuite.web.forms import accepts_gzip

_TYPES = {
    ".mjs": "text/javascript",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
_VENDORED = (".js", ".mjs", ".css", ".svg")
"""Licences and the list of versions are for readers of the tree, not for browsers."""


@dataclass(frozen=True, slots=True)
class _Asset:
    content: bytes
    compressed: bytes | None
    type: str


class Assets:
    """The files of ``static/`` and, under ``vendor/``, those of ``vendor/``.

    ``prefix`` is ``/s/<hash of all>``: a browser may keep what is below it for ever, and relative imports between
    modules stay within one version.
    """

    def __init__(self, root: Path, brand: str) -> None:
        files = {path.relative_to(root / "static").as_posix(): path.read_bytes() for path in _below(root / "static")}
        for path in _below(root / "vendor"):
            if path.suffix in _VENDORED:
                files["vendor/" + path.relative_to(root / "vendor").as_posix()] = path.read_bytes()
        files["app.webmanifest"] = _manifest(brand)
        self._files: Mapping[str, _Asset] = {name: _asset(name, content) for name, content in files.items()}
        digest = sha256()
        for name, content in sorted(files.items()):
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
        self._hash = digest.hexdigest()[:12]
        self.prefix = f"/s/{self._hash}"

    def serve(self, request: Request, version: str, name: str) -> bytes:
        """One file. Raises PageNotFound.

        A page from before an upgrade asks for another version: it gets what there is, and must not keep it.
        """
        asset = self._files.get(name)
        if asset is None:
            raise PageNotFound
        request.setHeader("content-type", asset.type)
        if version == self._hash:
            request.setHeader("cache-control", "public, max-age=31536000, immutable")
        if asset.compressed is None:
            return asset.content
        request.setHeader("vary", "accept-encoding")
        if not accepts_gzip(request):
            return asset.content
        request.setHeader("content-encoding", "gzip")
        return asset.compressed


def _below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _manifest(brand: str) -> bytes:
    icon = {"src": "icon.svg", "sizes": "any", "type": "image/svg+xml"}
    return json.dumps(
        {
            "name": f"{brand} mail",
            "short_name": "Mail",
            "start_url": "/mail/inbox",
            "scope": "/",
            "display": "standalone",
            "background_color": "#f3f4f1",
            "theme_color": "#f3f4f1",
            "icons": [icon],
        }
    ).encode()


def _asset(name: str, content: bytes) -> _Asset:
    kind = _TYPES.get(Path(name).suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    text = kind.startswith("text/") or kind in ("image/svg+xml", "application/manifest+json")
    return _Asset(
        content, gzip.compress(content, 9, mtime=0) if text else None, kind + ("; charset=utf-8" if text else "")
    )
