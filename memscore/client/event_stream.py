"""Parses server-sent events from a byte stream that is cut anywhere (WHATWG HTML, section 9.2.6).

httpx-sse 0.4.3 does not fit: its public interface reads an httpx.Response itself, while our calls receive bytes step by
step. Its decoders would fit but are private. They also lose the first event after a byte order mark, return events
without data, which the standard ignores, and let a line or an event grow without bound.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from memscore.errors import ServiceError

MOST_CHARACTERS = 2**20  # in one event; a job's events have a few thousand


@dataclass(frozen=True)
class ServerEvent:
    """One event; `id` is the latest id in the stream so far."""

    kind: str
    data: str
    id: str


class EventParser:
    """Takes bytes as they arrive and returns the completed events."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._text = ""
        self._fields: dict[str, list[str]] = {}
        self._characters = 0  # in fields
        self._id = ""

    def feed(self, chunk: bytes) -> list[ServerEvent]:
        """The events that end within these bytes. Raises ServiceError if one grows beyond MOST_CHARACTERS."""
        text = self._text + self._decoder.decode(chunk)
        held = "\r" if text.endswith("\r") else ""  # its line feed may be in the next chunk
        *lines, rest = text.removesuffix(held).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._text = rest + held
        events = [event for line in lines if (event := self._take(line)) is not None]
        self._require_bounded(len(self._text))
        return events

    def _take(self, line: str) -> ServerEvent | None:
        if line:
            name, _, value = line.partition(":")
            if name:  # a comment has no name
                self._characters += len(line)
                self._require_bounded()
                self._fields.setdefault(name, []).append(value.removeprefix(" "))
            return None
        fields, self._fields, self._characters = self._fields, {}, 0
        self._id = fields.get("id", [self._id])[-1]
        if "data" not in fields:
            return None
        return ServerEvent(fields.get("event", ["message"])[-1], "\n".join(fields["data"]), self._id)

    def _require_bounded(self, unfinished: int = 0) -> None:
        if self._characters + unfinished > MOST_CHARACTERS:
            raise ServiceError(f"The service sent an event of more than {MOST_CHARACTERS} characters.")
