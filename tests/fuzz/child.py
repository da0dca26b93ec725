"""One target in a process of its own: Atheris calls it until the time is over or a fault is found.

python -m tests.fuzz.child TARGET [options of libFuzzer and its corpora]
"""

from __future__ import annotations

import importlib
import sys
import time

import atheris

CPU = 10.0
"""Seconds that one input may cost; instrumented code is about ten times slower than ours."""


def main(arguments: list[str]) -> None:
    """Never returns: libFuzzer ends the process."""
    with atheris.instrument_imports(include=["mailsuite", "spf"]):
        check = importlib.import_module(f"tests.fuzz.{arguments[0]}").check

    def check_in_time(data: bytes) -> None:
        began = time.process_time()
        check(data)
        took = time.process_time() - began
        assert took < CPU, f"{len(data)} octets cost {took:.1f} s of CPU"

    atheris.Setup([sys.argv[0], *arguments[1:]], check_in_time)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
