"""Queries on API keys: their hash, scopes and last use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, case, func, insert, or_, select, update

from memscore.errors import NotFound
from memscore.keys import Pepper, Scope, included
from memscore.store.database import now
from memscore.store.schema import api_keys

USE_NOTED_SECONDS = 60
"""The use of a key is recorded at most once in this time."""

_STATE = case(
    (api_keys.c.revoked_at.is_not(None), "revoked"), (api_keys.c.expires_at <= now(), "expired"), else_="live"
)
_USE_IS_OLD = or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < now() - USE_NOTED_SECONDS)
_WITH_STATE = select(api_keys, _STATE.label("state"), _USE_IS_OLD.label("use_is_old"))


@dataclass(frozen=True)
class KeyRecord:
    """A stored key. `pepper`: id of the pepper it was hashed with; `use_is_old`: its next use needs recording."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    secret_hash: str
    pepper: str
    state: Literal["live", "expired", "revoked"]
    created_at: float
    expires_at: float | None
    last_used_at: float | None
    use_is_old: bool


def add(
    connection: Connection, identifier: str, key: str, pepper: Pepper, name: str, scope: Scope, expires_in: int | None
) -> KeyRecord:
    """Store the hash of a new key."""
    row = {
        "id": identifier,
        "name": name,
        "secret_hash": pepper.hash(key),
        "pepper": pepper.id,
        "scopes": list(included(scope)),
        "created_at": now(),
        "expires_at": None if expires_in is None else now() + expires_in,
    }
    connection.execute(insert(api_keys).values(row))
    return get(connection, identifier)


def get(connection: Connection, identifier: str) -> KeyRecord:
    """The key with this id. Raises NotFound."""
    row = connection.execute(_WITH_STATE.where(api_keys.c.id == identifier)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"There is no key {identifier!r}; memscore keys list shows all.")
    return _record(row)


def listing(connection: Connection) -> list[KeyRecord]:
    """All keys, oldest first."""
    rows = connection.execute(_WITH_STATE.order_by(api_keys.c.created_at, api_keys.c.id)).mappings()
    return [_record(row) for row in rows]


def revoke(connection: Connection, identifier: str) -> KeyRecord:
    """Revoke a key for good. Raises NotFound."""
    this = api_keys.c.id == identifier
    connection.execute(update(api_keys).where(this, api_keys.c.revoked_at.is_(None)).values(revoked_at=now()))
    return get(connection, identifier)


def note_use(connection: Connection, identifier: str) -> None:
    """Record that a key is used now, unless a use was recorded within the last minute."""
    connection.execute(update(api_keys).where(api_keys.c.id == identifier, _USE_IS_OLD).values(last_used_at=now()))


def peppers(connection: Connection) -> dict[str, int]:
    """The number of live keys, by the id of the pepper they were hashed with."""
    query = select(api_keys.c.pepper, func.count().label("live")).where(_STATE == "live").group_by(api_keys.c.pepper)
    return {row.pepper: row.live for row in connection.execute(query)}


def _record(row: RowMapping) -> KeyRecord:
    given: dict[str, Any] = {name: row[name] for name in KeyRecord.__annotations__}
    given["scopes"], given["use_is_old"] = tuple(row["scopes"]), bool(row["use_is_old"])
    return KeyRecord(**given)
