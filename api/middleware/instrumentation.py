"""Gives every request an id, times and counts it, and can log it."""

from __future__ import annotations

import itertools
import logging
import re
import secrets
import time
from urllib.parse import quote

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import LOGGED, unexpected
from api.metrics import Metrics
from memscore.logs import REQUEST_ID

log = logging.getLogger(__name__)

HEADER = b"x-request-id"
METHODS = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


class Instrumentation:
    """ASGI middleware: a request's id goes into its answer, its log lines and its problem document.

    A caller may send an id of up to 64 letters, digits and `._-` as X-Request-ID; any other is replaced. An exception
    of the application is logged here, once and with the id, and answered with status 500.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics
        self.process = secrets.token_hex(4)
        self.numbers = itertools.count()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        identifier = next((value for name, value in scope["headers"] if name == HEADER), b"").decode("latin-1")
        if not identifier or not re.fullmatch(r"[\w.-]{1,64}", identifier, re.ASCII):
            identifier = f"{self.process}{next(self.numbers):08x}"
        scope.setdefault("state", {})["request_id"] = identifier
        status = None
        started = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                timing = f"app;dur={1000 * (time.perf_counter() - started):.2f}"
                message["headers"] = [
                    *message["headers"],
                    (HEADER, identifier.encode()),
                    (b"server-timing", timing.encode()),
                ]
            await send(message)

        token = REQUEST_ID.set(identifier)
        try:
            await self.app(scope, receive, send_with_id)
        except Exception as error:
            if status is None:
                response = await unexpected(Request(scope), error)
                await response(scope, receive, send_with_id)
            elif not scope["state"].get(LOGGED):  # too late for an answer: the server ends the connection
                raise
        finally:
            seconds = time.perf_counter() - started
            method = scope["method"] if scope["method"] in METHODS else "other"
            self.metrics.request(method, _route(scope), status or 500, seconds)
            if log.isEnabledFor(logging.DEBUG):
                log.debug("%s %s %d in %.1f ms", method, quote(scope["path"]), status or 500, 1000 * seconds)
            REQUEST_ID.reset(token)


def _route(scope: Scope) -> str:
    """The template of the route that took the request; paths themselves would be too many labels."""
    return getattr(scope.get("route"), "path", None) or "none"
