"""A real opendkim that judges messages in its test mode, with keys from a file."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_FIELD = re.compile(r"hname='Authentication-Results' hvalue='(.*?)'", re.DOTALL)
_RESULT = re.compile(r"\bdkim=(\w+)")


def find_opendkim() -> str | None:
    """The program, which Debian's opendkim package has; None when it is not there."""
    return shutil.which("opendkim", path="/usr/sbin:/usr/bin:/sbin:/bin")


def judge_with_opendkim(directory: Path, keys: Mapping[str, str], messages: Sequence[bytes]) -> list[tuple[str, ...]]:
    """The dkim results of each message, in the order of its signatures; ``keys`` are TXT records by name."""
    program = find_opendkim()
    assert program is not None
    key_file, configuration = directory / "keys", directory / "opendkim.conf"
    key_file.write_text("".join(f"{name} {record}\n" for name, record in keys.items()))
    configuration.write_text(f"TestPublicKeys {key_file}\nMode v\n")
    found = []
    for number, content in enumerate(messages):
        path = directory / f"{number}.eml"
        path.write_bytes(content)
        command = [program, "-x", str(configuration), "-t", str(path), "-vv"]
        output = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)  # noqa: S603
        field = _FIELD.search(output.stdout)
        found.append(tuple(_RESULT.findall(field[1])) if field else ())
    return found
