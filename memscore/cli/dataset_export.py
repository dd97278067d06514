"""The command that writes a dataset with corrected labels: datasets export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from memscore import settings as settings_module
from memscore.cli.options import Json, Output
from memscore.console import out, print_json
from memscore.progress import progress_lines
from memscore.store import datasets
from memscore.workflows.embedded import existing_database


def export_dataset(
    name: str,
    output: Output,
    changes: Annotated[
        Path | None,
        typer.Option(
            "--changes", help="A CSV file with the columns index and label: new labels, empty to leave a sample out."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a dataset as .npz, .csv, .parquet or class folders, with corrected labels if you give them."""
    from memscore.datasets.storage import open_dataset
    from memscore.datasets.writing import changed, read_changes, write_dataset

    settings = settings_module.load()
    with progress_lines(f"writing {output}", lines=not as_json):
        with existing_database(settings) as database, database.reading() as connection:
            fingerprint = datasets.by_name(connection, name).fingerprint
        found = {} if changes is None else read_changes(changes)
        dataset = changed(open_dataset(settings.home, fingerprint), found)
        write_dataset(dataset, output)
    left_out = sum(label is None for label in found.values())
    if as_json:
        print_json({"file": str(output), "relabelled": len(found) - left_out, "left_out": left_out})
        return
    relabelled = len(found) - left_out
    what = f"{relabelled:,} {'sample' if relabelled == 1 else 'samples'} relabelled and {left_out:,} left out"
    out.print(f"{what}; dataset written to {output}")
