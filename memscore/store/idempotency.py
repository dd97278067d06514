"""Stores the answers to requests with an Idempotency-Key, so that a request sent twice is carried out once.

The key is claimed in the transaction that does the work: of two concurrent requests the second waits for the first, and
a refused request leaves its key free.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, select, update

from memscore.errors import InvalidInput
from memscore.store.database import insert_ignoring, now
from memscore.store.schema import idempotency_keys
from memscore.study.bits import digest

KEPT_SECONDS = 24 * 3600.0


def claim(connection: Connection, caller: str, key: str, request: str) -> dict[str, Any] | None:
    """Claim a caller's key for a request; returns the earlier answer if the key has one, else None.

    Raises InvalidInput if the key was used for another request.
    """
    connection.execute(delete(idempotency_keys).where(idempotency_keys.c.created_at < now() - KEPT_SECONDS))
    name, content = _name(caller, key), digest(request.encode())
    if insert_ignoring(connection, idempotency_keys, {"name": name, "request": content, "created_at": now()}):
        return None
    query = select(idempotency_keys.c.request, idempotency_keys.c.answer).where(idempotency_keys.c.name == name)
    row = connection.execute(query).one()
    if row.request != content:
        raise InvalidInput("This Idempotency-Key was used for another request; send a new key with each request.")
    return row.answer


def keep(connection: Connection, caller: str, key: str, answer: dict[str, Any]) -> None:
    """Store the answer to the request that claimed the key."""
    mine = idempotency_keys.c.name == _name(caller, key)
    connection.execute(update(idempotency_keys).where(mine).values(answer=answer))


def _name(caller: str, key: str) -> str:
    """The stored name of a key; it includes the caller, so keys of different callers cannot collide."""
    return digest(caller.encode(), key.encode())
