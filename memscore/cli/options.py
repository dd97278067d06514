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

COLUMN = "Of a table, the column with"
Root = Annotated[Path | None, typer.Option(help="Folder that holds a published dataset's files.")]
KeptClasses = Annotated[int | None, typer.Option(help="Keep only the first N classes.")]
Resize = Annotated[int | None, typer.Option(help="Resize all images to this side, in pixels.")]
TestShare = Annotated[
    float | None, typer.Option(help="Share of each class to use as the test part, for data without one.")
]
LabelColumn = Annotated[str | None, typer.Option(help=f"{COLUMN} each sample's label.")]
SplitColumn = Annotated[str | None, typer.Option(help=f"{COLUMN} train or test for each row.")]
ImageColumn = Annotated[str | None, typer.Option(help=f"{COLUMN} the paths or the bytes of images.")]
TextColumn = Annotated[str | None, typer.Option(help=f"{COLUMN} texts, to be shown.")]
IdColumn = Annotated[str | None, typer.Option("--id", help=f"{COLUMN} the names of the samples.")]
GroupColumn = Annotated[str | None, typer.Option(help=f"{COLUMN} the group of each sample.")]
