"""The command `scores risk`: which samples a membership-inference attack recognizes."""

from __future__ import annotations

from typing import Annotated

import typer

from memscore.cli.context import opened_client
from memscore.cli.options import Json, Url
from memscore.cli.score_rows import named, print_rows, rows_of
from memscore.console import note, out, print_json, warn
from memscore.counted import counted
from memscore.messages.scores import Estimate
from memscore.scores.risk import note_on_risk, privacy_of, riskiest


def list_risks(
    study: str,
    count: Annotated[int, typer.Option("--top", "-n", min=1, help="Number of samples.")] = 20,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List the samples at the highest privacy risk, and what an attack on whole models achieves."""
    with opened_client(url) as client:
        table = client.table(study)
        rows = named(client, study, rows_of(table, riskiest(table, count), ("label", "risk", "se_risk", "mem")))
    privacy = privacy_of(table)
    if as_json:
        print_json(
            {"privacy": None if privacy is None else privacy.model_dump(), "samples": rows, "note": note_on_risk(table)}
        )
        return
    note(note_on_risk(table))
    warn(*table.warnings)
    if privacy is not None:
        out.print(
            f"Of the samples that a model was trained on, an attacker recognizes {_percent(privacy.tpr_at_0_001)} at "
            f"0.1 % false alarms and {_percent(privacy.tpr_at_0_01)} at 1 %; AUC {_number(privacy.auc)} "
            f"({counted(privacy.targets, 'model')} attacked, 95 % intervals over models).",
            highlight=False,
        )
    if rows:
        print_rows(rows, ("index", "label", "risk", "se_risk", "mem"))


def _percent(one: Estimate) -> str:
    return f"{100 * one.value:.1f} % [{100 * one.low:.1f}, {100 * one.high:.1f}]"


def _number(one: Estimate) -> str:
    return f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"
