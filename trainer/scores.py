"""Scores for training: pulled through the client, or read from a table file, and checked against the dataset."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from memscore.arrays import Float32
from memscore.client import is_url, load_table, parse_source
from memscore.datasets.dataset import Dataset
from memscore.errors import Damaged, InvalidInput
from memscore.scores.sets import Sets, Thresholds
from memscore.scores.tables import ScoreTable
from trainer.score_values import ScoreValues, is_values, read_values

if TYPE_CHECKING:
    from memscore.client import Client


@dataclass(frozen=True)
class TrainingScores:
    """A study's score table and its sets, which a table file lacks."""

    table: ScoreTable
    sets: Sets | None

    @property
    def mem(self) -> Float32:
        """mem of each training sample, float32 [n]."""
        return self.table["mem"]

    @property
    def test_p(self) -> Float32:
        """The share of the trials that classify each test sample correctly, float32 [q]."""
        return self.table["test_p"]

    @property
    def digest(self) -> str:
        """The table's digest."""
        return self.table.digest

    @property
    def warnings(self) -> list[str]:
        """Warnings for readers of the scores, one sentence each."""
        return self.table.warnings

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know of the sets: what they are worth, and if they follow another rule than usual."""
        return () if self.sets is None else (" ".join(self.sets.worth()), *self.sets.notes)

    def require(self, dataset: Dataset, name: str) -> None:
        """Raise FingerprintMismatch unless the scores were made from this dataset."""
        self.table.require_dataset(dataset.fingerprint, name)


Scores = TrainingScores | ScoreValues
"""Scores of a study, or values of any kind from a file."""


def pull(client: Client, study: str, thresholds: Thresholds = Thresholds()) -> TrainingScores:
    """Table and sets of a study from a service."""
    return TrainingScores(client.table(study), client.sets(study, thresholds))


def read(
    source: str, *, key: str | None = None, cache: Path | None = None, thresholds: Thresholds = Thresholds()
) -> Scores:
    """Scores from `URL#STUDY`, a table file, or a file of values (`trainer.score_values`)."""
    if is_url(source):
        from memscore.client import Client

        url, study = parse_source(source)
        with Client(url, key, cache=cache) as client:
            return pull(client, study, thresholds)
    if is_values(source):
        return read_values(source)
    try:
        return TrainingScores(load_table(source), None)
    except (InvalidInput, Damaged) as error:
        if not source.endswith(".npz"):
            raise
        raise InvalidInput(f"{error} For values of your own, name their array: {source}:KEY.") from error
