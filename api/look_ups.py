"""Look-ups of scores, answered out of memory before the framework sees them: the requests that are sent most."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
from pydantic import ValidationError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.numeric_json import encode
from api.table_cache import StudyTables, TableCache
from memscore.messages import LookupRequest

MOST_DIGITS = 9
JSON = (b"content-type", b"application/json")
ONE, MANY = "/v1/studies/{study}/scores/{index}", "/v1/studies/{study}/scores/lookup"


class LookUps:
    """ASGI middleware: one score, or many, of a study in memory, with indices that there are.

    Everything else, and whatever is wrong with a request, is left to the routes of the same addresses, which answer
    the same.
    """

    def __init__(self, app: ASGIApp, tables: TableCache, routes: dict[str, Any]) -> None:
        self.app = app
        self.tables = tables
        self.routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or pass it on."""
        answer = None
        current, wanted = self._asked_for(scope)
        if current is not None:
            if scope["method"] == "GET":
                scope["route"], answer = self.routes[ONE], one(current, wanted)
            elif (
                scope["method"] == "POST"
                and wanted == "lookup"
                and (b"content-type", b"application/json") in scope["headers"]
            ):
                message = await receive()
                if not message.get("more_body"):
                    scope["route"], answer = self.routes[MANY], many(current, message.get("body", b""))
                receive = _again(message, receive)
        if answer is None:
            await self.app(scope, receive, send)
            return
        headers = [(b"content-length", str(len(answer)).encode()), JSON]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def _asked_for(self, scope: Scope) -> tuple[StudyTables | None, str]:
        """The tables of the study in a plain address below its scores, and the last part of that address."""
        if scope["type"] == "http" and not scope["query_string"]:
            parts = scope["path"].split("/")
            if len(parts) == 6 and parts[1] == "v1" and parts[2] == "studies" and parts[4] == "scores":
                return self.tables.fresh(parts[3]), parts[5]
        return None, ""


def one(current: StudyTables, digits: str) -> bytes | None:
    """The answer to a look-up of one sample; None if it is not one of the study's."""
    if len(digits) > MOST_DIGITS or not (digits.isascii() and digits.isdecimal()):
        return None
    index = int(digits)
    return encode(current.source | current.row(index)) if index < len(current.scores) else None


def many(current: StudyTables, body: bytes) -> bytes | None:
    """The answer to a look-up of many samples; None if the body is not one, or one of them is not the study's."""
    try:
        indices = np.array(LookupRequest.model_validate(orjson.loads(body)).indices, np.int64)
    except (orjson.JSONDecodeError, ValidationError, OverflowError):
        return None
    if len(indices) and not 0 <= indices.min() <= indices.max() < len(current.scores):
        return None
    return encode(current.columns_at(indices))


def _again(message: Message, receive: Receive) -> Receive:
    """What gives a message that was received once more."""
    received = [message]

    async def give() -> Message:
        return received.pop() if received else await receive()

    return give
