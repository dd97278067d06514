"""Liveness and readiness of the service."""

from __future__ import annotations

from typing import Annotated, Literal

import anyio
from anyio import to_thread
from fastapi import APIRouter, Query, Request

import memscore
from api.dependencies import DatabaseOf
from memscore.errors import StoreError
from memscore.messages.service import Health, Readiness
from memscore.store import Database, leadership
from memscore.store.migrate import current_revision, head_revision

READY_SECONDS = 5.0

router = APIRouter(tags=["health"])


@router.get("/healthz", operation_id="health")
async def health() -> Health:
    """Answers as long as the process does."""
    return Health(version=memscore.__version__)


@router.get("/readyz", operation_id="readiness")
async def readiness(
    request: Request,
    database: DatabaseOf,
    require: Annotated[
        Literal["dispatcher"] | None, Query(description="dispatcher: not ready unless one holds the lead")
    ] = None,
) -> Readiness:
    """The database is reachable and at the revision this version needs; 503 if not.

    A dispatcher is reported but not required, since reads and new jobs work without one; `require=dispatcher` requires
    it. Answers within seconds, whatever else waits for the database.
    """
    with anyio.move_on_after(READY_SECONDS):
        return await to_thread.run_sync(
            _readiness, database, require, abandon_on_cancel=True, limiter=request.app.state.probes
        )
    raise StoreError(f"The database has not answered within {READY_SECONDS:.0f} s.")


def _readiness(database: Database, require: Literal["dispatcher"] | None) -> Readiness:
    current, head = current_revision(database), head_revision()
    if current != head:
        raise StoreError(f"The database is at revision {current}, not {head}; run: memscore db upgrade")
    with database.reading() as connection:
        leader = leadership.current(connection, leadership.LEADER)
    if leader is not None and leader.seconds_left >= 0:
        return Readiness(revision=head, dispatcher="leading", dispatcher_note=leader.note)
    if require == "dispatcher":
        raise StoreError("No dispatcher is running, so jobs wait; start one with: memscore dispatch")
    return Readiness(revision=head, dispatcher="missing")
