"""From twistd's options to a daemon: read the settings, put the parts of its roles together."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from twisted.application.service import IService
from twisted.internet import reactor as _reactor
from twisted.python import usage

from mailsuite.daemons.wiring import Wiring
from mailsuite.runtime.daemon import Daemon
from mailsuite.runtime.logs import LogOutput
from mailsuite.runtime.settings import DEFAULT_PATH, Settings, SettingsError, load

Role = Callable[[Wiring], None]
"""Adds the services of a role to the wiring's daemon."""


class Options(usage.Options):
    """The options of every daemon."""

    optParameters = (("config", "c", str(DEFAULT_PATH), "the settings file"),)  # noqa: N815 - twisted.python.usage

    def postOptions(self) -> None:
        """Read the settings: twistd prints a UsageError and ends."""
        try:
            self["settings"] = load(self["config"])
        except SettingsError as error:
            raise usage.UsageError("\n" + "\n".join(error.problems)) from None


def build(
    reactor: Any, settings: Settings, name: str, roles: Sequence[Role], output: LogOutput, path: Path | None
) -> Daemon:
    """A daemon with the services of ``roles``; ``path`` is the file that SIGHUP reads again."""
    daemon = Daemon(reactor, output, None if path is None else partial(load, path))
    wiring = Wiring(reactor, settings, daemon, name)
    for role in roles:
        role(wiring)
    return daemon


def make_service(options: Options, name: str, *roles: Role) -> IService:
    """What a twistd plugin's makeService gives."""
    settings: Settings = options["settings"]
    output = LogOutput(sys.stdout, settings.log.format, settings.log.level)
    return build(_reactor, settings, name, roles, output, Path(options["config"]))
