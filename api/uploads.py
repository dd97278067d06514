"""Uploaded files: written to disk as they arrive, never held in memory whole."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from typing import Annotated, BinaryIO, cast

from fastapi import Depends, Request

from api.middleware import body_limits
from api.protection import Protection
from memscore.errors import StoreError
from memscore.files import reason

IN_MEMORY = 2**20


async def _upload(request: Request) -> AsyncIterator[BinaryIO]:
    """The body as a file. Raises TooLarge, TooSlow, or StoreError if the disk is full."""
    limit = cast("Protection", request.app.state.protection).max_upload_bytes
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:  # unnamed, so nothing is left behind
        try:
            async for part in body_limits.parts(request.receive, limit):
                file.write(part)
        except OSError as error:
            raise StoreError(f"The upload cannot be written to disk ({reason(error)}); free some space.") from error
        file.seek(0)
        yield cast("BinaryIO", file)


Upload = Annotated[BinaryIO, Depends(_upload)]
