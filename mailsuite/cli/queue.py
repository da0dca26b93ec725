"""mailctl queue: look at the queue and take hold of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import click

from mailsuite.cli.context import Context, pass_context
from mailsuite.cli.session import Tools, with_store
from mailsuite.cli.texts import printable
from mailsuite.model.errors import NotThere, ScheduleUnavailable
from mailsuite.model.job import JobState, Lane, RecipientState
from mailsuite.model.queue_view import Entry, JobQuery
from mailsuite.queue.control import Control, Told
from mailsuite.queue.explain import moment

_PAGE = 500
_OPEN = (JobState.PENDING, JobState.HELD, JobState.PARKED)

Act = Callable[[JobQuery], AsyncIterator[Told]]


def _selection(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say which jobs are meant."""
    for option in (
        click.option("--destination", default="", help="The next hop's domain, or local."),
        click.option("--recipient", default="", help="An address, or @domain."),
        click.option("--sender", default="", help="An address, @domain, or <> for notices."),
        click.argument("id", required=False, default=""),
    ):
        command = option(command)
    return command


def _line(entry: Entry, now: int) -> str:
    job, message = entry.job, entry.message
    to = ", ".join(str(r.address) for r in job.open_recipients[:3]) or "-"
    more = len(job.open_recipients) - 3
    said = next((str(r.status) for r in job.recipients if r.status and not r.state.final), "")
    if job.state is not JobState.PENDING:
        state = job.state.value
    elif job.claim is not None and job.claim.until > now:
        state = "active"
    elif message.not_before > now:
        state = "waiting"
    else:
        state = "deferred" if job.attempts else "new"
    due = f" next {moment(job.next_attempt)}" if state in ("deferred", "waiting") else ""
    return printable(
        f"{job.id} {state} {job.destination} {message.size} B <{message.envelope.sender}> -> "
        f"{to}{f' and {more} more' if more > 0 else ''} tries {job.attempts}{due}{f' ({said})' if said else ''}"
    )


def _with_queue(context: Context, work: Callable[[Control, Tools], Awaitable[None]]) -> None:
    async def with_control(tools: Tools) -> None:
        async with tools.control() as control:
            await work(control, tools)

    with_store(context.settings, with_control)


@click.group()
def queue() -> None:
    """Messages on their way: list, explain, retry, hold, release, cancel, bounce."""


@queue.command("list")
@_selection
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([state.value for state in JobState]),
    help="Only these; open ones when left out.",
)
@click.option("--number", "-n", type=click.IntRange(1), default=1000, show_default=True, help="At most so many.")
@pass_context
def list_(
    context: Context, id: str, sender: str, recipient: str, destination: str, states: tuple[str, ...], number: int
) -> None:
    """One line a job, oldest first. ID is a queue id or a job id."""
    wanted = tuple(JobState(state) for state in states) or (() if id else _OPEN)
    query = JobQuery(id, sender, recipient, destination, wanted)

    async def work(control: Control, tools: Tools) -> None:
        shown, after = 0, ""
        while shown < number:
            page = await control.list(query, after, min(_PAGE, number - shown))
            for entry in page:
                click.echo(_line(entry, tools.clock()))
            if not page:
                break
            shown, after = shown + len(page), page[-1].job.id
        click.echo(f"{shown} {'job' if shown == 1 else 'jobs'}", err=True)

    _with_queue(context, work)


async def _entries(control: Control, id: str) -> list[Entry]:
    found = list(await control.list(JobQuery(id=id), "", 1000))
    if not found:
        raise NotThere(f"there is no message or job {id}")
    return found


