"""mailctl trace: what happened to messages on their way in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import click

from mailsuite.cli.context import Context, pass_context
from mailsuite.cli.session import Tools, with_store
from mailsuite.cli.texts import printable
from mailsuite.model.trace import Trace


def lines(trace: Trace) -> Iterator[str]:
    """A trace for people: one line for the session, one for each step with its time (ms since the session began)."""
    began = datetime.fromtimestamp(trace.began / 1000, UTC).isoformat(" ", "milliseconds")
    sender = "" if trace.sender is None else f" from <{trace.sender}> to {trace.recipients}"
    account = f" as {trace.account}" if trace.account else ""
    client = f"{trace.client} ({trace.helo or 'no name'})"
    yield f"{began} {trace.service} {client}{account}{sender} {trace.queue_id}".rstrip()
    for step in trace.steps:
        took = f"{step.took} ms" if step.took else ""
        yield f"  {step.at:>8} {took:>9}  {step.name}: {step.text}"


@click.command()
@click.argument("queue_id", required=False)
@click.option("--number", "-n", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many.")
@pass_context
def trace(context: Context, queue_id: str | None, number: int) -> None:
    """The steps of the message QUEUE_ID, or of the last sessions, the newest last. They are kept for a week."""

    async def work(tools: Tools) -> None:
        if queue_id is None:
            found = list(await tools.traces.recent(number))[::-1]
        else:
            found = list(await tools.traces.of(queue_id))
            if not found:
                raise ValueError(f"there is no trace of {queue_id}")
        for each in found:
            for line in lines(each):
                click.echo(printable(line))

    with_store(context.settings, work)
