"""Shows findings again, without Atheris: python -m tests.fuzz.replay TARGET FILE ..."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def main(target: str, *paths: str) -> None:
    """Raises what the target raises for the first file that it fails on."""
    check = importlib.import_module(f"tests.fuzz.{target}").check
    for path in paths:
        print(path, Path(path).read_bytes())
        check(Path(path).read_bytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
