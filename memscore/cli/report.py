"""The command that writes a study as a page: report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from memscore import settings as settings_module
from memscore.cli.context import opened_client
from memscore.cli.options import Url
from memscore.console import out
from memscore.files import write_file
from memscore.progress import told

MOST_EVIDENCE = 1 << 26
"""Most bytes of evidence that a report reads, to name the devices the models were trained on."""


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
