"""The settings of the suite: one TOML file, read into frozen values; all that is wrong with it is told at once."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from mailsuite.model.tls_policy import TlsLevel
from mailsuite.runtime import network_values, sections, setting_values
from mailsuite.runtime.resolv_conf import nameservers
from mailsuite.runtime.toml_lines import Key, lines_of

DEFAULT_PATH = Path("/etc/mailsuite/mailsuite.toml")


class SettingsError(Exception):
    """The file cannot be used; ``problems`` are lines for a person, each with file, line and key."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class Settings(Struct, frozen=True, kw_only=True):
    """All sections. What follows from other settings is filled in, so that nobody else has to know how.

    ``route`` maps a domain ("*" for every other one) to ``host:port``, ``tls_policy`` a domain to a TlsLevel.
    """

    server: sections.Server
    store: sections.Store = sections.Store()
    redis: sections.Redis = sections.Redis()
    log: sections.Log = sections.Log()
    mx: sections.Mx = sections.Mx()
    msa: sections.Msa = sections.Msa()
    mda: sections.Mda = sections.Mda()
    tls: sections.Tls = sections.Tls()
    delivery: sections.Delivery = sections.Delivery()
    route: Mapping[str, str] = {}
    tls_policy: Mapping[str, str] = {}
    dns: sections.Dns = sections.Dns()
    web: sections.Web = sections.Web()

    def __post_init__(self) -> None:
        hostname = self.server.hostname
        web = msgspec.structs.replace(
            self.web,
            public_url=self.web.public_url or f"https://{hostname}",
            title=self.web.title or hostname,
        )
        msgspec.structs.force_setattr(self, "web", web)
        if not self.dns.nameservers:
            msgspec.structs.force_setattr(self, "dns", msgspec.structs.replace(self.dns, nameservers=(hostname,)))

    @property
    def database(self) -> Path:
        """The file of the SQLite store."""
        return Path(self.store.url.removeprefix("sqlite://")) if self.store.url else self.server.data / "mailsuite.db"


_ROUTE = "route"
_TLS_POLICY = "tls_policy"
_BY_DOMAIN = (_ROUTE, _TLS_POLICY)

_tls_level = setting_values.one_of(*(level.value for level in TlsLevel))


def load(path: str | os.PathLike[str], resolv_conf: str = "/etc/resolv.conf") -> Settings:
    """Read a settings file. Raises SettingsError.

    Without ``server.hostname`` it is this machine's own name; without ``dns.upstreams`` they are the name
    servers of ``resolv_conf``.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except OSError as error:
        raise SettingsError([f"{path}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError as error:
        raise SettingsError([f"{path}: is not UTF-8: {error.reason} at octet {error.start}"]) from None
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"\(at line ([0-9]+)", str(error))
        where = f"{path}:{line[1]}" if line else f"{path}"
        raise SettingsError([f"{where}: is not TOML: {error}"]) from None
    return _Reading(str(path), data, lines_of(text)).settings(resolv_conf)


class _Reading:
    """One pass over a parsed file, which collects problems instead of stopping at the first."""

    def __init__(self, path: str, data: dict[str, Any], lines: Mapping[Key, int]) -> None:
        self._path = path
        self._data = data
        self._lines = lines
        self._problems: list[tuple[int, str]] = []

    def settings(self, resolv_conf: str) -> Settings:
        known = typing.get_type_hints(Settings)
        for name in self._data.keys() - known.keys():
            self._wrong((name,), f"is not a section{_meant(name, known)}")
        values: dict[str, Any] = {
            name: self._section(name, kind) for name, kind in known.items() if name not in _BY_DOMAIN
        }
        values[_ROUTE] = self._by_domain(_ROUTE, network_values.target, '"host:port"', everything=True)
        values[_TLS_POLICY] = self._by_domain(_TLS_POLICY, _tls_level, '"verify"')
        self._together(values)
        if self._problems:
            raise SettingsError(message for _, message in sorted(self._problems))
        dns = values["dns"]
        if "upstreams" not in dns:
            dns["upstreams"] = nameservers(Path(resolv_conf))
        tables = {name: values.pop(name) for name in _BY_DOMAIN}
        return Settings(**tables, **{name: known[name](**section) for name, section in values.items()})

    def _wrong(self, key: Key, rule: str) -> None:
        line = next((self._lines[key[:n]] for n in range(len(key), 0, -1) if key[:n] in self._lines), 0)
        where = f"{self._path}:{line}" if line else self._path
        self._problems.append((line, f"{where}: {'.'.join(key)}: {rule}"))

    def _table(self, name: str) -> dict[str, Any]:
        table = self._data.get(name, {})
        if isinstance(table, dict):
            return table
        self._wrong((name,), "must be a section, [" + name + "]")
        return {}

    def _section(self, name: str, kind: type[Struct]) -> dict[str, Any]:
        """The values of a section's keys that are there and right."""
        hints = typing.get_type_hints(kind, include_extras=True)
        found = {}
        table = self._table(name)
        for key, value in table.items():
            if key not in hints:
                self._wrong((name, key), f"is not a key of [{name}]{_meant(key, hints)}")
                continue
            try:
                found[key] = hints[key].__metadata__[0](value)
            except ValueError as error:
                self._wrong((name, key), str(error))
        if name == "server" and "hostname" not in table:
            try:
                found["hostname"] = setting_values.host_name(os.uname().nodename)
            except ValueError as error:
                self._wrong((name, "hostname"), f"must be set, for this machine's own name {error}")
        return found

    def _by_domain(
        self, section: str, reader: setting_values.Reader[str], example: str, everything: bool = False
    ) -> dict[str, str]:
        """A section whose keys are domains; ``everything``: "*" is one."""
        found = {}
        for domain, value in self._table(section).items():
            if isinstance(value, dict):
                self._wrong((section, domain), f'write a domain with its dots in quotes: "example.org" = {example}')
                continue
            try:
                name = domain if domain == "*" and everything else setting_values.domain_name(domain)
                found[name] = reader(value)
            except ValueError as error:
                self._wrong((section, domain), str(error))
        return found

    def _together(self, values: Mapping[str, Mapping[str, Any]]) -> None:
        """Rules that bind several keys."""
        tls = self._table("tls")
        for key, other in (("certificate", "key"), ("key", "certificate")):
            if key in tls and other not in tls:
                self._wrong(("tls", key), f"needs tls.{other} beside it")
        if tls.get("more") and "certificate" not in tls:
            self._wrong(("tls", "more"), "needs tls.certificate and tls.key, which are shown to all others")
        web = {"session_idle": sections.Web().session_idle, "session_max": sections.Web().session_max, **values["web"]}
        if web["session_idle"] > web["session_max"]:
            self._wrong(("web", "session_idle"), "must not be longer than web.session_max")
        taken: dict[object, str] = {}
        for section, key in (
            ("mx", "listen"),
            ("mx", "probe_listen"),
            ("msa", "listen"),
            ("msa", "listen_tls"),
            ("web", "listen"),
            ("dns", "listen"),
        ):
            for at in values[section].get(key, ()):
                if at in taken:
                    self._wrong((section, key), f"{at} is used by {taken[at]} already")
                taken.setdefault(at, f"{section}.{key}")


def _meant(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    return f", did you mean {close[0]!r}?" if close else ""
