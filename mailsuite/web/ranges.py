"""A single byte range of what a browser gets (RFC 9110 sections 13.1.5 and 14)."""

from __future__ import annotations

import re

from twisted.web.http import PARTIAL_CONTENT, REQUESTED_RANGE_NOT_SATISFIABLE
from twisted.web.server import Request

_ONE = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*\Z", re.IGNORECASE)


def wanted(value: str, size: int) -> tuple[int, int] | None:
    """The range of octets (first, behind the last) that a Range field asks for, of ``size`` octets.

    None when the field is to be ignored: another unit, several ranges, not as the RFC writes it. ValueError when
    nothing of what is asked for exists.
    """
    match = _ONE.match(value)
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        start, end = max(0, size - int(match[2])), size
    else:
        start, end = int(match[1]), min(size, int(match[2]) + 1) if match[2] else size
        if match[2] and int(match[2]) < start:
            return None
    if start >= end:
        raise ValueError(f"no octet of {size} is in the range")
    return start, end


def serve(request: Request, content: bytes, tag: str) -> bytes:
    """``content``, or the range of it asked for, with status and fields set; ``tag`` is its strong entity tag."""
    etag = f'"{tag}"'
    request.setHeader("accept-ranges", "bytes")
    request.setHeader("etag", etag)
    value = request.getHeader("range")
    condition = request.getHeader("if-range")
    # A date or a weak tag never fits: we give strong tags only.
    if request.method != b"GET" or value is None or (condition is not None and condition.strip() != etag):
        return content
    try:
        found = wanted(value, len(content))
    except ValueError:
        request.setResponseCode(REQUESTED_RANGE_NOT_SATISFIABLE)
        request.setHeader("content-range", f"bytes */{len(content)}")
        return b""
    if found is None:
        return content
    start, end = found
    request.setResponseCode(PARTIAL_CONTENT)
    request.setHeader("content-range", f"bytes {start}-{end - 1}/{len(content)}")
    return content[start:end]
