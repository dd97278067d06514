"""Scores for training and evaluation, from URL#STUDY, a table file, or a study of the embedded database."""

from __future__ import annotations

from memscore.client.sources import source_kind
from memscore.scores.sets import Thresholds
from memscore.settings import Settings
from memscore.workflows.embedded import opened_application
from trainer.scores import TrainingScores, pull, read


def training_scores(source: str, settings: Settings, thresholds: Thresholds = Thresholds()) -> TrainingScores:
    """The score table of a source and, unless it is a file, the sets at these thresholds.

    source: URL#STUDY, a table file, or a study of the embedded database.
    Raises NotFound, InvalidInput or ServiceError if the source cannot be read.
    """
    if source_kind(source) != "study":
        return read(source, key=settings.client_key, cache=settings.home / "cache", thresholds=thresholds)
    with opened_application(settings) as (_, client):
        return pull(client, source, thresholds)
