"""A server in the service's settings whose every answer is a bare Response of so many bytes: the least it can cost."""

from __future__ import annotations

import sys

import uvicorn
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.server import configuration, listen


def main(size: int) -> None:
    """Print the address and serve."""
    body = b"x" * size

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(body, media_type="application/json")(scope, receive, send)

    listener = listen("127.0.0.1", 0)
    listener.listen()
    print(f"a bare server at http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(configuration(application, 30)).run(sockets=[listener])


if __name__ == "__main__":
    main(int(sys.argv[1]))
