"""Commands that show what a study found: scores show, top, publish, sets, report."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from memscore import settings as settings_module
from memscore.cli.apps import Json, Url, app, scores_app
from memscore.cli.context import existing_database, opened_client, plain
from memscore.cli.files import write_file
from memscore.console import decimal, err, out, print_json, print_record, print_table, warn
from memscore.progress import progress_bar, told
from memscore.scores.sets import Thresholds

MOST_EVIDENCE = 1 << 26
"""Bytes of evidence up to which a report reads it, to say on what devices the models were trained."""


@scores_app.command("show")
def show_score(study: str, index: int, url: Url = None, as_json: Json = False) -> None:
    """Show the scores of one training sample."""
    with opened_client(url) as client:
        print_record(client.score(study, index), as_json)


@scores_app.command("top")
def top_scores(
    study: str,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many.")] = 10,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List the most memorized training samples."""
    import numpy as np

    with opened_client(url) as client:
        table = client.table(study)
    mem = table["mem"]
    order = np.lexsort((np.arange(len(mem)), -np.nan_to_num(mem, nan=-np.inf)))[:count]
    rows = [
        {
            "index": int(index),
            **{
                name: plain(table[name][index])
                for name in ("label", "mem", "se", "mem_low", "mem_high", "p_in", "p_out")
            },
        }
        for index in order
    ]
    if as_json:
        print_json(rows)
        return
    warn(table.warnings)
    columns = ("index", "label", "mem", "se", "95 % interval", "p_in", "p_out")
    print_table(
        columns,
        (
            (
                row["index"],
                row["label"],
                decimal(row["mem"]),
                decimal(row["se"]),
                f"[{decimal(row['mem_low'])}, {decimal(row['mem_high'])}]",
                decimal(row["p_in"]),
                decimal(row["p_out"]),
            )
            for row in rows
        ),
    )


@scores_app.command("publish")
def publish_scores(
    study: str,
    remove: Annotated[bool, typer.Option("--unpublish", help="Remove the study's rows instead.")] = False,
    as_json: Json = False,
) -> None:
    """Write a study's scores as plain rows of the database, for SQL: tables sample_scores and pair_scores."""
    from memscore.store.publishing import publish, unpublish

    with existing_database(settings_module.load()) as database:
        if remove:
            there = unpublish(database, study)
            if as_json:
                print_json({"study": study, "changed": there})
            else:
                out.print(f"The rows of {study} are removed." if there else f"No rows of {study} were published.")
            return
        with progress_bar("rows", err, lines=not as_json) as bar:
            task = bar.add_task(f"publishing {study}", total=None, visible=False)
            published = publish(
                database, study, lambda done, total: bar.update(task, completed=done, total=total, visible=True)
            )
    if as_json:
        print_json(asdict(published))
        return
    rows = f"{published.samples} rows of sample_scores and {published.pairs} of pair_scores"
    if published.changed:
        out.print(f"Study {published.name}: {rows} written, from {published.trials} trials")
    else:
        out.print(f"Study {published.name}: unchanged since it was published, {rows}")


@app.command()
def sets(
    study: str,
    atypical: Annotated[
        float, typer.Option(help="Lower bound of mem and infl of atypical samples.")
    ] = Thresholds.atypical,
    typical: Annotated[
        float, typer.Option(help="Upper bound of mem and infl of typical samples.")
    ] = Thresholds.typical,
    test_accuracy: Annotated[
        float, typer.Option(help="Least accuracy of typical test samples.")
    ] = Thresholds.test_accuracy,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the masks to this .npz file.")] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Count the typical and atypical samples, or write their masks."""
    thresholds = Thresholds(atypical, typical, test_accuracy)
    with opened_client(url) as client:
        message = client.set_indices(study, thresholds)
        if output is not None:
            masks = client.sets(study, thresholds)
            write_file(output, masks.encode(digest=message.digest))
    if as_json:
        print_json(message)
        return
    warn(message.warnings)
    print_table(("set", "samples"), message.counts.items())
    if output is not None:
        out.print(f"Masks written to {output}")


@app.command()
def report(
    study: str,
    output: Annotated[Path, typer.Option("--output", "-o", help="The HTML file to write.")] = Path("report.html"),
    url: Url = None,
) -> None:
    """Write a study as one self-contained HTML page."""
    from memscore.datasets.storage import open_dataset
    from memscore.report import Making, Report

    settings = settings_module.load()
    with told(f"writing {output}"), opened_client(url) as client:
        message = client.study(study)
        dataset = open_dataset(settings.home, message.fingerprint)
        scores, pairs = client.table(study), client.pairs_table(study)
        evidence_bytes = scores.trials * (len(scores) + scores.test_samples) // 8
        known = message.design is not None and evidence_bytes <= MOST_EVIDENCE
        making = Making.of(client.evidence(study)) if known else None
        page = Report(message, scores, pairs, dataset, making=making)
        write_file(output, page.html().encode())
    out.print(f"Report written to {output}")
