"""A real HTTP server on 127.0.0.1 that misbehaves on request: it cuts bodies, is unavailable, or sends wrong data."""

from __future__ import annotations

import base64
import hashlib
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class FaultServer:
    """Answers each request with the next of `answers`, repeats the last one, and keeps the headers it received."""

    answers: list[Answer] = field(default_factory=list[Answer])
    requests: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    url: str = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.requests.append({"path": handler.path, **{name.lower(): value for name, value in handler.headers.items()}})
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        answer(handler)


@contextmanager
def fault_server(*answers: Answer) -> Generator[FaultServer]:
    faults = FaultServer(list(answers))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            faults.answer(self)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            faults.answer(self)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    faults.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield faults
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def file(
    payload: bytes,
    *,
    etag: str | None = None,
    cut_after: int | None = None,
    digest_of: bytes | None = None,
    ignore_if_range: bool = False,
    shift: int = 0,
) -> Answer:
    """A file with ranges.

    `cut_after` is the number of bytes after which each body is cut; `digest_of` is content whose digest is sent instead
    of the payload's; `shift` moves a part's bytes away from its Content-Range.
    """
    tag = etag or f'"{hashlib.sha256(payload).hexdigest()}"'

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.headers.get("If-None-Match") == tag:
            handler.send_response(304)
            handler.end_headers()
            return
        wanted = handler.headers.get("Range")
        if wanted and (ignore_if_range or handler.headers.get("If-Range") == tag):
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(payload):
                _send(handler, 416, {"Content-Range": f"bytes */{len(payload)}"}, b"")
                return
            headers = {"Content-Range": f"bytes {start}-{len(payload) - 1}/{len(payload)}"}
            status, body = 206, payload[start + shift :] + payload[:shift]
        else:
            status, headers, body = 200, {}, payload
        sha256 = base64.b64encode(hashlib.sha256(digest_of or payload).digest()).decode()
        headers |= {"ETag": tag, "Repr-Digest": f"sha-256=:{sha256}:", "Accept-Ranges": "bytes"}
        _send(handler, status, headers, body, cut_after)

    return answer


def problem(status: int, headers: dict[str, str] | None = None) -> Answer:
    """An answer without a problem document, as a proxy gives."""
    return lambda handler: _send(handler, status, headers or {}, b"<html>")


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """Nothing at all."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def events(text: str, *, cut: bool = False) -> Answer:
    """A stream of events that ends, or breaks."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream; charset=utf-8")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        encoded = text.encode()
        for start in range(0, len(encoded), 7):
            chunk = encoded[start : start + 7]
            handler.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        if cut:
            hang_up(handler)
        else:
            handler.wfile.write(b"0\r\n\r\n")

    return answer


def json(text: str, status: int = 200) -> Answer:
    """A JSON document."""
    return lambda handler: _send(handler, status, {"Content-Type": "application/json"}, text.encode())


def _send(
    handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes, cut_after: int | None = None
) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    if status not in (204, 304):
        handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    if status in (204, 304):
        return
    if cut_after is None:
        handler.wfile.write(body)
    else:
        handler.wfile.write(body[:cut_after])
        handler.wfile.flush()
        if cut_after < len(body):
            hang_up(handler)
