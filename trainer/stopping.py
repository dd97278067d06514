"""Stop an unfinished run: after a number of minutes, or on request."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

from memscore.console import note

SAYING = "announces the stop of a run"
STOPPING = "stopping after this step; press Ctrl-C again to end at once."


class Stopped(Exception):
    """Raised when a `Stop` is due in the middle of work that keeps its results so far."""


class Stop:
    """A request to stop: `due()` is true once `minutes` have passed since construction or `ask` was called."""

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
    """Within the block, Ctrl-C and SIGTERM ask to stop, with a note; a second Ctrl-C interrupts at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, _: FrameType | None) -> None:
        if stop.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        if not stop.asked:  # in a thread: the signal may have interrupted a print
            threading.Thread(target=note, args=(STOPPING,), name=SAYING).start()
        stop.ask()

    for number in before:
        signal.signal(number, ask)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
