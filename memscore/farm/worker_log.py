"""The driver's standard streams: what is written to them goes on to the real one, and line by line to a job's log."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TextIO


class WorkerLog(io.TextIOBase):
    """A text stream that forwards everything to another, and each complete line to `on_line` as well."""

    def __init__(self, stream: TextIO, on_line: Callable[[str], None]) -> None:
        self.stream = stream
        self.on_line = on_line
        self.part = ""

    def write(self, text: str) -> int:
        """Write text."""
        self.stream.write(text)
        *lines, self.part = (self.part + text).split("\n")
        for line in lines:
            self.on_line(line)
        return len(text)

    def flush(self) -> None:
        """Flush the real stream."""
        self.stream.flush()

    def fileno(self) -> int:
        """The real stream's."""
        return self.stream.fileno()
