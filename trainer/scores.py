"""Scores for training: pulled through the client, or read from a table file, and checked against the dataset."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from memscore.client import is_url, load_table, parse_source
from memscore.datasets.dataset import Dataset
from memscore.scores.sets import Sets, Thresholds
from memscore.scores.tables import ScoreTable

if TYPE_CHECKING:
    from memscore.client import Client


@dataclass(frozen=True)
class TrainingScores:
    """A study's score table and its sets, which a table file lacks."""

    table: ScoreTable
    sets: Sets | None

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know of the sets: what they are worth, and if they follow another rule than usual."""
        return () if self.sets is None else (" ".join(self.sets.worth()), *self.sets.notes)

    def require(self, dataset: Dataset, name: str) -> None:
        """Raise FingerprintMismatch unless the scores were made from this dataset."""
        self.table.require_dataset(dataset.fingerprint, name)


def pull(client: Client, study: str, thresholds: Thresholds = Thresholds()) -> TrainingScores:
    """Table and sets of a study from a service."""
    return TrainingScores(client.table(study), client.sets(study, thresholds))


def read(
    source: str, *, key: str | None = None, cache: Path | None = None, thresholds: Thresholds = Thresholds()
) -> TrainingScores:
    """Scores from `URL#STUDY` or a table file; a file has no sets of test samples."""
    if is_url(source):
        from memscore.client import Client

        url, study = parse_source(source)
        with Client(url, key, cache=cache) as client:
            return pull(client, study, thresholds)
    return TrainingScores(load_table(source), None)
