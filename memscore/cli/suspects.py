"""Commands that find wrong labels and groups memorized together: scores suspects, groups."""

from __future__ import annotations

import csv
import sys
from dataclasses import asdict
from math import isnan
from pathlib import Path
from typing import Annotated, Any

import typer

from memscore.arrays import Labels
from memscore.cli.context import opened_client, plain
from memscore.cli.naming import Names
from memscore.cli.options import Json, Url
from memscore.cli.score_rows import INTERVAL, print_rows, rows_of
from memscore.console import decimal, note, print_json, print_table, warn
from memscore.progress import progress_lines
from memscore.scores.label_errors import PRECISION, label_errors, suggestion
from memscore.scores.suspects import GroupMemorization, group_memorization, note_on, read_groups
from memscore.statistics.clustered import ClusteredMean

CONFUSED = 10
"""Pairs of given and predicted class shown."""


def list_suspects(
    study: str,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Number of samples.")] = 20,
    precision: Annotated[
        float, typer.Option(min=0.5, max=1, help="Share of wrong labels to expect among the suspected samples.")
    ] = PRECISION,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List the samples whose labels are most likely wrong, with the label that held-out trials predict."""
    with opened_client(url) as client:
        table = client.table(study)
        errors = label_errors(table, precision)
        columns = ("label", "mem", "mem_low", "mem_high", "p_in", "p_out")
        rows = rows_of(table, errors.order[:count], columns)
        for place, row in enumerate(rows):
            vote = suggestion(table, row["index"])
            row["label_error"] = plain(errors.label_error[row["index"]])
            row["suggested"], row["share"] = (None, None) if vote is None else vote
            row["suspected"] = None if errors.suspected is None else place < errors.suspected
        names = Names.of(client, study, [row["index"] for row in rows])
    rows = names.rows(rows)
    if as_json:
        print_json(rows)
        return
    note(note_on(errors))
    warn(*table.warnings)
    if as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        empty: dict[str, None] = dict.fromkeys(("index", *columns, "label_error", "suggested", "share", "suspected"))
        writer.writerow(rows[0] if rows else names.rows([empty])[0])
        writer.writerows(row.values() for row in rows)
        return
    voted = () if errors.suspected is None else ("label_error", "suggested", "share")
    print_rows(rows, ("index", "label", *voted, "mem", INTERVAL, "p_in", "p_out"))
    if errors.confusion:
        print_table(
            ("class", "predicted", "suspected samples"),
            (
                (names.class_name(one.given), names.class_name(one.predicted), one.count)
                for one in errors.confusion[:CONFUSED]
            ),
        )


def score_groups(
    study: str,
    groups: Annotated[Path, typer.Option(help="CSV file with the columns index and group.")],
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Estimate how much groups of training samples, such as duplicates, are memorized together."""
    with progress_lines(f"reading {study}", lines=not as_json):
        with opened_client(url) as client:
            members = read_groups(groups, len(table := client.table(study)))
            evidence = client.evidence(study)
            names = Names.of(client, study, {int(index) for some in members.values() for index in some})
        found = group_memorization(evidence.unpacked(), members, evidence.meta.design.subset_ratio)
    warnings = [group.warning for group in found if group.warning is not None]
    groups_found = [_group(group, names, table["label"]) for group in found]
    if as_json:
        print_json({"groups": groups_found, "warnings": warnings})
        return
    _print_groups(groups_found, names)
    warn(*warnings)


def _print_groups(groups: list[dict[str, Any]], names: Names) -> None:
    print_table(
        ("group", "samples", "memorized together", INTERVAL, "mean mem", INTERVAL),
        (
            (
                group["name"],
                len(group["members"]),
                *(shown for name in ("together", "mean_mem") for shown in _with_interval(group[name])),
            )
            for group in groups
        ),
    )
    print_table(
        ("group", "sample", "class", "group mem", "95 % interval", "p all", "p none", "trials with all", "with none"),
        (
            (
                group["name"],
                names.numbered("train", member["index"]),
                member["class_name"],
                decimal(member["mem"]),
                f"[{decimal(member['low'])}, {decimal(member['high'])}]",
                decimal(member["p_all"]),
                decimal(member["p_none"]),
                group["n_all"],
                group["n_none"],
            )
            for group in groups
            if group["n_all"] and group["n_none"]
            for member in group["members"]
        ),
    )


def _defined(mean: ClusteredMean) -> dict[str, float | None]:
    return {name: None if isnan(value) else value for name, value in asdict(mean).items()}


def _with_interval(mean: dict[str, float | None]) -> tuple[str, str]:
    return decimal(mean["estimate"]), f"[{decimal(mean['low'])}, {decimal(mean['high'])}]"


def _group(group: GroupMemorization, names: Names, labels: Labels) -> dict[str, Any]:
    """A group as plain data, its members with the names of these and of their classes."""
    scores = group.scores
    fields = {
        "mem": scores.estimate,
        "se": scores.standard_error,
        "low": scores.low,
        "high": scores.high,
        "p_all": scores.first,
        "p_none": scores.second,
    }
    return {
        "name": group.name,
        "n_all": group.n_all,
        "n_none": group.n_none,
        "expected_all": group.expected_all,
        "expected_none": group.expected_none,
        "together": _defined(group.together),
        "mean_mem": _defined(group.mean_mem),
        "members": [
            {
                "index": index,
                **names.fields("train", index),
                "label": int(labels[index]),
                "class_name": names.class_name(int(labels[index])),
                **{name: plain(values[row]) for name, values in fields.items()},
            }
            for row, index in enumerate(group.members.tolist())
        ],
    }
