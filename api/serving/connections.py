"""Limits how long the head of a request may be, and how long it may take; uvicorn limits neither."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 2**16
HEAD_SECONDS = 20.0


class LimitedConnection(HttpToolsProtocol):
    """uvicorn's protocol, which hangs up if a head, trailer or chunk frame is endless, or if a head does not arrive.

    api.middleware.body_limits checks bodies.
    """

    _framing = 0  # bytes since the last that completed a head or belonged to a body
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] -- TCP alone
        """A client has connected."""
        super().connection_made(transport)
        self._waiting = self.loop.call_later(HEAD_SECONDS, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self._head_is_there()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes have arrived."""
        self._framing += len(data)
        super().data_received(data)
        if self._framing > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("The head of the request is too long.")

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        if self._waiting is None:
            self._waiting = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def on_headers_complete(self) -> None:
        """The head of a request is complete."""
        self._framing = 0
        self._head_is_there()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Part of a body has arrived."""
        self._framing = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is complete."""
        self._framing = 0
        super().on_message_complete()

    def _head_is_there(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
