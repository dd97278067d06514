"""What commands say that have written a file of many rows."""

from __future__ import annotations

from pathlib import Path

from memscore.console import out, print_json


def print_written(output: Path, count: int, what: str, format: str, as_json: bool) -> None:
    """Say how many rows were written where."""
    if as_json:
        print_json({"file": str(output), "format": format, "rows": count})
    else:
        out.print(f"{count} {what} written to {output}")
