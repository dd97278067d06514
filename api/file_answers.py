"""Files over HTTP: entity tags, 304, parts of a file (Range), and a digest to verify the whole."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Header
from starlette.responses import Response

from api.errors import NotSatisfiable, documented
from api.headers import ASK_AGAIN

NPZ = "application/x-npz"

PARTS: dict[int | str, dict[str, Any]] = {
    206: {"description": "the requested part"},
    304: {"description": "the client's copy is current"},
    **documented(404, 416),
}
"""What a file is answered with besides the whole of it, in a route's description."""

PNG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}},
    **PARTS,
}


@dataclass(frozen=True)
class Conditions:
    """The headers that name the copies a client has, and the part it wants."""

    if_none_match: str | None = None
    range: str | None = None
    if_range: str | None = None


async def _conditions(
    if_none_match: Annotated[str | None, Header(description="entity tags of copies that the client has")] = None,
    range: Annotated[str | None, Header(description="one range of bytes; several get the whole file")] = None,
    if_range: Annotated[str | None, Header(description="the tag of the copy that the range continues")] = None,
) -> Conditions:
    return Conditions(if_none_match, range, if_range)


ConditionsOf = Annotated[Conditions, Depends(_conditions)]


@dataclass(frozen=True)
class Representation:
    """The bytes of a file with their entity tag, without quotes, and their SHA-256."""

    payload: bytes
    etag: str
    media_type: str
    filename: str
    sha256: bytes

    @classmethod
    def of(cls, payload: bytes, filename: str, media_type: str = NPZ, etag: str | None = None) -> Representation:
        """A file's bytes; the entity tag defaults to their digest."""
        sha256 = hashlib.sha256(payload)
        return cls(payload, etag or sha256.hexdigest(), media_type, filename, sha256.digest())

    def answer(self, conditions: Conditions, cache: str = ASK_AGAIN, *, inline: bool = False) -> Response:
        """The file, a part of it, or 304 if the client has it; `inline` for images in pages. Raises NotSatisfiable."""
        tag = f'"{self.etag}"'
        headers = {"ETag": tag, "Cache-Control": cache, "Vary": "Accept"}
        if _has(conditions.if_none_match, tag):
            return Response(status_code=304, headers=headers)
        headers |= {
            "Accept-Ranges": "bytes",
            "Repr-Digest": f"sha-256=:{base64.b64encode(self.sha256).decode()}:",
            "Content-Disposition": f'{"inline" if inline else "attachment"}; filename="{self.filename}"',
        }
        wanted = None if conditions.if_range not in (None, tag) else part(conditions.range, len(self.payload))
        if wanted is None:
            return Response(self.payload, media_type=self.media_type, headers=headers)
        headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{len(self.payload)}"
        content = memoryview(self.payload)[wanted.start : wanted.stop]
        return Response(content, 206, media_type=self.media_type, headers=headers)


def part(header: str | None, size: int) -> slice | None:
    """The part of a file that a Range header asks for; None for the whole, as RFC 9110 wants for an unreadable header.

    Raises NotSatisfiable if it begins past the end.
    """
    found = re.fullmatch(r"bytes=\s*(\d{0,19})-(\d{0,19})\s*", header or "", re.ASCII)
    if found is None or found[1] == found[2] == "":
        return None
    if found[1] == "":  # this many bytes at the end
        start, stop = max(0, size - int(found[2])), size
    else:
        start, stop = int(found[1]), min(size, int(found[2]) + 1 if found[2] else size)
        if found[2] and int(found[2]) < start:
            return None
    if start >= size:
        raise NotSatisfiable(f"The file has {size} bytes and ends before this range begins.", size)
    return slice(start, stop)


def _has(if_none_match: str | None, tag: str) -> bool:
    """Whether one of a client's entity tags is this one."""
    if if_none_match is None:
        return False
    known = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return tag in known or "*" in known
