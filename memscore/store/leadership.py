"""Leases by the database's clock; the dispatcher that holds one leads."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, or_, select, update

from memscore.store.database import insert_ignoring, now
from memscore.store.schema import leases

TABLE = leases.name
LEADER = "dispatcher"


@dataclass(frozen=True)
class LeaseRecord:
    """The holder of a lease, until when it holds it by the database's clock, and how long that still is.

    seconds_left is negative once it has expired. note: why its owner cannot work.
    """

    owner: str
    expires_at: float
    seconds_left: float
    note: str | None


def take(
    connection: Connection, name: str, owner: str, seconds: float, *, note: str | None = None, dead: str | None = None
) -> bool:
    """Take or renew a lease that is free, expired, already the owner's, or held by `dead`; whether this succeeded."""
    free = or_(leases.c.owner == owner, leases.c.expires_at < now())
    if dead is not None:
        free = or_(free, leases.c.owner == dead)
    held = {"owner": owner, "expires_at": now() + seconds, "note": note}
    taken = connection.execute(update(leases).where(leases.c.name == name, free).values(**held)).rowcount
    if not taken:
        taken = insert_ignoring(connection, leases, {"name": name, **held})
    return bool(taken)


def release(connection: Connection, name: str, owner: str) -> None:
    """Give up a lease; a no-op if another owner holds it."""
    connection.execute(leases.delete().where(leases.c.name == name, leases.c.owner == owner))


def current(connection: Connection, name: str) -> LeaseRecord | None:
    """The current or last holder of a lease."""
    query = select(
        leases.c.owner, leases.c.expires_at, (leases.c.expires_at - now()).label("seconds_left"), leases.c.note
    )
    row = connection.execute(query.where(leases.c.name == name)).one_or_none()
    return None if row is None else LeaseRecord(*row)
