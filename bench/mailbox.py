"""A large mailbox in SQLite: filing, lists at the top and deep, opening, searching, flagging, size and memory.

Mail with words by Zipf's law, in conversations of one to twelve, every twentieth Chinese.

    .venv/bin/python bench/mailbox.py [messages]
"""

from __future__ import annotations

import os
import random
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from itertools import accumulate
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

# Run as a script, the folder bench comes first on the path, and a look for the package dns would find a file there.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from twisted.internet.defer import Deferred, gatherResults  # noqa: E402
from twisted.internet.task import react  # noqa: E402

from mailsuite.mime.describe import describe  # noqa: E402
from mailsuite.mime.searchable import searchable  # noqa: E402
from mailsuite.model.action import Action, Chosen, Verb  # noqa: E402
from mailsuite.model.folder import INBOX  # noqa: E402
from mailsuite.model.message import Cursor, Filing  # noqa: E402
from mailsuite.model.query import Field, Query, Text  # noqa: E402
from mailsuite.sqlite.actions import MailActions  # noqa: E402
from mailsuite.sqlite.messages import MessageStore  # noqa: E402
from mailsuite.sqlite.search import MailSearch  # noqa: E402
from mailsuite.sqlite.store import Store  # noqa: E402

ACCOUNT = "bench"
WORDS = 30_000
WAVE = 500
CHINESE = "今天天气很好我们去公园散步祝大家新年快乐身体健康工作顺利请查收附件中的报告谢谢您"
RARE = "xylophonist"


