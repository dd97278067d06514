"""Adds the headers of `api.headers` to every answer that does not set them itself."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.headers import COMMON, DATA, POLICY


class SecurityHeaders:
    """ASGI middleware. An answer that sets a policy keeps it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                own = any(name == POLICY for name, _ in headers)
                message["headers"] = [*headers, *(COMMON if own else DATA)]
            await send(message)

        await self.app(scope, receive, send_with_headers)
