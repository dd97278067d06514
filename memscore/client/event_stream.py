"""Server-sent events out of the bytes of a stream, cut anywhere (WHATWG HTML, section 9.2.6)."""

from __future__ import annotations

import codecs
from dataclasses import dataclass


@dataclass(frozen=True)
class ServerEvent:
    """One event; `id` is that of the last event that had one."""

    kind: str
    data: str
    id: str


class EventParser:
    """Takes bytes as they arrive and gives the events that are complete."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._text = ""
        self._fields: dict[str, list[str]] = {}
        self._id = ""

    def feed(self, chunk: bytes) -> list[ServerEvent]:
        """The events that end within these bytes."""
        text = self._text + self._decoder.decode(chunk)
        held = "\r" if text.endswith("\r") else ""  # its line feed may be in the next chunk
        *lines, rest = text.removesuffix(held).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._text = rest + held
        return [event for line in lines if (event := self._take(line)) is not None]

    def _take(self, line: str) -> ServerEvent | None:
        if line:
            name, _, value = line.partition(":")  # a comment's name is empty
            self._fields.setdefault(name, []).append(value.removeprefix(" "))
            return None
        fields, self._fields = self._fields, {}
        self._id = fields.get("id", [self._id])[-1]
        if "data" not in fields:
            return None
        return ServerEvent(fields.get("event", ["message"])[-1], "\n".join(fields["data"]), self._id)
