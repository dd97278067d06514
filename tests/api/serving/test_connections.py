"""Clients that do not speak HTTP as it is meant, against a real server."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from http.client import HTTPResponse

import pytest
import uvicorn
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.serving import connections

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the length of the body."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    await Response(str(size))(scope, receive, send)


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Generator[Callable[[], socket.socket]]:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.5)
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(echo, http=connections.LimitedConnection, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # pyright: ignore[reportAttributeAccessIssue]
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    opened: list[socket.socket] = []

    def connected() -> socket.socket:
        opened.append(socket.create_connection(listener.getsockname(), timeout=20))
        return opened[-1]

    yield connected
    for one in opened:
        one.close()
    server.should_exit = True
    thread.join()
    listener.close()


def until_closed(client: socket.socket, *parts: bytes) -> bytes:
    """Sends the parts, and gives what comes until the server hangs up."""
    received = b""
    try:
        for part in parts:
            client.sendall(part)
        while part := client.recv(2**16):
            received += part
    except ConnectionError:
        pass
    return received


def next_body(client: socket.socket) -> bytes:
    """The body of the next answer, whose head and body may arrive apart."""
    answer = HTTPResponse(client)
    answer.begin()
    return answer.read()


@pytest.mark.parametrize("sent", [b"", b"GET / HT", HEAD, HEAD + b"X: 1"])
def test_a_head_that_does_not_come_is_given_up(connect: Callable[[], socket.socket], sent: bytes):
    assert until_closed(connect(), sent) == b""


def test_a_second_head_that_does_not_come_is_given_up_too(connect: Callable[[], socket.socket]):
    received = until_closed(connect(), HEAD + b"\r\n", b"GET / HT")
    assert received.count(b"200 OK") == 1


@pytest.mark.parametrize(
    ("before", "part"),
    [
        (HEAD, b"X: " + b"a" * 5_000 + b"\r\n"),
        (HEAD + b"X: ", b"a" * 5_000),
        (b"GET /", b"a" * 5_000),
        (CHUNKED + b"0\r\n", b"X: " + b"a" * 5_000 + b"\r\n"),
        (CHUNKED + b"0\r\nX: ", b"a" * 5_000),
        (CHUNKED + b"1;", b"a" * 5_000),
    ],
)
def test_endless_heads_trailers_and_frames_are_refused(
    connect: Callable[[], socket.socket], before: bytes, part: bytes
):
    client = connect()
    sent = 0
    with suppress(ConnectionError):
        client.sendall(before)
        while sent < 2**26:
            client.sendall(part)
            sent += len(part)
            time.sleep(0.001)
    assert connections.HEAD_BYTES - len(before) < sent < 2**23


def test_bodies_of_any_size_and_kept_connections_go_on(connect: Callable[[], socket.socket]):
    client = connect()
    body = b"x" * 3_000_000
    client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert next_body(client) == b"3000000"
    time.sleep(1)  # an idle connection waits for no head
    chunks = b"".join(b"%x\r\n%s\r\n" % (1000, b"x" * 1000) for _ in range(500))
    client.sendall(CHUNKED + chunks + b"0\r\n\r\n")
    assert next_body(client) == b"500000"
    client.sendall(HEAD + b"\r\n")
    assert next_body(client) == b"0"
