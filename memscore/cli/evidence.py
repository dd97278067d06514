"""Commands on evidence: export, and import, which merges trials run elsewhere."""

from __future__ import annotations

from typing import Annotated

import typer

from memscore.cli.context import opened_client
from memscore.cli.options import File, Json, Output, Url
from memscore.cli.written import print_written
from memscore.console import out, print_json, warn
from memscore.counted import counted
from memscore.exchange.evidence_file import read_evidence
from memscore.files import read_file, write_file
from memscore.progress import progress_lines


def export_evidence(study: str, output: Output, url: Url = None, as_json: Json = False) -> None:
    """Write the evidence of a study: which samples each trial trained on and classified correctly."""
    with progress_lines(f"exporting {study}", lines=not as_json):
        with opened_client(url) as client:
            evidence = client.evidence(study)
        write_file(output, evidence.encode())
    print_written(output, len(evidence.trials) + len(evidence.full), "trials", "npz", as_json)


def import_evidence(
    file: File,
    dataset: Annotated[str | None, typer.Option(help="The registered dataset that the evidence belongs to.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the study, if it is new.")] = None,
    allow_changed_network: Annotated[
        bool, typer.Option("--allow-changed-network", help="Merge trials even if the network's code differs.")
    ] = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Merge the evidence of a study run elsewhere, and rebuild the scores."""
    payload = read_file(file)
    with progress_lines(f"importing {file}", lines=not as_json):
        evidence = read_evidence(payload)
        with opened_client(url) as client:
            merged = client.merge_evidence(
                evidence.meta.study, payload, dataset, name, allow_changed_network=allow_changed_network
            )
    if merged.differing:
        warn(
            f"Of {counted(merged.differing, 'trial')}, other results are already stored here, as another kind of "
            "device computes them; the stored results are kept."
        )
    if as_json:
        print_json(merged)
        return
    out.print(
        f"Study {merged.study_name} ({merged.study}){', new' if merged.created else ''}: "
        f"{counted(merged.added, 'trial')} added, {merged.present} already stored; the study now has "
        f"{counted(merged.trials, 'trial')}" + (f" and {merged.full_trials} full ones" if merged.full_trials else "")
    )
