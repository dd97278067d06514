"""Commands on pairs of a training and a test sample: list, duplicates, export."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any

import typer

from memscore.cli.context import opened_client, plain
from memscore.cli.options import Json, Output, Url
from memscore.cli.written import print_written
from memscore.console import decimal, print_json, print_table
from memscore.files import write_file
from memscore.messages.message import MOST_A_PAGE
from memscore.scores.frames import Format, encode, format_of
from memscore.scores.suspects import duplicates


def list_pairs(
    study: str,
    train_index: Annotated[int | None, typer.Option(help="Only pairs of this training sample.")] = None,
    test_index: Annotated[int | None, typer.Option(help="Only pairs of this test sample.")] = None,
    infl_min: Annotated[float | None, typer.Option(help="Minimum influence.")] = None,
    mem_min: Annotated[float | None, typer.Option(help="Minimum mem of the training sample.")] = None,
    q_max: Annotated[float | None, typer.Option(help="Maximum false-discovery rate.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of pairs, strongest first.")] = 20,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List pairs of a training sample and a test sample that it strongly influences."""
    with opened_client(url) as client:
        listed = client.iter_pairs(
            study,
            train_index=train_index,
            test_index=test_index,
            infl_min=infl_min,
            mem_min=mem_min,
            q_max=q_max,
            page=min(limit, MOST_A_PAGE),
        )
        found = list(islice(listed, limit))
    if as_json:
        print_json([pair.model_dump(mode="json") for pair in found])
        return
    _print_pairs([pair.model_dump() for pair in found])


def list_duplicates(
    study: str,
    infl_min: Annotated[float, typer.Option(help="Minimum influence on the test sample.")] = 0.8,
    mem_min: Annotated[float, typer.Option(help="Minimum mem of the training sample.")] = 0.8,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List test samples that are likely near-duplicates of a training sample."""
    with opened_client(url) as client:
        pairs = client.pairs_table(study)
    rows = [{name: plain(pairs[name][row]) for name in pairs.dtypes} for row in duplicates(pairs, infl_min, mem_min)]
    if as_json:
        print_json(rows)
        return
    _print_pairs(rows)


def export_pairs(
    study: str,
    output: Output,
    format: Annotated[Format | None, typer.Option("--format", help="Default: from the file's suffix.")] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Write the pairs table as npz, csv, parquet or arrow."""
    chosen = format or format_of(output)
    with opened_client(url) as client:
        pairs = client.pairs_table(study)
    write_file(output, encode(pairs, chosen))
    print_written(output, len(pairs), "pairs", chosen, as_json)


def _print_pairs(rows: list[dict[str, Any]]) -> None:
    print_table(
        ("train", "test", "infl", "se", "q-value", "mem"),
        (
            (
                row["train_index"],
                row["test_index"],
                decimal(row["infl"]),
                decimal(row["se"]),
                "-" if row["q_value"] is None else f"{row['q_value']:.2g}",
                decimal(row["mem"]),
            )
            for row in rows
        ),
    )
