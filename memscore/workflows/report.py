"""A study's report, made from a client's tables and the dataset in the home folder."""

from __future__ import annotations

from memscore.client import Client
from memscore.settings import Settings

MOST_EVIDENCE = 1 << 26
"""Most bytes of evidence that a report reads, to name the devices the models were trained on."""


def page_of(client: Client, settings: Settings, study: str) -> str:
    """The study as one self-contained HTML page.

    Raises NotFound if the dataset is not in the home folder, and the client's errors.
    """
    from memscore.report import Making, Report
    from memscore.workflows.datasets import dataset_of_study

    message = client.study(study)
    dataset = dataset_of_study(client, settings, message)
    scores, pairs = client.table(study), client.pairs_table(study)
    evidence_bytes = scores.trials * (len(scores) + scores.test_samples) // 8
    known = message.design is not None and evidence_bytes <= MOST_EVIDENCE
    making = Making.of(client.evidence(study)) if known else None
    return Report(message, scores, pairs, dataset, making=making).html()
