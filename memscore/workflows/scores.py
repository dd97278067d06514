"""Scores for training and evaluation, from URL#STUDY, a table file, or a study of the embedded database."""

from __future__ import annotations

from memscore.client.sources import source_kind
from memscore.scores.sets import Thresholds
from memscore.settings import Settings
from memscore.workflows.embedded import opened_application
from trainer.score_values import is_values
from trainer.scores import Scores, pull, read


def training_scores(source: str, settings: Settings, thresholds: Thresholds = Thresholds()) -> Scores:
    """The scores of a source and, unless it is a file, the sets at these thresholds.

    source: URL#STUDY, a table file, a file of values (`trainer.score_values`), or a study of the embedded database.
    Raises NotFound, InvalidInput or ServiceError if the source cannot be read.
    """
    if is_values(source) or source_kind(source) != "study":
        return read(source, key=settings.client_key, cache=settings.home / "cache", thresholds=thresholds)
    with opened_application(settings) as (_, client):
        return pull(client, source, thresholds)
