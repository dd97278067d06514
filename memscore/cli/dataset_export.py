"""The command that writes a dataset with corrected labels: datasets export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from memscore import settings as settings_module
from memscore.cli.options import (
    GroupColumn,
    IdColumn,
    ImageColumn,
    Json,
    KeptClasses,
    LabelColumn,
    Resize,
    SplitColumn,
    TestShare,
    TextColumn,
)
from memscore.console import out, print_json
from memscore.counted import counted
from memscore.datasets import SourceOptions
from memscore.errors import InvalidInput
from memscore.progress import progress_lines, tracked
from memscore.store import datasets, forgotten
from memscore.workflows.embedded import existing_database


def export_dataset(
    name: str,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file or the folder to write.")],
    changes: Annotated[
        Path | None,
        typer.Option(
            "--changes", help="A CSV file with the columns index and label: new labels, empty to leave a sample out."
        ),
    ] = None,
    like: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Write this source again, which the dataset was added from, with its own columns and files. The "
            "options below are those that it was added with.",
        ),
    ] = None,
    classes: KeptClasses = None,
    resize: Resize = None,
    test_share: TestShare = None,
    label: LabelColumn = None,
    split: SplitColumn = None,
    image: ImageColumn = None,
    text: TextColumn = None,
    ids: IdColumn = None,
    group: GroupColumn = None,
    as_json: Json = False,
) -> None:
    """Write a dataset as .npz, .csv, .parquet or class folders, or like its source, with corrected labels."""
    from memscore.datasets.rewriting import rewrite
    from memscore.datasets.storage import open_dataset
    from memscore.datasets.writing import changed, read_changes, write_dataset

    settings = settings_module.load()
    roles = (label, split, image, text, ids, group)
    options = SourceOptions(None, classes, resize, test_share, None, tracked, *roles)
    if like is None and any(one is not None for one in (classes, resize, test_share, *roles)):
        raise InvalidInput("The options after --like say how that source is read; give --like, or leave them out.")
    notes: tuple[str, ...] = ()
    with progress_lines(f"writing {output}", lines=not as_json):
        with existing_database(settings) as database, database.reading() as connection:
            fingerprint = datasets.by_name(connection, name).fingerprint
            gone = forgotten.of(connection, fingerprint)
        found = {} if changes is None else read_changes(changes)
        before = open_dataset(settings.home, fingerprint).without(gone, fingerprint)
        if like is not None:
            dataset, notes = rewrite(before, like, output, found, options)
        else:
            dataset = changed(before, found)
            write_dataset(dataset, output)
    kept = np.array([found.get(index, 0) is not None for index in range(len(before.y_train))], np.bool_)
    kept[list(before.forgotten.train)] = False
    relabelled = int((dataset.y_train != before.y_train[kept]).sum())
    removed = len(before.forgotten)
    left_out = int((~kept).sum()) + len(before.forgotten.test)
    if as_json:
        told = {"file": str(output), "relabelled": relabelled, "left_out": left_out, "removed_on_request": removed}
        print_json({**told, "notes": list(notes)})
        return
    why = f" ({removed:,} of them removed on request)" if removed else ""
    out.print(f"{counted(relabelled, 'sample')} relabelled and {left_out:,} left out{why}; dataset written to {output}")
    for one in notes:
        out.print(f"- {one}", markup=False)
