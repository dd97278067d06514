"""Arguments and options that commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

MOST_LISTED = 2**31 - 1
"""The largest number that a command accepts for the length of a list."""

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="The file to write.")]
File = Annotated[Path, typer.Argument(metavar="FILE")]
GpusPerRun = Annotated[
    float, typer.Option(min=0.01, max=1, help="Share of a GPU for each run: 0.5 puts two runs on each GPU.")
]
Scores = Annotated[
    str | None,
    typer.Option(
        help="A study of the embedded database, URL#STUDY, a table file, or values of your own: FILE.npy, "
        "FILE.npz:KEY, FILE.csv:COLUMN, FILE.parquet:COLUMN."
    ),
]
Slots = Annotated[
    int | None, typer.Option(min=1, help="Maximum number of runs at a time.", show_default="one per GPU share or core")
]
Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="MEMSCORE_URL",
        help="A service; without it, the embedded database is used. Its key is read only from MEMSCORE_KEY, because "
        "other users of the machine can see a command's arguments.",
    ),
]
