"""Answers look-ups of scores, and whole tables, from memory before the framework sees the request."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
from pydantic import ValidationError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.file_answers import Conditions
from api.middleware.paths import route_path
from api.numeric_json import encode
from api.table_cache import StudyTables, TableCache
from memscore.messages.scores import LookupRequest

MOST_DIGITS = 9
JSON = (b"content-type", b"application/json")
STUDIES = "/v1/studies/"
ONE, MANY, TABLE = (f"{STUDIES}{{study}}/{end}" for end in ("scores/{index}", "scores/lookup", "table"))


class ReadyAnswers:
    """ASGI middleware: for a study in memory it answers one score or many, by valid indices, and the score table.

    It leaves everything else, invalid requests included, to the routes of the same addresses, whose answers are equal.
    """

    def __init__(self, app: ASGIApp, tables: TableCache, routes: dict[str, Any]) -> None:
        self.app = app
        self.tables = tables
        self.routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or pass it on."""
        path = route_path(scope) if scope["type"] == "http" and not scope["query_string"] else ""
        if path.startswith(STUDIES):
            study, *below = path[len(STUDIES) :].split("/")
            current = self.tables.fresh(study)
            if current is not None and below[-1:] == ["lookup"] and scope["method"] == "POST":
                message = await receive()  # the whole body, which was read ahead
                receive = _again(message, receive)
                ready = many(current, scope, message)
            else:
                ready = None if current is None else _get(current, scope, below)
            if ready is not None:
                route, answer = ready
                scope["route"] = self.routes[route]
                await answer(scope, receive, send)
                return
        await self.app(scope, receive, send)


Ready = tuple[str, ASGIApp] | None
"""The route that a request would have taken, and its answer."""


def one(current: StudyTables, digits: str) -> Ready:
    """The answer to a look-up of one sample; None if the study has no such sample."""
    if len(digits) > MOST_DIGITS or not (digits.isascii() and digits.isdecimal()):
        return None
    index = int(digits)
    if index >= len(current.scores):
        return None
    return ONE, _json(encode(current.source | current.row(index)))


def many(current: StudyTables, scope: Scope, message: Message) -> Ready:
    """The answer to a look-up of many samples; None for another request, or if the study lacks one of them."""
    if not route_path(scope).endswith("/scores/lookup") or JSON not in scope["headers"] or message.get("more_body"):
        return None
    try:
        request = LookupRequest.model_validate(orjson.loads(message.get("body", b"")))
        indices = np.array(request.indices, np.int64)
    except (orjson.JSONDecodeError, ValidationError, OverflowError):
        return None
    if len(indices) and not 0 <= indices.min() <= indices.max() < len(current.scores):
        return None
    return MANY, _json(encode(current.columns_at(indices)))


def table(current: StudyTables, scope: Scope) -> Ready:
    """The score table, or 304; None if the request is for another format or a part."""
    headers = dict(scope["headers"])
    if headers.get(b"accept", b"*/*") != b"*/*" or b"range" in headers:
        return None
    known = headers.get(b"if-none-match")
    return TABLE, current.scores_file.answer(Conditions(None if known is None else known.decode("latin-1")))


def _get(current: StudyTables, scope: Scope, below: list[str]) -> Ready:
    if scope["method"] != "GET":
        return None
    if len(below) == 2 and below[0] == "scores":
        return one(current, below[1])
    return table(current, scope) if below == ["table"] else None


def _json(body: bytes) -> ASGIApp:
    """An ASGI application that answers with this JSON: a Response would take longer to make than the body."""

    async def answer(_: Scope, __: Receive, send: Send) -> None:
        headers = [(b"content-length", str(len(body)).encode()), JSON]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return answer


def _again(message: Message, receive: Receive) -> Receive:
    """A `receive` that first replays a message."""
    received = [message]

    async def give() -> Message:
        return received.pop() if received else await receive()

    return give
