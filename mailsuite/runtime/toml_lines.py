"""On which line of a TOML file each key stands: tomllib does not say."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

Key = tuple[str, ...]

_SKIP = re.compile(
    r'"""(?:[^\\]|\\.)*?"""+|\'\'\'.*?\'\'\'+'  # strings of several lines
    r"|\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|[\[\]{}\n]|[^\[\]{}\n\"'#]+",
    re.DOTALL,
)
_NAME = r"""((?:[A-Za-z0-9_.\- \t]|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')+)"""
_KEY = re.compile(rf"[ \t]*{_NAME}=")
_HEADER = re.compile(rf"[ \t]*\[\[?{_NAME}\]")


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Each statement of a valid file with the number of its first line: what a bracket or string spans is one."""
    depth, first, line, begin = 0, 1, 1, 0
    for token in _SKIP.finditer(text):
        piece = token[0]
        line += piece.count("\n")
        if piece in ("[", "{"):
            depth += 1
        elif piece in ("]", "}"):
            depth -= 1
        elif piece == "\n" and depth == 0:
            yield first, text[begin : token.start()]
            begin, first = token.end(), line
    yield first, text[begin:]


def _path(key: str) -> Key:
    """``a."b.c"`` as ("a", "b.c")."""
    node: object = tomllib.loads(f"{key} = 0")
    path = []
    while isinstance(node, dict):
        ((name, node),) = node.items()
        path.append(name)
    return tuple(path)


def lines_of(text: str) -> dict[Key, int]:
    """Key path -> line (from 1), for tables and keys of a file that tomllib can read.

    The keys of an inline table are not told apart: look for their table's line instead.
    """
    found: dict[Key, int] = {}
    table: Key = ()
    for line, statement in _statements(text):
        if header := _HEADER.match(statement):
            table = _path(header[1])
            found.setdefault(table, line)
        elif key := _KEY.match(statement):
            path = table + _path(key[1])
            for length in range(len(table) + 1, len(path) + 1):
                found.setdefault(path[:length], line)
    return found
