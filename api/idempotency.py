"""The Idempotency-Key header of the IETF draft: a quoted string that the client makes up for each request."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Depends, Header, Request

from memscore.errors import InvalidInput


async def _key(
    idempotency_key: Annotated[
        str | None,
        Header(
            description="a string that the client makes up for each request: a request sent again within 24 hours gets "
            "the first answer and is not carried out again",
            examples=['"8e03978e-40d5-43e8-bc93-6894a57f9324"'],
        ),
    ] = None,
) -> str | None:
    """The key without its quotes. Raises InvalidInput."""
    if idempotency_key is None:
        return None
    quoted = re.fullmatch(r'"((?:[ !#-\[\]-~]|\\["\\]){1,255})"', idempotency_key)
    if quoted is not None:
        return re.sub(r"\\(.)", r"\1", quoted[1])
    if re.fullmatch(r"[!#-\[\]-~]{1,255}", idempotency_key):  # many clients leave the quotes out
        return idempotency_key
    raise InvalidInput('Idempotency-Key: write 1 to 255 printable ASCII characters in quotes, such as "8e03978e-40d5".')


async def _caller(request: Request) -> str:
    """The caller whose keys these are: the id of the API key, or an empty string where none is needed."""
    return str(request.scope.get("state", {}).get("key_id", ""))


IdempotencyKey = Annotated[str | None, Depends(_key)]
Caller = Annotated[str, Depends(_caller)]
