"""Tell what the user's own code raises from what a signal does: both may be SystemExit."""

from __future__ import annotations

import signal


def pass_on(error: BaseException) -> None:
    """Raise `error` again if a signal handler raised it: code is not at fault if its process is asked to end.

    Ray's workers and ours end by SystemExit at SIGTERM, wherever the main thread happens to be.
    """
    handlers = {
        code
        for number in signal.valid_signals()
        if (code := getattr(signal.getsignal(number), "__code__", None)) is not None
    }
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code in handlers:
            raise error
        trace = trace.tb_next
