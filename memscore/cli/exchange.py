"""Commands that take scores out and bring them in, compare them, and read more from them."""

from __future__ import annotations

import csv
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from memscore import settings as settings_module
from memscore.cli.apps import Json, Url, scores_app
from memscore.cli.context import opened_client, plain
from memscore.cli.files import File, Output, read_file, report_written, write_file
from memscore.client import is_url, load_table
from memscore.console import complain, decimal, out, percent, print_json, print_table, warn
from memscore.errors import InvalidInput
from memscore.exchange.feldman_zhang import published_of
from memscore.progress import told
from memscore.scores.comparison import TableComparison, compare
from memscore.scores.frames import encode, format_of
from memscore.scores.sets import Thresholds
from memscore.scores.suspects import NOT_WRONG, GroupMemorization, group_memorization, read_groups, suspects
from memscore.scores.tables import ScoreTable


@scores_app.command("import")
def import_scores(
    file: File,
    dataset: Annotated[str, typer.Option(help="The registered dataset that the scores were made from.")],
    name: Annotated[str | None, typer.Option(help="Name of the study; default: the dataset's.")] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Import published scores: an .npz in the layout of Feldman and Zhang."""
    payload = read_file(file)
    with opened_client(url) as client:
        study = client.import_scores(payload, dataset, name)
    if as_json:
        print_json(study)
        return
    out.print(f"Study {study.name} ({study.id}): imported scores of dataset {study.dataset}")
    if study.table is not None:
        warn(study.table.warnings)


@scores_app.command("export")
def export_scores(
    study: str,
    output: Output,
    format: Annotated[
        Literal["npz", "csv", "parquet", "arrow", "feldman-zhang"] | None,
        typer.Option("--format", help="Default: what the suffix says; feldman-zhang must be asked for."),
    ] = None,
    rows: Annotated[Literal["train", "test"], typer.Option(help="Samples to write; npz holds both.")] = "train",
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Write the score table as npz, csv, parquet or arrow, or scores and influences in Feldman and Zhang's layout."""
    if format == "feldman-zhang":
        with told(f"exporting {study}", lines=not as_json):
            with opened_client(url) as client:
                table = client.table(study)
                evidence = client.evidence(study)
            payload = published_of(evidence.unpacked(), table["label"], table["test_label"]).encode()
            write_file(output, payload)
        report_written(output, len(table), "training samples", "feldman-zhang", as_json)
        return
    chosen = format or format_of(output)
    with told(f"exporting {study}", lines=not as_json):
        with opened_client(url) as client:
            table = client.table(study)
        write_file(output, encode(table, chosen, rows))
    count = table.test_samples if rows == "test" and chosen != "npz" else len(table)
    report_written(output, count, "test samples" if rows == "test" else "training samples", chosen, as_json)


@scores_app.command("compare")
def compare_scores(
    a: Annotated[str, typer.Argument(help="A study, URL#STUDY or a table file.")],
    b: Annotated[str, typer.Argument(help="The same.")],
    threshold: Annotated[float, typer.Option(help="mem of atypical samples.")] = Thresholds.atypical,
    plot: Annotated[Path | None, typer.Option(help="Write a scatter plot: .svg, .png or .pdf.")] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Compare the scores of two studies of one dataset."""
    if plot is not None and plot.suffix.lower() not in (".svg", ".png", ".pdf"):
        raise InvalidInput(f"The suffix of {plot.name!r} must be .svg, .png or .pdf.")
    first, second = _table(a, url), _table(b, url)
    comparison = compare(first, second, threshold)
    if plot is not None:
        from memscore.report.scatter import scatter

        names = _short(a), _short(b)
        write_file(plot, scatter(first, second, comparison, names, plot.suffix.lower().removeprefix(".")))
    if as_json:
        print_json(asdict(comparison))
        return
    print_table(("figure", "value"), _figures(comparison))
    for note in comparison.notes:
        complain("note", note, "bold")
    if plot is not None:
        out.print(f"Plot written to {plot}")


@scores_app.command("suspects")
def list_suspects(
    study: str,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many.")] = 20,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List the samples whose labels are most likely wrong, by the lower end of mem's interval."""
    with opened_client(url) as client:
        table = client.table(study)
    names = ("label", "mem", "mem_low", "mem_high", "p_in", "p_out")
    rows = [
        {"index": int(index), **{name: plain(table[name][index]) for name in names}} for index in suspects(table, count)
    ]
    if as_json:
        print_json(rows)
        return
    complain("note", NOT_WRONG, "bold")
    warn(table.warnings)
    if as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(("index", *names))
        writer.writerows(row.values() for row in rows)
        return
    print_table(
        ("index", "label", "mem", "95 % interval", "p_in", "p_out"),
        (
            (
                row["index"],
                row["label"],
                decimal(row["mem"]),
                f"[{decimal(row['mem_low'])}, {decimal(row['mem_high'])}]",
                decimal(row["p_in"]),
                decimal(row["p_out"]),
            )
            for row in rows
        ),
    )


@scores_app.command("groups")
def score_groups(
    study: str,
    groups: Annotated[Path, typer.Option(help="CSV file with the columns index and group.")],
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Estimate how much groups of training samples, such as duplicates, are memorized together."""
    with told(f"reading {study}", lines=not as_json):
        with opened_client(url) as client:
            members = read_groups(groups, len(client.table(study)))
            evidence = client.evidence(study)
        found = group_memorization(evidence.unpacked(), members, evidence.meta.design.subset_ratio)
    warnings = [group.warning for group in found if group.warning is not None]
    if as_json:
        print_json({"groups": [_group(group) for group in found], "warnings": warnings})
        return
    print_table(
        ("group", "index", "group mem", "95 % interval", "p all", "p none", "trials with all", "with none"),
        (
            (
                group["name"],
                member["index"],
                decimal(member["mem"]),
                f"[{decimal(member['low'])}, {decimal(member['high'])}]",
                decimal(member["p_all"]),
                decimal(member["p_none"]),
                group["n_all"],
                group["n_none"],
            )
            for group in map(_group, found)
            for member in group["members"]
        ),
    )
    warn(warnings)


def _table(source: str, url: str | None) -> ScoreTable:
    """A score table of a study, of URL#STUDY, or from a file."""
    if is_url(source) or source.endswith(".npz") or Path(source).expanduser().is_file():
        settings = settings_module.load()
        return load_table(source, key=settings.client_key, cache=settings.home / "cache")
    with opened_client(url) as client:
        return client.table(source)


def _short(source: str) -> str:
    return source.rpartition("#")[2] if is_url(source) else Path(source).name


def _figures(comparison: TableComparison) -> list[tuple[str, str]]:
    return [
        ("samples compared", str(comparison.samples)),
        ("Pearson correlation", decimal(comparison.pearson)),
        ("Spearman correlation", decimal(comparison.spearman)),
        (
            "reliability of the first, the second",
            f"{decimal(comparison.reliability_a)}, {decimal(comparison.reliability_b)}",
        ),
        ("Pearson, corrected for errors of estimation", decimal(comparison.corrected)),
        ("mean difference, first less second", f"{comparison.mean_difference:+.4f}"),
        ("first outside the second's 95 % interval", percent(comparison.a_outside_b)),
        ("second outside the first's 95 % interval", percent(comparison.b_outside_a)),
        (f"atypical (mem > {comparison.threshold:g}) in both", str(comparison.both)),
        ("atypical in the first only, the second only", f"{comparison.only_a}, {comparison.only_b}"),
        ("Jaccard index of the atypical sets", decimal(comparison.jaccard)),
        ("Cohen's kappa", decimal(comparison.kappa)),
    ]


def _group(group: GroupMemorization) -> dict[str, Any]:
    """A group as plain data."""
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
        "members": [
            {"index": int(index), **{name: plain(values[row]) for name, values in fields.items()}}
            for row, index in enumerate(group.members)
        ],
    }
