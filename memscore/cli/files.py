"""Files that commands read and write: whole or not at all, and one sentence where it fails."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from memscore.console import out, print_json
from memscore.errors import InvalidInput
from memscore.files import atomic_write

Output = Annotated[Path, typer.Option("--output", "-o", help="The file to write.")]
File = Annotated[Path, typer.Argument(metavar="FILE")]


def read_file(file: Path) -> bytes:
    """The bytes of a file. Raises InvalidInput if it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read ({error.strerror}).") from error


def write_file(path: Path, payload: bytes) -> None:
    """Write a file. Raises InvalidInput if it cannot be written."""
    try:
        with atomic_write(path) as scratch:
            scratch.write_bytes(payload)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written ({error.strerror}).") from error


def report_written(output: Path, count: int, what: str, format: str, as_json: bool) -> None:
    """Say what was written."""
    if as_json:
        print_json({"file": str(output), "format": format, "rows": count})
    else:
        out.print(f"{count} {what} written to {output}")
