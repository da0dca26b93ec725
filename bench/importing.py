"""An mbox imported into an empty account, imported again, and exported: messages a second and memory.

    .venv/bin/python bench/importing.py [messages]

Each is a process of mailctl, so that the memory is that of the command.
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

PASSWORD = "correct-horse-battery\n"
ANN = "ann@alpha.example"


def write(path: Path, count: int) -> None:
    """Messages of 2 kB, each third an answer to another."""
    chance = random.Random(1)
    words = [f"w{n}" for n in range(5000)]
    with open(path, "w", encoding="ascii") as file:
        for n in range(count):
            when = f"Thu Jan  1 {n // 3600 % 24:02}:{n // 60 % 60:02}:{n % 60:02} 2026"
            answer = f"References: <{chance.randrange(n)}@x.example>\n" if n % 3 == 1 else ""
            body = "\n".join(" ".join(chance.choices(words, k=12)) for _ in range(30))
            file.write(
                f"From a@b.example {when}\nFrom: Eve <eve{n % 99}@x.example>\nTo: {ANN}\nDate: {when}\n"
                f"Message-ID: <{n}@x.example>\n{answer}Subject: number {n}\n\n{body}\n\n"
            )


def main(count: int) -> None:
    """Print a line for each step."""
    with TemporaryDirectory() as directory:
        data = Path(directory)
        config, mbox = data / "mailsuite.toml", data / "mail.mbox"
        config.write_text(f'[server]\nhostname = "mx.alpha.example"\ndata = "{data}/data"\n')

        def mailctl(*arguments: str) -> None:
            command = [sys.executable, "-m", "mailsuite.cli.main", "-c", str(config), *arguments]
            root = Path(__file__).resolve().parents[1]
            subprocess.run(command, check=True, input=PASSWORD, text=True, stdout=subprocess.DEVNULL, cwd=root)

        mailctl("domain", "add", "alpha.example")
        mailctl("account", "add", ANN, "--password-stdin")
        write(mbox, count)
        print(f"{count} messages, {mbox.stat().st_size >> 20} MB")
        for name, arguments in (
            ("import", ("import", ANN, str(mbox))),
            ("again", ("import", ANN, str(mbox))),
            ("export", ("export", ANN, str(data / "out"))),
        ):
            start = time.monotonic()
            mailctl("mail", *arguments)
            seconds = time.monotonic() - start
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
            print(f"{name}: {count / seconds:,.0f} messages/s in {seconds:.1f} s, at most {peak} MB so far")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
