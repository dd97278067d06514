"""What benchmarks/evidence.py prints, of a stored study instead of its bed, to see whether rows point the same way.

    python benchmarks/study_evidence.py STUDY [--home FOLDER] [--trials 50 100] [--splits 4]

Estimates come from blocks drawn at random, the truth from the correctness of the study's other trials, so a study needs
twice as many trials as the largest number asked for, and the truth of few trials is coarse: read differences between
rows of one run. Pairs are weighted by what the study has: pixels or features, and the sketches of its full trials.
"""

from __future__ import annotations

import argparse
from contextlib import closing
from pathlib import Path

import numpy as np

import memscore
from benchmarks import margins
from benchmarks.evidence import pairs_and_sets
from benchmarks.heads import DESIGN, Part, Trials
from benchmarks.machine import header
from memscore.arrays import Bools, Int64, UInt8
from memscore.datasets.dataset import Dataset
from memscore.errors import InvalidInput
from memscore.notebook.application import settings_of
from memscore.statistics.counts import class_groups
from memscore.statistics.similarity import Similarity
from memscore.store import evidence, open_database
from memscore.study.evidence import Evidence, Mistakes, unpack_trials
from memscore.study.sketches import Sketch


def stored(name: str, home: Path | None) -> tuple[Dataset, Evidence, list[Sketch]]:
    """A study's dataset, the evidence of its trials, and the sketches of its full trials. Raises InvalidInput."""
    study = memscore.Study.open(name, home)
    if study.message.design != DESIGN:
        raise InvalidInput(f"{name} has another design than {DESIGN}; estimate a study with the default one.")
    dataset = study.dataset
    with closing(open_database(settings_of(home).database)) as database, database.reading() as connection:
        trials = evidence.load(connection, study.message.id)
        sketches = evidence.sketches(connection, study.message.id)
    whole = unpack_trials(trials, DESIGN, len(dataset.y_train), len(dataset.y_test))
    if whole.margins is None:
        raise InvalidInput(f"{name} has trials without margins; estimate a study with --evidence margins.")
    return dataset, whole, sketches


def as_trials(found: Evidence, dataset: Dataset) -> Trials:
    """The trials as benchmarks/evidence.py reads those of its bed."""
    assert found.margins is not None
    return Trials(
        found.membership,
        _part(found.train_correct, found.margins.train, found.margins.train_mistakes, dataset.y_train),
        _part(found.test_correct, found.margins.test, found.margins.test_mistakes, dataset.y_test),
        np.nan,
    )


def _part(correct: Bools, code: np.ndarray, mistakes: Mistakes, labels: np.ndarray) -> Part:
    predicted: Int64 = np.tile(labels.astype(np.int64), (len(correct), 1))
    predicted[mistakes.trial, mistakes.sample] = mistakes.predicted
    unused: UInt8 = np.zeros((0, 0), np.uint8)
    return Part(correct, unused.astype(np.float16), code, unused, predicted.astype(np.uint8))


def main() -> None:
    """Print all of it."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("study", help="the study's name")
    arguments.add_argument("--home", type=Path, help="the home that has the study")
    arguments.add_argument(
        "--trials", type=int, nargs="+", default=[50, 100], help="numbers of trials to estimate from"
    )
    arguments.add_argument("--splits", type=int, default=4, help="random splits into estimates and truth")
    chosen = arguments.parse_args()
    dataset, found, sketches = stored(chosen.study, chosen.home)
    if found.trials < 2 * max(chosen.trials):
        arguments.error(f"{chosen.study} has {found.trials} trials; --trials may be at most half of that")
    print(header(f"{found.trials} trials of {chosen.study}: {len(dataset.y_train)} x {len(dataset.y_test)} samples"))
    trials = as_trials(found, dataset)
    by_block = margins.Bed(trials)
    for count in chosen.trials:
        margins.accuracy(by_block, count, chosen.splits)
        margins.privacy(by_block, count)
    groups = class_groups(dataset.y_train, dataset.y_test)
    alike = Similarity.of(groups, dataset.x_train, dataset.x_test, sketches)
    for count in chosen.trials:
        pairs_and_sets(dataset, trials, count, chosen.splits, alike)


if __name__ == "__main__":
    main()
