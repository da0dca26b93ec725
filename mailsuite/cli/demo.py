"""mailctl demo: the whole suite on loopback, with two domains and three accounts."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import click
from msgspec import structs
from twisted.internet import reactor
from twisted.internet.error import CannotListenError

from mailsuite.cli.account import add_account
from mailsuite.cli.certificate import self_signed
from mailsuite.cli.domain import host_domain
from mailsuite.cli.session import Tools
from mailsuite.daemons.all import ROLES
from mailsuite.daemons.launch import build
from mailsuite.daemons.wiring import Wiring
from mailsuite.model.errors import StoreUnavailable
from mailsuite.runtime.foreground import run
from mailsuite.runtime.logs import LogOutput
from mailsuite.runtime.network_values import Listen
from mailsuite.runtime.settings import Settings, SettingsError, load
from mailsuite.sqlite.schema import SchemaRefused

DOMAINS = ("alpha.example", "beta.example")
ACCOUNTS = {"alice@alpha.example": "Alice Archer", "bob@alpha.example": "Bob Baker", "carol@beta.example": "Carol Cook"}
PASSWORD = "correct-horse-battery"  # noqa: S105 - printed at every start

CONFIG = """\
# The demonstration's settings: change them and start it again.
[server]
hostname = "mail.alpha.example"
data = "{data}"
postmaster = "alice@alpha.example"

[log]
format = "text"

[mx]
listen = ["127.0.0.1:2525"]

[msa]
listen = ["127.0.0.1:2587"]
listen_tls = ["127.0.0.1:2465"]

[tls]
certificate = "{data}/certificate.pem"
key = "{data}/key.pem"

[delivery]
# Three retries within a minute, then the notice of failure.
retry = ["3s", "10s", "30s"]
retry_limit = 3

[dns]
listen = ["127.0.0.1:5300"]
addresses = ["127.0.0.1"]
ttl = "1m"

[web]
listen = ["127.0.0.1:8080"]
public_url = "http://127.0.0.1:8080"
title = "alpha.example"
"""

WORDS = """\
mailsuite demonstration, data in {directory}
  web   {url}
  SMTP  127.0.0.1:{smtp}   submission 127.0.0.1:{submission} (STARTTLS), 127.0.0.1:{submissions} (TLS)
  DNS   127.0.0.1:{dns}
  accounts {accounts}
  password {password}
Three things to try:
  1. Open {url} and log in as alice@alpha.example.
  2. swaks --server 127.0.0.1:{smtp} --to alice@alpha.example
     The message appears in her list by itself.
  3. dig @127.0.0.1 -p {dns} alpha.example MX
"""


def provision(wiring: Wiring) -> None:
    """Have the demonstration's domains and accounts made before the suite says that it is ready."""

    async def people() -> None:
        tools = Tools(wiring.directory, wiring.cpu, wiring.traces, wiring.zones)
        hosted = {domain.name for domain in await wiring.directory.domains()}
        for name in DOMAINS:
            if name not in hosted:
                await host_domain(tools, name)
        for address, name in ACCOUNTS.items():
            if await wiring.directory.account_at(address) is None:
                await add_account(tools, address, name, PASSWORD)

    wiring.daemon.before_ready(people)


def shifted(settings: Settings, offset: int) -> Settings:
    """The settings with every port of a listener moved, and the web's URL with them. ValueError: beyond 65535."""

    def move(listens: tuple[Listen, ...]) -> tuple[Listen, ...]:
        for listen in listens:
            if not 0 < listen.port + offset < 65536:
                raise ValueError(f"{offset} moves port {listen.port} out of 1 to 65535")
        return tuple(replace(listen, port=listen.port + offset) for listen in listens)

    web = move(settings.web.listen)
    return structs.replace(
        settings,
        mx=structs.replace(settings.mx, listen=move(settings.mx.listen)),
        msa=structs.replace(settings.msa, listen=move(settings.msa.listen), listen_tls=move(settings.msa.listen_tls)),
        dns=structs.replace(settings.dns, listen=move(settings.dns.listen)),
        web=structs.replace(settings.web, listen=web, public_url=f"http://{web[0]}"),
    )


def prepare(directory: Path, offset: int) -> Settings:
    """Make the directory, its settings file and certificate where they are missing; the settings, ports shifted."""
    directory.mkdir(parents=True, exist_ok=True)
    self_signed(directory / "certificate.pem", directory / "key.pem", "mail.alpha.example")
    config = directory / "mailsuite.toml"
    if not config.exists():
        config.write_text(CONFIG.format(data=directory))
    return shifted(load(config), offset)


@click.command()
def demo() -> None:
    """Run everything in the foreground on loopback, with domains, accounts and certificates made up.

    MAILSUITE_DEMO_DIR is the data directory (./var/demo), MAILSUITE_PORT_OFFSET is added to every port.
    """
    directory = Path(os.environ.get("MAILSUITE_DEMO_DIR") or "var/demo").absolute()
    try:
        offset = int(os.environ.get("MAILSUITE_PORT_OFFSET") or 0)
        settings = prepare(directory, offset)
    except ValueError as error:
        raise click.ClickException(f"MAILSUITE_PORT_OFFSET: {error}") from None
    except SettingsError as error:
        raise click.ClickException("\n".join(error.problems)) from None
    output = LogOutput(sys.stderr, settings.log.format, settings.log.level)
    daemon = build(reactor, settings, "all", (provision, *ROLES), output, None)

    def words() -> None:
        click.echo(
            WORDS.format(
                directory=directory,
                url=settings.web.public_url,
                smtp=settings.mx.listen[0].port,
                submission=settings.msa.listen[0].port,
                submissions=settings.msa.listen_tls[0].port,
                dns=settings.dns.listen[0].port,
                accounts=", ".join(ACCOUNTS),
                password=PASSWORD,
            )
        )
        click.echo("ready")
        sys.stdout.flush()

    daemon.on_ready(words)
    try:
        status = run(reactor, daemon, output)
    except StoreUnavailable as error:
        raise click.ClickException(f"the store cannot be used: {error.detail}") from None
    except (CannotListenError, OSError, RuntimeError, SchemaRefused) as error:
        raise click.ClickException(str(error)) from None
    raise SystemExit(status)
