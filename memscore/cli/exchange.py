"""Commands that move scores in and out: scores import, export, publish."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

import typer

from memscore import settings as settings_module
from memscore.cli.context import opened_client
from memscore.cli.options import File, Json, Output, Url
from memscore.cli.written import print_written
from memscore.client import Client
from memscore.console import err, out, print_json, warn
from memscore.counted import counted
from memscore.errors import InvalidInput, NotFound
from memscore.exchange.feldman_zhang import published_of
from memscore.files import read_file, write_file
from memscore.progress import progress_bar, progress_lines
from memscore.scores.frames import Rows, encode, format_of
from memscore.scores.tables import NO_TEST_PART
from memscore.store.publishing import publish, unpublish
from memscore.workflows.embedded import existing_database


def import_scores(
    file: File,
    dataset: Annotated[str, typer.Option(help="The registered dataset that the scores belong to.")],
    name: Annotated[str | None, typer.Option(help="Name of the study; default: the dataset's.")] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Import scores from an .npz file: in Feldman and Zhang's layout, or a table of `scores export`."""
    payload = read_file(file)
    with opened_client(url) as client:
        study = client.import_scores(payload, dataset, name)
    if as_json:
        print_json(study)
        return
    out.print(f"Study {study.name} ({study.id}): imported scores of dataset {study.dataset}")
    if study.table is not None:
        warn(*study.table.warnings)


def export_scores(
    study: str,
    output: Output,
    format: Annotated[
        Literal["npz", "csv", "parquet", "arrow", "feldman-zhang"] | None,
        typer.Option("--format", help="Default: from the file's suffix, which never selects feldman-zhang."),
    ] = None,
    rows: Annotated[Literal["train", "test"], typer.Option(help="Samples to write; npz holds both.")] = "train",
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Write the score table as npz, csv, parquet or arrow, or scores and influences in Feldman and Zhang's layout."""
    if format == "feldman-zhang":
        with progress_lines(f"exporting {study}", lines=not as_json):
            with opened_client(url) as client:
                table = client.table(study)
                if not table.test_samples:
                    raise InvalidInput(NO_TEST_PART)
                evidence = client.evidence(study)
            payload = published_of(evidence.unpacked(), table["label"], table["test_label"]).encode()
            write_file(output, payload)
        print_written(output, len(table), "training samples", "feldman-zhang", as_json)
        return
    chosen = format or format_of(output)
    with progress_lines(f"exporting {study}", lines=not as_json):
        with opened_client(url) as client:
            table = client.table(study)
            names = None if chosen == "npz" else _names(client, study, rows)
        if rows == "test" and not table.test_samples and chosen != "npz":
            raise InvalidInput(NO_TEST_PART)
        write_file(output, encode(table, chosen, rows, names))
    count = table.test_samples if rows == "test" and chosen != "npz" else len(table)
    print_written(output, count, "test samples" if rows == "test" else "training samples", chosen, as_json)


def _names(client: Client, study: str, rows: Rows) -> list[str] | None:
    """The names of a study's samples; None if they have none, or the service does not know names."""
    try:
        return client.sample_names(client.study(study).dataset, rows)
    except NotFound:
        return None


def publish_scores(
    study: str,
    remove: Annotated[bool, typer.Option("--unpublish", help="Remove the study's rows instead.")] = False,
    as_json: Json = False,
) -> None:
    """Write a study's scores to the tables sample_scores and pair_scores, for queries in SQL."""
    with existing_database(settings_module.load()) as database:
        if remove:
            there = unpublish(database, study)
            if as_json:
                print_json({"study": study, "changed": there})
            else:
                out.print(f"The rows of {study} were removed." if there else f"No rows of {study} were published.")
            return
        with progress_bar("rows", err, lines=not as_json) as bar:
            task = bar.add_task(f"publishing {study}", total=None, visible=False)
            published = publish(
                database, study, lambda done, total: bar.update(task, completed=done, total=total, visible=True)
            )
    if as_json:
        print_json(asdict(published))
        return
    rows = f"{counted(published.samples, 'row')} of sample_scores and {published.pairs} of pair_scores"
    if published.changed:
        out.print(f"Study {published.name}: {rows} written, from {counted(published.trials, 'trial')}")
    else:
        out.print(f"Study {published.name}: unchanged since it was published, {rows}")
