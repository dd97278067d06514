"""A large download: resumed after a broken connection, and verified at its end."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

from memscore.client.parts import MemoryPart, Part
from memscore.client.retries import Patience
from memscore.client.service_access import ServiceAccess, pause_or_raise, rest_of
from memscore.client.steps import Flow, Open, Read, Reply, Request, done
from memscore.errors import Damaged, TooMany, Unavailable

Result = TypeVar("Result")

IDENTITY = {"Accept-Encoding": "identity"}  # a range of a compressed body is of no use
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")
_SHA_256 = re.compile(r"(?:^|[\s,])sha-256=:([A-Za-z0-9+/=]+):")


def download(
    service: ServiceAccess,
    request: Request,
    decode: Callable[[bytes], Result],
    known: Callable[[str], Result | None] = lambda _: None,
) -> Flow[Result | None]:
    """The decoded body of a response; None if it has not changed (304).

    `known` returns the result for an ETag if the client already has it, which saves the transfer. A body that does not
    match the service's digest, or that `decode` rejects, is fetched once more. Raises ServiceError, or Damaged if the
    second body fails too.
    """
    request = request.with_headers(IDENTITY)
    with _part(service, request) as part:
        for attempt in (1, 2):
            received = yield from _receive(service, request, part, known)
            if not isinstance(received, Reply):
                return received
            if received.status == 304:
                return None
            reply, payload = received, part.payload()
            try:
                result = yield from done(lambda reply=reply, payload=payload: decode(_intact(reply, payload)))
            except Damaged:
                part.discard()
                if attempt == 2:
                    raise
            else:
                part.discard()
                return result
    raise AssertionError("the second attempt returns or raises")


def _part(service: ServiceAccess, request: Request) -> AbstractContextManager[Part]:
    if service.cache is None:
        return nullcontext(MemoryPart())
    query = "&".join(f"{name}={value}" for name, value in sorted(request.params.items()))
    return service.cache.part(service.url, f"{request.path}?{query}")


def _receive(
    service: ServiceAccess, request: Request, part: Part, known: Callable[[str], Result | None]
) -> Flow[Reply | Result]:
    """Fill `part` to its end, over any number of connections; returns the last response's head, or a known result."""
    patience = Patience(service.retries)
    while True:
        try:
            reply = yield from _open(request, part)
            if reply.status == 304:
                return reply
            if reply.status == 200 and part.etag is not None:
                cached = yield from done(lambda: known((part.etag or "").strip('"')))
                if cached is not None:
                    return cached
            total = _total(reply)
            while chunk := (yield Read()):
                part.append(chunk)
                if reply.status == 206:
                    patience.renew()
                if service.on_download is not None:
                    service.on_download(request.path, part.size, total)
            return reply
        except (Unavailable, TooMany) as error:
            yield from pause_or_raise(patience, error, request)


def _open(request: Request, part: Part) -> Flow[Reply]:
    """The head of a response whose body continues `part` or replaces it, or of one with nothing to send (304)."""
    if part.etag is not None and part.size:
        reply: Reply = yield Open(request.with_headers({"Range": f"bytes={part.size}-", "If-Range": part.etag}))
        if reply.status == 206 and _continues(reply, part):
            return reply
        if reply.status not in (206, 416):
            return (yield from _whole(reply, part))
        part.discard()
    reply = yield Open(request)
    return (yield from _whole(reply, part))


def _whole(reply: Reply, part: Part) -> Flow[Reply]:
    """Empty `part` for a response with the whole body, and return the response. Raises ServiceError."""
    if reply.status == 200:
        part.restart(_etag(reply))
        return reply
    return (yield from rest_of(reply))


def _continues(reply: Reply, part: Part) -> bool:
    found = _CONTENT_RANGE.match(reply.headers.get("Content-Range", ""))
    return found is not None and int(found[1]) == part.size and _etag(reply) == part.etag


def _etag(reply: Reply) -> str | None:
    """The strong ETag of a response; None if its download could not be resumed."""
    etag = reply.headers.get("ETag", "")
    return etag if etag.startswith('"') and not _encoded(reply) else None


def _encoded(reply: Reply) -> bool:
    return reply.headers.get("Content-Encoding", "identity") != "identity"


def _total(reply: Reply) -> int | None:
    """Bytes of the whole body."""
    found = _CONTENT_RANGE.match(reply.headers.get("Content-Range", ""))
    length = found[2] if found is not None else reply.headers.get("Content-Length", "")
    return int(length) if length.isdigit() and not _encoded(reply) else None


def _intact(reply: Reply, payload: bytes) -> bytes:
    """The payload. Raises Damaged if it does not match the service's digest."""
    found = _SHA_256.search(reply.headers.get("Repr-Digest", ""))
    if found is not None and not _encoded(reply):
        received = base64.b64encode(hashlib.sha256(payload).digest()).decode()
        if received != found[1]:
            raise Damaged("The download does not match the service's digest; try again, or check any proxy in between.")
    return payload
