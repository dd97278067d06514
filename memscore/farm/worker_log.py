"""Collects the output of driver and workers: forwards it, splits it into lines, keeps the last lines of each worker."""

from __future__ import annotations

import io
import logging
import re
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from typing import TextIO

from memscore.logs import OUTPUT

KEPT_LINES = 20

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
OF_WORKER = re.compile(r"\(\S+ pid=(\d+)[^)]*\) ?(.*)")  # how Ray prints what a worker wrote


class WorkerLog(io.TextIOBase):
    """A text stream that forwards everything to another stream, and each complete line to `on_line`.

    With `as_records` the lines are not forwarded but logged, so that a log of JSON objects contains nothing else.
    """

    def __init__(self, stream: TextIO, on_line: Callable[[str], None], *, as_records: bool = False) -> None:
        self.stream = stream
        self.on_line = on_line
        self.as_records = as_records
        self.part = ""
        self._lock = threading.RLock()  # what handles a line may print itself

    def write(self, text: str) -> int:
        """Write text; any thread may, and the lines of one stay whole if it writes them whole."""
        with self._lock:
            if not self.as_records:
                self.stream.write(text)
            *lines, self.part = (self.part + text).split("\n")
            for line in lines:
                plain = COLOUR.sub("", line)
                if self.as_records:
                    _log(plain)
                self.on_line(plain)
        return len(text)

    def flush(self) -> None:
        """Flush the real stream."""
        self.stream.flush()

    def fileno(self) -> int:
        """The file number of the real stream."""
        return self.stream.fileno()


class WorkerLines:
    """Passes on lines, and remembers the last ones of each worker process."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self.on_line = on_line
        self.last: dict[int, deque[str]] = defaultdict(lambda: deque(maxlen=KEPT_LINES))

    def note(self, line: str) -> None:
        """Note a line and pass it on. Any thread may call this."""
        found = OF_WORKER.fullmatch(line)
        if found:
            self.last[int(found[1])].append(found[2])
        self.on_line(line)

    def of(self, pid: int) -> list[str]:
        """The last lines that a worker process has written, oldest first."""
        return list(self.last[pid]) if pid in self.last else []


_logging = threading.local()


def _log(line: str) -> None:
    """Log a printed line, with the number of its worker process if it comes from one."""
    if not line.strip() or getattr(_logging, "now", False):  # logging itself prints problems with its stream
        return
    found = OF_WORKER.fullmatch(line)
    _logging.now = True
    try:
        logging.getLogger(OUTPUT).info(
            "%s", found[2] if found else line, extra={"worker": int(found[1])} if found else None
        )
    finally:
        _logging.now = False
