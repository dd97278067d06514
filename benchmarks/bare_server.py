"""A server with the service's settings that answers every request with a bare Response: the minimum cost.

The Response has a given size in bytes. With `routed` it comes from a Starlette route; otherwise no application is used.
"""

from __future__ import annotations

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from api.serving.server import configuration, listen
from memscore.settings import Settings


def main(size: int, *, routed: bool) -> None:
    """Print the address, then serve."""
    body = b"x" * size

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(body, media_type="application/json")(scope, receive, send)

    async def endpoint(_: Request) -> Response:
        return Response(body, media_type="application/json")

    served = Starlette(routes=[Route("/{path:path}", endpoint)]) if routed else application
    listener = listen("127.0.0.1", 0)
    listener.listen()
    print(f"a bare server at http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(configuration(served, Settings())).run(sockets=[listener])


if __name__ == "__main__":
    main(int(sys.argv[1]), routed="routed" in sys.argv)
