"""Limits how large the body of a request may be, and how slowly it may arrive."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from memscore.errors import InvalidInput, TooLarge, TooSlow

MAX_BYTES = 2**20  # of a body that is not an upload; 100,000 indices take 700 kB
START_SECONDS, LEAST_RATE = 20.0, 4096  # a body may take 20 s, and one more second for every 4096 bytes


def require_length(headers: Mapping[bytes, bytes], limit: int) -> None:
    """Raises TooLarge if Content-Length exceeds `limit` bytes."""
    length = headers.get(b"content-length", b"0")
    if not length.isdigit():
        raise InvalidInput("Content-Length is not a number.")
    if int(length[:20]) > limit:
        raise _too_large(limit)


async def parts(receive: Receive, limit: int) -> AsyncIterator[bytes]:
    """A body as it arrives. Raises TooLarge, TooSlow, or ClientDisconnect."""
    started, size, more = time.monotonic(), 0, True
    while more:
        left = started + START_SECONDS + size / LEAST_RATE - time.monotonic()
        try:
            async with asyncio.timeout(left):
                message = await receive()
        except TimeoutError as error:
            raise TooSlow(f"The body arrived at less than {LEAST_RATE} bytes a second; send it again.") from error
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part, more = message.get("body", b""), message.get("more_body", False)
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        yield part


async def read_ahead(receive: Receive, limit: int) -> Receive:
    """Read a whole body and return a `receive` that replays it. Raises as `parts`."""
    whole: Message | None = {
        "type": "http.request",
        "body": b"".join([part async for part in parts(receive, limit)]),
        "more_body": False,
    }

    async def receive_again() -> Message:
        nonlocal whole
        message, whole = whole, None
        return message or await receive()

    return receive_again


def _too_large(limit: int) -> TooLarge:
    size = f"{limit / 2**30:g} GiB" if limit >= 2**30 else f"{limit / 2**20:.3g} MiB"
    return TooLarge(f"The body exceeds {size}, the most this service accepts here.")
