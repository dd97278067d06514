"""The command on the sets of a study: sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from memscore.cli.context import opened_client
from memscore.cli.options import Json, Url
from memscore.console import out, print_json, print_table, warn
from memscore.files import write_file
from memscore.scores.sets import Rule, Thresholds, worth


def sets(
    study: str,
    atypical: Annotated[
        float, typer.Option(min=0, max=1, help="Lower bound of mem and infl of atypical samples.")
    ] = Thresholds.atypical,
    typical: Annotated[
        float, typer.Option(min=0, max=1, help="Upper bound of mem and infl of typical samples.")
    ] = Thresholds.typical,
    test_accuracy: Annotated[
        float, typer.Option(min=0, max=1, help="Minimum accuracy of typical test samples.")
    ] = Thresholds.test_accuracy,
    rule: Annotated[
        Rule,
        typer.Option(help="Atypical test samples: by the probability of their influence, or by its raw estimate."),
    ] = Thresholds.rule,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the masks to this .npz file.")] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Count the typical and atypical samples, and optionally write their masks."""
    thresholds = Thresholds(atypical, typical, test_accuracy, rule)
    with opened_client(url) as client:
        message = client.set_indices(study, thresholds)
        if output is not None:
            masks = client.sets(study, thresholds)
            write_file(output, masks.encode(digest=message.digest))
    if as_json:
        print_json(message)
        return
    warn(*message.warnings)
    sure = message.sure or {}
    print_table(
        ("set", "samples", "sure"), ((name, count, sure.get(name, "-")) for name, count in message.counts.items())
    )
    if message.sure is not None:
        bound = message.thresholds["atypical"]
        out.print(
            f"Sure: the whole 95 % interval of mem, by margins if there are any, is on the set's side of {bound:g}."
        )
    for sentence in worth(
        message.rule, message.counts, message.expected_false, message.typical_false, message.by_chance
    ):
        out.print(sentence)
    if output is not None:
        out.print(f"Masks written to {output}")