class Texts:
    """Words of which few are common and many are rare."""

    def __init__(self) -> None:
        self._random = random.Random(1)
        letters = "etaoinshrdlucmfwypvbgk"
        # Common words are short (Zipf's law of abbreviation).
        lengths = (2 + (n + 1).bit_length() * 45 // 100 + self._random.randint(0, 3) for n in range(WORDS))
        self._words = ["".join(self._random.choices(letters, k=length)) for length in lengths]
        self._words[0] = "the"
        self._weights = list(accumulate(1 / (n + 1) for n in range(WORDS)))

    def words(self, count: int) -> list[str]:
        """So many words."""
        return self._random.choices(self._words, cum_weights=self._weights, k=count)

    def mail(self, n: int) -> bytes:
        """A message of some 4 kB; it answers another one more often than not."""
        answers = f"In-Reply-To: <m{n - n % 12}@bench.example>\r\n" if n % 12 and n % 5 else ""
        head = (
            f"From: {' '.join(self.words(2))} <u{n % 997}@d{n % 101}.example>\r\nTo: bench@bench.example\r\n"
            f"Subject: {' '.join(self.words(6))}\r\nMessage-ID: <m{n}@bench.example>\r\n{answers}"
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        )
        text = " ".join(self.words(600))
        if n % 20 == 0:
            text = "".join(self._random.choices(CHINESE, k=1200)) + "新年快乐"
        if n % 10_000 == 77:
            text += f" {RARE}"
        return (head + "\r\n".join(text[at : at + 76] for at in range(0, len(text), 76))).encode()


async def timed(what: str, times: int, work: Callable[[int], Awaitable[object]]) -> None:
    """Print the median and the worst time of a call."""
    taken = []
    for n in range(times):
        began = time.perf_counter()
        await work(n)
        taken.append((time.perf_counter() - began) * 1000)
    print(f"{what:<34} {median(taken):>9.2f} {max(taken):>9.2f} ms", flush=True)


async def bench(reactor: object, count: int, directory: Path) -> None:
    """Fill a mailbox and ask for things."""
    now = 1_800_000_000_000
    store = Store(directory / "store", reactor, lambda: now)
    store.start()
    messages, search = MessageStore(store, os.urandom), MailSearch(store)
    actions = MailActions(store, os.urandom)
    texts = Texts()
    parsing = filing = 0.0
    began = time.perf_counter()
    ids: list[str] = []
    for start in range(0, count, WAVE):
        wave = []
        for n in range(start, min(start + WAVE, count)):
            raw = texts.mail(n)
            wave.append((n, raw))
        made = time.process_time()
        items = []
        for n, raw in wave:
            about = describe(raw)
            items.append(
                Filing(
                    account=ACCOUNT,
                    folder=INBOX,
                    delivery_key=str(n),
                    blob=f"{n:064}",
                    size=len(raw),
                    received_at=now - (count - n) * 600_000,
                    description=about,
                    text=searchable(raw, about.structure),
                    seen=n % 10 > 0,
                )
            )
        parsed = time.process_time()
        filed = await gatherResults([Deferred.fromCoroutine(messages.file(item, durable=False)) for item in items])
        filing += time.process_time() - parsed
        parsing += parsed - made
        ids += [each.conversation for each in filed]
    await search.index()
    seconds = time.perf_counter() - began
    print(f"{count} messages: {count / seconds:.0f} filed a second, made and parsed included")
    print(f"{'CPU of parsing':<34} {parsing / count * 1000:>9.3f} ms a message")
    print(f"{'CPU of filing and indexing':<34} {filing / count * 1000:>9.3f} ms a message")
    await store.read(lambda c: c.execute("PRAGMA wal_checkpoint").fetchall())
    octets = sum(os.stat(entry).st_size for entry in os.scandir(directory))
    print(f"{'octets in the database':<34} {octets / count:>9.0f} a message, contents not counted")
    parts = await store.read(
        lambda c: c.execute("SELECT name, SUM(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC LIMIT 6").fetchall()
    )
    print("  " + ", ".join(f"{name} {size // count}" for name, size in parts))
    print(f"{'':<34} {'median':>9} {'worst':>9}")
    await timed("list, top", 50, lambda n: messages.page(ACCOUNT, INBOX, None, 50))
    deep = Cursor(now - count * 500_000, "z")
    await timed("list, deep", 50, lambda n: messages.page(ACCOUNT, INBOX, deep, 50))

    async def open_one(n: int) -> None:
        await messages.conversation(ACCOUNT, ids[n * 997 % count])
        await messages.messages(ACCOUNT, ids[n * 997 % count])

    await timed("open a conversation", 100, open_one)
    middling = texts.words(5000)[-1]
    for what, query in (
        ("common word", Query(((Text("the"),),))),
        ("another word", Query(((Text(middling),),))),
        ("rare word", Query(((Text(RARE),),))),
        ("no such word", Query(((Text("nosuchwordanywhere"),),))),
        ("two words", Query(((Text("the"),), (Text(middling),)))),
        ("Chinese", Query(((Text("新年快乐"),),))),
        ("Chinese, one character", Query(((Text("新"),),))),
        ("prefix of 3", Query(((Text("the", prefix=True),),))),
        ("prefix of 4", Query(((Text(middling[:4].ljust(4, "e"), prefix=True),),))),
        ("from an address", Query(((Text("u77@d7.example", Field.AUTHOR, prefix=True),),))),
    ):

        async def ask(n: int, query: Query = query) -> None:
            await search.search(ACCOUNT, query, None, 50)

        await timed(f"search, {what}", 20, ask)

    async def flag(n: int) -> None:
        some = tuple(dict.fromkeys(ids[n * 2000 : n * 2000 + 400]))[:100]
        await actions.act(ACCOUNT, Action(Verb.READ if n % 2 else Verb.UNREAD), Chosen(some))

    await timed("mark 100 conversations as read", 10, flag)
    print(f"{'memory at its highest':<34} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024:>9} MB")
    await store.stop()


def main() -> None:
    """Make a mailbox of the given number of messages, by default of 100,000."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with TemporaryDirectory() as directory:
        react(lambda reactor: Deferred.fromCoroutine(bench(reactor, count, Path(directory))))


if __name__ == "__main__":
    main()
