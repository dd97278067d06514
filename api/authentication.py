"""Identifies the key of a request, and what that key may do."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from anyio import to_thread
from cachetools import TTLCache

from memscore.errors import MemscoreError, NotFound, Unauthorized
from memscore.keys import SCOPES, Pepper, Scope, id_of
from memscore.store import Database, api_keys
from memscore.store.api_keys import KeyRecord

log = logging.getLogger(__name__)

NO_HASH = "0" * 64

VERIFIED_SECONDS = 1.0
"""A valid key is not looked up again for this long, so another process may accept a revoked one for as long."""

REMEMBERED = 10_000

SESSION = "/v1/session"
"""The address where browsers sign in, sign out and ask who is signed in."""

ADMINISTRATION = ("/v1/keys", "/v1/usage")
"""What starts with these needs the scope admin whatever the method, as removing and renaming do everywhere."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller behind a request: the id of a key, its scopes, and its name."""

    id: str
    scopes: frozenset[Scope]
    name: str


class Keyring:
    """Verifies keys against the database, and remembers valid ones for a second."""

    def __init__(self, database: Database, pepper: Callable[[], Pepper]) -> None:
        self.database = database
        self._load_pepper = pepper
        self._known: TTLCache[bytes, Caller] = short_memory()

    @cached_property
    def pepper(self) -> Pepper:
        """The secret that keys are hashed with. Raises StoreError if its file cannot be used."""
        return self._load_pepper()

    def recall(self, header: bytes) -> Caller | None:
        """The caller of an Authorization header that was verified a moment ago."""
        return self._known.get(digest(header))

    async def verify(self, header: bytes) -> Caller:
        """The caller of an Authorization header. Raises Unauthorized, or StoreError without the database."""
        scheme, _, key = header.decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthorized("Send the key as: Authorization: Bearer KEY", presented=True)
        record = await self.identify(key)
        caller = Caller(record.id, frozenset(record.scopes), record.name)
        self._known[digest(header)] = caller
        return caller

    async def identify(self, key: str) -> KeyRecord:
        """The record of a valid, live key. Raises Unauthorized, or StoreError without the database."""
        key = key.strip()
        identifier = id_of(key)
        if identifier is None:
            raise Unauthorized(
                "This is not a complete key: it was cut off or mistyped; copy it again, from memscore_ to its end.",
                presented=True,
            )
        record = await to_thread.run_sync(self._look_up, identifier, key)
        self.note_use(record)
        return record

    def forget(self) -> None:
        """Look every key up again."""
        self._known = short_memory()  # not clear(): a request's thread calls this while look-ups continue

    def stored(self, identifier: str) -> KeyRecord | None:
        """The record of a key, or None."""
        with self.database.reading() as connection:
            try:
                return api_keys.get(connection, identifier)
            except NotFound:
                return None

    def note_use(self, record: KeyRecord) -> None:
        """Record the use of a key after the answer, if the recorded use is old."""
        if record.use_is_old:
            asyncio.get_running_loop().run_in_executor(None, self._write_use, record.id)

    def _look_up(self, identifier: str, key: str) -> KeyRecord:
        record = self.stored(identifier)
        right = hmac.compare_digest(self.pepper.hash(key), NO_HASH if record is None else record.secret_hash)
        if record is None or not right:
            if record is not None and record.pepper != self.pepper.id:
                log.error("key %s was hashed with a pepper other than this host's: see docs/security.md", identifier)
            raise Unauthorized("This service does not know the key; ask its administrator for one.", presented=True)
        require_live(record)
        return record

    def _write_use(self, identifier: str) -> None:
        try:
            with self.database.writing() as connection:
                api_keys.note_use(connection, identifier)
        except MemscoreError as error:
            log.warning("the use of key %s could not be recorded: %s", identifier, error)


def short_memory() -> TTLCache[bytes, Any]:
    """A cache of recently verified credentials by their digest, so that not every request looks them up."""
    return TTLCache(REMEMBERED, VERIFIED_SECONDS, timer=lambda: time.monotonic())


def digest(shown: bytes) -> bytes:
    """The cache key of a credential: no secret stays in memory, and all take the same space."""
    return hashlib.sha256(shown).digest()


def require_live(record: KeyRecord) -> None:
    """Raises Unauthorized for a key that was revoked or has expired."""
    if record.state != "live":
        does = "was revoked" if record.state == "revoked" else "has expired"
        raise Unauthorized(f"The key {record.name!r} {does}; ask for a new one.", presented=True)


def largest(scopes: frozenset[Scope]) -> Scope:
    """The scope that includes the others."""
    return max(scopes, key=SCOPES.index)


def needed_scope(method: str, path: str) -> Scope:
    """The scope a request needs: to read, to add, or to administer; any key may sign in and out."""
    if path == SESSION:
        return "read"
    if path.startswith(ADMINISTRATION) or method in ("DELETE", "PATCH"):
        return "admin"
    return "read" if method in ("GET", "HEAD", "OPTIONS") or path.endswith("/scores/lookup") else "write"
