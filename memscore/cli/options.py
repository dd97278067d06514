"""Arguments and options that commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="The file to write.")]
File = Annotated[Path, typer.Argument(metavar="FILE")]
GpusPerRun = Annotated[
    float, typer.Option(min=0.01, max=1, help="Share of a GPU that a run takes: 0.5 puts two on each.")
]
Scores = Annotated[str | None, typer.Option(help="Table file, URL#STUDY, or a study of the embedded database.")]
Slots = Annotated[
    int | None, typer.Option(min=1, help="Runs at the same time, at most.  [default: one per share or core]")
]
Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="MEMSCORE_URL",
        help="A service; without it the embedded database is used. Its key is read from MEMSCORE_KEY alone, since "
        "other users of the machine see a command's arguments.",
    ),
]