@queue.command("show")
@click.argument("id")
@pass_context
def show(context: Context, id: str) -> None:
    """Everything that is known of a message or job: envelope, recipients, attempts."""

    async def work(control: Control, tools: Tools) -> None:
        entries = await _entries(control, id)
        message = entries[0].message
        out = [
            f"message {message.id}",
            f"  from <{message.envelope.sender}>, {message.size} octets, blob {message.blob}",
            f"  accepted {moment(message.created)}, given up after {moment(message.expires)}",
        ]
        if message.account:
            out.append(f"  written by account {message.account}")
        if message.not_before:
            out.append(f"  not before {moment(message.not_before)}")
        for entry in entries:
            job = entry.job
            out.append(f"job {job.id} to {job.destination}: {job.state.value}, {job.attempts} tries")
            if job.claim is not None:
                out.append(f"  claimed by {job.claim.worker} until {moment(job.claim.until)}")
            if job.state is JobState.PENDING:
                out.append(f"  next attempt {moment(job.next_attempt)}")
            for r in job.recipients:
                said = "" if r.status is None else f": {r.status}"
                by = f" by {r.mx}" if r.mx else ""
                when = f" at {moment(r.at)}" if r.at else ""
                out.append(f"  <{r.recipient.address}> {r.state.value}{by}{when}{said}")
            out += [f"  {moment(a.at)} {a.worker or '-'} {a.text}" for a in job.history]
        for line in out:
            click.echo(printable(line))

    _with_queue(context, work)


@queue.command("explain")
@click.argument("id")
@pass_context
def explain(context: Context, id: str) -> None:
    """Why a message or job waits, and what ends the wait."""

    async def work(control: Control, tools: Tools) -> None:
        for entry in await _entries(control, id):
            job = entry.job
            reasons = await control.explain(entry)
            if not reasons:
                states = {r.state for r in job.recipients}
                how = "was cancelled" if job.state is JobState.CANCELLED else "is finished"
                failed = ", not every recipient was reached" if RecipientState.FAILED in states else ""
                click.echo(f"{job.id} {how}{failed}")
            for reason in reasons:
                click.echo(printable(f"{job.id} waits ({reason.kind}): {reason.why}."))
                click.echo(printable(f"  It ends when: {reason.ends}."))

    _with_queue(context, work)


@queue.command("stats")
@pass_context
def stats(context: Context) -> None:
    """How many jobs there are by destination and state, and which destinations are closed."""

    async def work(control: Control, tools: Tools) -> None:
        shares = await control.shares()
        for share in shares:
            click.echo(
                printable(
                    f"{share.lane.value} {share.destination} {share.state.value}: {share.jobs}"
                    f", oldest {moment(share.oldest)}, next {moment(share.next_attempt)}"
                )
            )
        click.echo(f"{sum(share.jobs for share in shares)} jobs in all")
        try:
            for lane in Lane:
                for state in await control.destinations(lane):
                    closed = f", closed until {moment(state.open_until)}: {state.reason}" if state.open_until else ""
                    full = f", no room at {state.site}" if state.site and not state.room else ""
                    click.echo(
                        printable(
                            f"{state.destination}: {state.in_flight} of {state.max_concurrency} in work,"
                            f" {state.ready} ready{full}{closed}"
                        )
                    )
        except ScheduleUnavailable as error:
            click.echo(f"the schedule does not answer: {error}", err=True)

    _with_queue(context, work)


def _act(name: str, text: str) -> None:
    """Make a command of one of Control's acts."""

    @queue.command(name, help=text)
    @_selection
    @click.option("--all", "everything", is_flag=True, help="All jobs that can be.")
    @pass_context
    def command(context: Context, id: str, sender: str, recipient: str, destination: str, everything: bool) -> None:
        query = JobQuery(id, sender, recipient, destination)
        if query == JobQuery() and not everything:
            raise click.UsageError("say which: an ID, --sender, --recipient, --destination, or --all")

        async def work(control: Control, tools: Tools) -> None:
            act: Act = getattr(control, name)
            done = failed = 0
            async for told in act(query):
                done, failed = done + told.done, failed + (not told.done)
                click.echo(printable(f"{told.job.id} {told.text}"))
            if not done and not failed:
                raise NotThere("no job matches")
            click.echo(f"{done} {'job' if done == 1 else 'jobs'}", err=True)
            if failed:
                raise ValueError(f"{failed} could not be changed")

        _with_queue(context, work)


_act("retry", "Attempt waiting jobs now.")
_act("hold", "Keep waiting jobs from being attempted until they are released.")
_act("release", "Let held jobs, and those set aside as poison, go on now.")
_act("cancel", "Drop jobs. Nobody is told: see bounce.")
_act("bounce", "Give jobs up, and tell the originator.")

__all__ = ["queue"]
