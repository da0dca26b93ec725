"""mailctl check-config."""

from __future__ import annotations

import click

from mailsuite.cli.context import Context, pass_context


@click.command("check-config")
@pass_context
def check_config(context: Context) -> None:
    """Read the settings file and say what is wrong with it."""
    settings = context.settings
    click.echo(f"{context.config}: ok ({settings.server.hostname}, data in {settings.server.data})")
