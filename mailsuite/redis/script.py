"""Script: a Lua program that Redis runs as one step, named by its SHA-1."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Script:
    """The source and the name under which Redis caches it (EVALSHA)."""

    source: str
    sha: str

    @classmethod
    def read(cls, *names: str) -> Script:
        """Join files of ``scripts/``, e.g. ``read("lib", "claim")``."""
        folder = files(__package__) / "scripts"
        source = "\n".join((folder / f"{name}.lua").read_text("utf-8") for name in names)
        return cls(source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())
