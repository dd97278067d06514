"""Whose key a request brings, and what that may do."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from anyio import to_thread

from memscore.errors import MemscoreError, NotFound, Unauthorized
from memscore.keys import Pepper, Scope, id_of
from memscore.store import Database, api_keys
from memscore.store.api_keys import KeyRecord

log = logging.getLogger(__name__)

VERIFIED_SECONDS = 1.0
"""How long a verified key is not looked up again, and so how long another process may take a revoked one."""

REMEMBERED = 10_000
NO_HASH = "0" * 64


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the id of a key, and its scopes."""

    id: str
    scopes: frozenset[Scope]


class Keyring:
    """Verifies keys against the database, and remembers those that were right, by a digest, for a second."""

    def __init__(self, database: Database, pepper: Callable[[], Pepper]) -> None:
        self.database = database
        self._load_pepper = pepper
        self._known: dict[bytes, tuple[float, Caller]] = {}

    @cached_property
    def pepper(self) -> Pepper:
        """With what keys are hashed. Raises StoreError if its file cannot be used."""
        return self._load_pepper()

    def recall(self, header: bytes) -> Caller | None:
        """Who brings an Authorization header that was verified a moment ago."""
        known = self._known.get(hashlib.sha256(header).digest())
        return known[1] if known is not None and known[0] > time.monotonic() else None

    async def verify(self, header: bytes) -> Caller:
        """Who brings an Authorization header. Raises Unauthorized, or StoreError without the database."""
        scheme, _, key = header.decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthorized("Send the key as: Authorization: Bearer KEY", presented=True)
        key = key.strip()
        identifier = id_of(key)
        if identifier is None:
            raise Unauthorized(
                "This is not a whole key: it was cut off or mistyped; copy it again, from memscore_ to its end.",
                presented=True,
            )
        record = await to_thread.run_sync(self._look_up, identifier, key)
        if record.use_is_old:
            asyncio.get_running_loop().run_in_executor(None, self._note_use, identifier)
        caller = Caller(record.id, frozenset(record.scopes))
        if len(self._known) >= REMEMBERED:
            self.forget()
        self._known[hashlib.sha256(header).digest()] = (time.monotonic() + VERIFIED_SECONDS, caller)
        return caller

    def forget(self) -> None:
        """Look every key up again."""
        self._known.clear()

    def _look_up(self, identifier: str, key: str) -> KeyRecord:
        """The record of a key that is right and live. Raises Unauthorized."""
        with self.database.reading() as connection:
            try:
                record = api_keys.get(connection, identifier)
            except NotFound:
                record = None
        right = hmac.compare_digest(self.pepper.hash(key), NO_HASH if record is None else record.secret_hash)
        if record is None or not right:
            if record is not None and record.pepper != self.pepper.id:
                log.error("key %s was hashed with another pepper than this host's: see docs/security.md", identifier)
            raise Unauthorized("This service does not know the key; ask its administrator for one.", presented=True)
        if record.state != "live":
            does = "was revoked" if record.state == "revoked" else "has expired"
            raise Unauthorized(f"The key {record.name!r} {does}; ask for a new one.", presented=True)
        return record

    def _note_use(self, identifier: str) -> None:
        try:
            with self.database.writing() as connection:
                api_keys.note_use(connection, identifier)
        except MemscoreError as error:
            log.warning("the use of key %s could not be noted: %s", identifier, error)


def needed_scope(method: str, path: str) -> Scope:
    """What a key must allow for a request: reading, posting, or the keys themselves."""
    if path.startswith("/v1/keys"):
        return "admin"
    return "read" if method in ("GET", "HEAD", "OPTIONS") or path.endswith("/scores/lookup") else "write"
