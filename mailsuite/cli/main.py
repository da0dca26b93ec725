"""mailctl: what an admin says to the suite."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import click

from mailsuite import __version__
from mailsuite.cli.context import Context
from mailsuite.runtime.settings import DEFAULT_PATH

_COMMANDS = {
    "account": "mailsuite.cli.account:account",
    "alias": "mailsuite.cli.alias:alias",
    "auth-check": "mailsuite.cli.auth_check:auth_check",
    "check": "mailsuite.cli.check:check",
    "check-config": "mailsuite.cli.check:check_config",
    "demo": "mailsuite.cli.demo:demo",
    "dkim": "mailsuite.cli.dkim:dkim",
    "dns": "mailsuite.cli.dns:dns",
    "doctor": "mailsuite.cli.doctor:doctor",
    "domain": "mailsuite.cli.domain:domain",
    "filter": "mailsuite.cli.filter:filter_",
    "forward": "mailsuite.cli.forward:forward",
    "mail": "mailsuite.cli.mail:mail",
    "queue": "mailsuite.cli.queue:queue",
    "suppression": "mailsuite.cli.suppression:suppression",
    "trace": "mailsuite.cli.trace:trace",
    "vacation": "mailsuite.cli.vacation:vacation",
}


class _Commands(click.Group):
    """Loads a command's module when it is called: most need little of the suite."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One command."""
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(import_module(module), name)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    "-c",
    type=click.Path(path_type=Path, dir_okay=False),
    default=DEFAULT_PATH,
    envvar="MAILSUITE_CONFIG",
    show_default=True,
    help="The settings file.",
)
@click.version_option(__version__, prog_name="mailctl")
@click.pass_context
def main(context: click.Context, config: Path) -> None:
    """Control a mailsuite: domains, accounts, settings."""
    context.obj = Context(config)


if __name__ == "__main__":
    main()
