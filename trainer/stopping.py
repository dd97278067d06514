"""When a run that is not finished stops: its minutes are over, or somebody asks it to."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

from memscore.console import complain

SAYING = "says that a run stops"
STOPPING = "stopping after this step; Ctrl-C, once more, ends it at once."


class Stopped(Exception):
    """Work that keeps what it has done was stopped, since a `Stop` was due."""


class Stop:
    """`due()` turns true once `minutes` have passed since its construction, or `ask` was called."""

    def __init__(self, minutes: float | None = None) -> None:
        self._deadline = None if minutes is None else time.monotonic() + 60 * minutes
        self.asked = False

    def ask(self) -> None:
        """Stop at the next step."""
        self.asked = True

    def due(self) -> bool:
        """Whether to stop now."""
        return self.asked or (self._deadline is not None and time.monotonic() >= self._deadline)


@contextmanager
def stopping_on_signals(stop: Stop) -> Generator[None]:
    """Ctrl-C and SIGTERM ask to stop, which is said; a second Ctrl-C interrupts at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, _: FrameType | None) -> None:
        if stop.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        if not stop.asked:  # a thread says it: the signal may have come in the midst of printing
            threading.Thread(target=complain, args=("note", STOPPING, "bold"), name=SAYING).start()
        stop.ask()

    for number in before:
        signal.signal(number, ask)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
