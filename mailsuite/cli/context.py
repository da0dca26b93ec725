"""What mailctl's commands get from the group: the settings, read when first asked for."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import click

from mailsuite.runtime.settings import Settings, SettingsError, load


class Context:
    """The group's options."""

    def __init__(self, config: Path) -> None:
        self.config = config

    @cached_property
    def settings(self) -> Settings:
        """The settings file; a problem in it ends the command with all problems in words."""
        try:
            return load(self.config)
        except SettingsError as error:
            raise click.ClickException("\n".join(error.problems)) from None


pass_context = click.make_pass_decorator(Context)
