"""Whether the service lives, and whether it can work."""

from __future__ import annotations

from fastapi import APIRouter

import memscore
from api.context import DatabaseOf
from memscore.errors import StoreError
from memscore.messages import Health, Readiness
from memscore.store.migrate import current_revision, head_revision

router = APIRouter(tags=["health"])


@router.get("/healthz", operation_id="health")
async def health() -> Health:
    """The process answers."""
    return Health(version=memscore.__version__)


@router.get("/readyz", operation_id="readiness")
def readiness(database: DatabaseOf) -> Readiness:
    """The database is reachable and at the revision this version needs; 503 if not."""
    current, head = current_revision(database), head_revision()
    if current != head:
        raise StoreError(f"The database is at revision {current}, not {head}; run: memscore db upgrade")
    return Readiness(revision=head)
