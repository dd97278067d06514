"""How the product's programs begin and end: Ctrl-C and what is meant for the user are one line each, never a traceback.

Imports next to nothing, so that it is in charge before what takes seconds to import.
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


def launch(module: str) -> None:
    """Import a program's module and run its `main`.

    Ctrl-C is a line and exit status 130, also while modules are imported; an error meant for the user is one sentence
    and exit status 1.
    """
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

        fail(text)
        sys.exit(1)


def imported(module: str) -> ModuleType:
    """Import a module of a program that has not started its work: Ctrl-C ends the process at once."""
    before = signal.getsignal(signal.SIGINT)
    alone = before is signal.default_int_handler and threading.current_thread() is threading.main_thread()
    if not alone:
        return import_module(module)
    signal.signal(signal.SIGINT, _leave)  # an exception would come as another one out of modules written in C
    try:
        return import_module(module)
    finally:
        signal.signal(signal.SIGINT, before)


def _sentence(error: Exception) -> str | None:
    """What the user is to be told, if the error is meant for one."""
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
    """Of a full disk, the main thread tells, for which TensorBoard's has written."""
    if not (isinstance(raised.exc_value, OSError) and raised.exc_value.errno in FULL):
        threading.__excepthook__(raised)


def _leave(number: int, frame: FrameType | None) -> None:
    _interrupted()
    os._exit(INTERRUPTED)  # nothing has begun yet


def _interrupted() -> None:
    os.write(2, b"interrupted\n")
