"""mailctl auth-check: why a saved message passes or fails."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import click
from twisted.internet.defer import Deferred
from twisted.internet.task import react

from mailsuite.cli.context import Context, pass_context
from mailsuite.mailauth.verdict import authenticate
from mailsuite.model.verdict import Verdict
from mailsuite.net.dns_client import StubResolver
from mailsuite.runtime.network_values import name_server


def _wire(content: bytes) -> bytes:
    """A file as it was on the wire: lines that end in LF alone get their CRLF back."""
    return re.sub(rb"(?<!\r)\n", b"\r\n", content)


def _show(verdict: Verdict) -> None:
    for step in verdict.steps:
        click.echo(f"{step.name:<6} {step.result:<9} {step.detail}".rstrip())
        if step.record:
            click.echo(f"{'':16} record: {step.record}")
    answer = f" ({verdict.status})" if verdict.status else ""
    click.echo(f"{'':6} {verdict.decision.value}: {verdict.reason}{answer}")


@click.command("auth-check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--ip", required=True, help="The IP address of the host that handed it in.")
@click.option("--from", "sender", default="", help="The reverse-path; left out: the null one.")
@click.option("--helo", default="unknown", show_default=True, help="What the host called itself.")
@click.option("--resolver", default="", help="The DNS server to ask, IP or IP:port; left out: the configured one.")
@pass_context
def auth_check(context: Context, file: Path, ip: str, sender: str, helo: str, resolver: str) -> None:
    """Judge FILE as port 25 would, and say at each step what decided and by which DNS record.

    The exit status is 0 when the message would be accepted, else 1.
    """
    settings = context.settings
    try:
        server = name_server(resolver) if resolver else settings.dns.asked
    except ValueError as error:
        raise click.ClickException(f"--resolver: {error}") from None
    content = _wire(file.read_bytes())
    found: list[Verdict] = []

    async def main(reactor: Any) -> None:
        found.append(
            await authenticate(
                content,
                ip=ip,
                helo=helo,
                mail_from=sender,
                hostname=settings.server.hostname,
                lookup=StubResolver(reactor, [server]).lookup,
                now=time.time_ns() // 1_000_000,
            )
        )

    try:
        react(lambda reactor: Deferred.fromCoroutine(main(reactor)))
    except SystemExit as end:
        if end.code:
            raise
    _show(found[0])
    if found[0].status is not None:
        raise SystemExit(1)
