"""Start and end of the command-line programs: Ctrl-C and errors meant for users print one line, never a traceback.

Imports almost nothing, so that it is in control before the slow imports begin.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from importlib import import_module
from types import FrameType, ModuleType

INTERRUPTED = 130
FULL = (errno.ENOSPC, errno.EDQUOT)


def python(module: str, *arguments: str) -> tuple[str, ...]:
    """The command that runs a module of ours in a process of its own.

    Without the current folder on its path, where a user may well have a trainer.py or a folder api.
    """
    return (sys.executable, "-P", "-m", module, *arguments)


def launch(module: str) -> None:
    """Import a program's module and run its `main`.

    Ctrl-C prints one line and exits with status 130, even during imports; an error meant for the user prints one
    sentence and exits with status 1.
    """
    _open_closed_streams()
    main = imported(module).main
    threading.excepthook = _of_thread
    try:
        main()
    except KeyboardInterrupt:
        _interrupted()
        sys.exit(INTERRUPTED)
    except SystemExit as end:
        if end.__context__ is not None and isinstance(end.__context__.__cause__, KeyboardInterrupt):  # Typer's
            _interrupted()
        raise
    except Exception as error:
        if (text := _sentence(error)) is None:
            raise
        from memscore.console import fail
        from memscore.texts import harmless

        fail(harmless(text))  # it may quote what others wrote
        sys.exit(1)


def _open_closed_streams() -> None:
    """Where a shell has closed standard output or error (`>&-`), what is printed goes nowhere.

    Otherwise it would go into the first file that happens to get its number.
    """
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            setattr(sys, name, os.fdopen(number, "w", closefd=False))


def imported(module: str) -> ModuleType:
    """Import a module of a program that has not started its work: Ctrl-C ends the process at once."""
    before = signal.getsignal(signal.SIGINT)
    alone = before is signal.default_int_handler and threading.current_thread() is threading.main_thread()
    if not alone:
        return import_module(module)
    signal.signal(signal.SIGINT, _leave)  # modules written in C would turn KeyboardInterrupt into another exception
    try:
        return import_module(module)
    finally:
        signal.signal(signal.SIGINT, before)


def _sentence(error: Exception) -> str | None:
    """The sentence to print, or None if the error is not meant for users."""
    from pydantic import ValidationError

    from memscore.errors import MemscoreError
    from memscore.validation import sentence

    if isinstance(error, MemscoreError):
        return str(error)
    if isinstance(error, ValidationError):
        return f"{sentence(error)}."
    if isinstance(error, OSError) and error.errno in FULL:
        where = "" if error.filename is None else f" {error.filename}"
        return f"The file{where} cannot be written ({os.strerror(error.errno)}); make room, and run the command again."
    return None


def _of_thread(raised: threading.ExceptHookArgs) -> None:
    """Ignore a full disk in TensorBoard's writer thread: the main thread reports it."""
    if not (isinstance(raised.exc_value, OSError) and raised.exc_value.errno in FULL):
        threading.__excepthook__(raised)


def _leave(number: int, frame: FrameType | None) -> None:
    _interrupted()
    os._exit(INTERRUPTED)  # nothing has begun yet


def _interrupted() -> None:
    os.write(2, b"interrupted\n")
