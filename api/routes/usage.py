"""What takes the disk, as `memscore db usage` shows it."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import DatabaseOf, HomeOf
from memscore.messages.usage import Usage
from memscore.store.usage import usage

router = APIRouter(prefix="/v1/usage", tags=["health"])


@router.get("", operation_id="get_usage")
def get_usage(database: DatabaseOf, home: HomeOf) -> Usage:
    """What takes the disk: trials, tables and logs of each study, files of each dataset. Needs the scope admin."""
    with database.reading() as connection:
        return usage(connection, home).message()
