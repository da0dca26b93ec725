"""A destination: takes jobs over a socket, refuses a tenth for now, and writes down what came when.

One line each way: ``<destination> <job> <worker>`` -> ``354``, ``.`` -> ``250`` or ``451``. It takes its time.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
import time
from typing import Any


class Sink:
    """``hold``: the shortest and longest time (s) between the first line and 354; a tenth is held for the longest."""

    def __init__(self, hold: tuple[float, float]) -> None:
        self._hold = hold
        self.visits: list[dict[str, Any]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        visit: dict[str, Any] = {}
        try:
            destination, job, worker = (await reader.readline()).decode().split()
            visit.update(destination=destination, job=job, worker=worker, start=time.time(), code=0)
            self.visits.append(visit)
            shortest, longest = self._hold
            await asyncio.sleep(longest if random.random() < 0.1 else shortest)
            writer.write(b"354\n")
            if await reader.readline() == b".\n":
                code = 451 if random.random() < 0.1 else 250
                visit.update(code=code, end=time.time())
                writer.write(b"%d\n" % code)
                await writer.drain()
        except (OSError, ValueError):
            pass  # the worker is gone
        finally:
            visit.setdefault("end", time.time())
            writer.close()


async def main(path: str, log: str, shortest: str, longest: str) -> None:
    """Serve on a unix socket until SIGTERM, then write the visits down."""
    sink = Sink((float(shortest), float(longest)))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    server = await asyncio.start_unix_server(sink.serve, path, backlog=500)
    await stop.wait()
    server.close()
    with open(log, "w", encoding="ascii") as file:  # noqa: ASYNC230 - nobody is served any more
        json.dump(sink.visits, file)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
