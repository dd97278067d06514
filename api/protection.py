"""What an application requires of its callers, derived from the settings and the address it listens on."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from functools import partial

from memscore import settings as settings_module
from memscore.addresses import is_loopback
from memscore.errors import InvalidInput
from memscore.keys import Pepper
from memscore.settings import Settings, listed
from memscore.store import Database, api_keys
from memscore.store.pepper import pepper_of


def _pepper() -> Pepper:
    return pepper_of(settings_module.load())


@dataclass(frozen=True)
class Protection:
    """Requirements for callers; the defaults suit an application in the process of its only user.

    `hosts`: names that the service answers to, in addition to loopback ones; None: any. `origins`: sites whose pages
    may use it from a browser. `rate_limit`: requests a second per key, or per address without a key; 0: no limit.
    """

    keys_required: bool = False
    hosts: frozenset[str] | None = None
    origins: tuple[str, ...] = ()
    rate_limit: float = 0
    max_upload_bytes: int = 2**30
    pepper: Callable[[], Pepper] = _pepper


def protection_of(settings: Settings, host: str) -> Protection:
    """The protection of a service that listens on `host`."""
    loopback = is_loopback(host)
    names = frozenset(name.lower() for name in listed(settings.allowed_hosts))
    return Protection(
        keys_required=settings.require_keys or not loopback,
        hosts=names if names or loopback else None,
        origins=listed(settings.cors_origins),
        rate_limit=settings.rate_limit,
        max_upload_bytes=settings.max_upload_bytes,
        pepper=partial(pepper_of, settings),
    )


def require_a_key(database: Database, protection: Protection, host: str) -> None:
    """Raises InvalidInput if callers need keys and no key could be valid."""
    if not protection.keys_required:
        return
    with database.reading() as connection:
        live = api_keys.peppers(connection)
    if not live:
        raise InvalidInput(
            f"Serving on {host} needs a key, and none exists yet; make one: memscore keys create NAME --scope admin"
        )
    require_pepper(live, protection.pepper())


def require_pepper(live: Container[str], pepper: Pepper) -> None:
    """Raises InvalidInput unless a live key was hashed with this pepper."""
    if pepper.id not in live:
        raise InvalidInput(
            "The keys of this database were hashed with a pepper other than this host's; copy the file key-pepper from "
            "the home folder where they were made, or set MEMSCORE_KEY_PEPPER to the value used there. If it is lost, "
            "revoke them first."
        )
