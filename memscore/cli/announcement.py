"""The lines a service prints once it answers: its address and the settings in force, without secrets."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from memscore.logs import Discretion
from memscore.settings import Settings
from memscore.store import Database

log = logging.getLogger(__name__)

ALWAYS = ("launcher", "stop_seconds", "log_format", "log_level")


@dataclass(frozen=True)
class Options:
    """Options of `serve` apart from the address, to name the source of each value."""

    workers: int
    dispatch: bool
    keys_required: bool
    database_url: str | None

    def source(self, settings: Settings, name: str) -> str | None:
        """The option or environment variable that set a value; None for a default."""
        given = {
            "workers": "--workers" if self.workers != 1 else None,
            "dispatcher": None if self.dispatch else "--no-dispatch",
            "keys": settings.source("require_keys"),
            "database": "--database-url" if self.database_url else settings.source("database_url"),
        }
        return given[name] if name in given else settings.source(name)


def announce(address: str, database: Database, settings: Settings, options: Options) -> None:
    """Print the address and the settings in force, one per line; with a JSON log, log them as one object."""
    sentence = f"memscore serves {address} (documentation: {address}/docs), home {settings.home}"
    values = in_force(database, settings, options)
    sources = {name: options.source(settings, name) for name in values}
    if settings.log_format == "json":
        logged = {name: {"value": value, "from": sources[name] or "default"} for name, value in values.items()}
        log.info("%s", sentence, extra={"url": address, "settings": logged})
        return
    origin = {name: f"  ({source})" if source else "" for name, source in sources.items()}
    lines = [f"  {name.replace('_', ' '):16}{value}{origin[name]}" for name, value in values.items()]
    print(Discretion(settings)("\n".join([sentence, *lines])), flush=True)


def in_force(database: Database, settings: Settings, options: Options) -> dict[str, str]:
    """The settings that matter at the start of a service, and all others that differ from their default."""
    values = {
        "database": database.shown,
        "workers": str(options.workers),
        "keys": "required" if options.keys_required else "not required on this machine",
        "dispatcher": "beside it" if options.dispatch else "none: start one with memscore dispatch",
    }
    plain = settings.model_dump(mode="json", exclude={"database_url", "home", "require_keys"}, exclude_none=True)
    shown = [name for name in plain if name in ALWAYS or settings.source(name)]
    return {**values, **{name: str(plain[name]) for name in shown}}
