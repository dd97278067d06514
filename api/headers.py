"""What every answer tells browsers and caches: no guessing of types, no frames, no scripts, no referrer."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = b"content-security-policy"
SEALED = b"default-src 'none'; frame-ancestors 'none'"
"""For answers that are data."""

PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""For pages, which say so themselves: everything from this service, nothing inline."""

FOR_EVER = "private, max-age=31536000, immutable"
ASK_AGAIN = "private, no-cache"

COMMON = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
DATA = (*COMMON, (POLICY, SEALED))


class SecurityHeaders:
    """ASGI middleware. An answer with a policy of its own keeps that."""

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
