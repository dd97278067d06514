"""Files that commands read and write, whole or not at all, and folders that they have alone."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from memscore.console import out, print_json
from memscore.errors import Conflict, InvalidInput
from memscore.files import atomic_write, held, reason

Output = Annotated[Path, typer.Option("--output", "-o", help="The file to write.")]
File = Annotated[Path, typer.Argument(metavar="FILE")]


def read_file(file: Path) -> bytes:
    """The bytes of a file. Raises InvalidInput if it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read ({reason(error)}).") from error


def write_file(path: Path, payload: bytes) -> None:
    """Write a file. Raises InvalidInput if it cannot be written."""
    try:
        with atomic_write(path) as scratch:
            scratch.write_bytes(payload)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written ({reason(error)}).") from error


@contextmanager
def alone(folder: Path, lock: str, logs: str, who: str) -> Generator[int]:
    """Have a folder alone, with its folder of logs, until all that was started in the block has ended.

    Gives the open lock file, for what is started to hold too. Raises Conflict, which says who is there, InvalidInput.
    """
    with ExitStack() as stack:
        try:
            (folder / logs).mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(held(folder / lock))
        except BlockingIOError as error:
            raise Conflict(f"Another {who} works in {folder}, or is just ending; wait for it.") from error
        except OSError as error:
            raise InvalidInput(f"The folder {folder} cannot be written ({reason(error)}); name another one.") from error
        yield file.fileno()


def report_written(output: Path, count: int, what: str, format: str, as_json: bool) -> None:
    """Say what was written."""
    if as_json:
        print_json({"file": str(output), "format": format, "rows": count})
    else:
        out.print(f"{count} {what} written to {output}")
