"""The command on the sets of a study: sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from memscore.cli.context import opened_client
from memscore.cli.options import Json, Url
from memscore.console import out, print_json, print_table, warn
from memscore.files import write_file
from memscore.messages.scores import SetsMessage
from memscore.scores.sets import Rule, Thresholds


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
    print_table(("set", "samples"), message.counts.items())
    out.print(_explained(message))
    if output is not None:
        out.print(f"Masks written to {output}")


def _explained(message: SetsMessage) -> str:
    """What the number of atypical test samples is worth."""
    by = "probability" if message.rule == "posterior" else "the raw estimate of influence"
    parts = [f"Atypical test samples by {by}."]
    if message.expected_false is not None:
        parts.append(f"Expected not to be: {message.expected_false:,.0f} of {message.counts['test_atypical']:,}.")
    if message.by_chance is not None:
        parts.append(f"By chance alone, the raw estimate names {message.by_chance:,.0f}.")
    return " ".join(parts)
