"""The look-up of one score, answered out of memory before the framework sees it: the request that is sent most."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from api.numeric_json import encode
from api.table_cache import TableCache

MOST_DIGITS = 9


class LookUps:
    """ASGI middleware: GET /v1/studies/{study}/scores/{index} of a study in memory, with an index that there is.

    Everything else, and whatever is wrong with a request, is left to the route itself, which answers the same.
    """

    def __init__(self, app: ASGIApp, tables: TableCache, route: object) -> None:
        self.app = app
        self.tables = tables
        self.route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or pass it on."""
        body = self._answer(scope)
        if body is None:
            await self.app(scope, receive, send)
            return
        scope["route"] = self.route
        headers = [(b"content-length", str(len(body)).encode()), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, scope: Scope) -> bytes | None:
        if scope["type"] != "http" or scope["method"] != "GET" or scope["query_string"]:
            return None
        parts = scope["path"].split("/")
        if len(parts) != 6 or parts[1] != "v1" or parts[2] != "studies" or parts[4] != "scores":
            return None
        current, digits = self.tables.fresh(parts[3]), parts[5]
        if current is None or len(digits) > MOST_DIGITS or not (digits.isascii() and digits.isdecimal()):
            return None
        index = int(digits)
        return encode(current.source | current.row(index)) if index < len(current.scores) else None
