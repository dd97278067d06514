"""Planted label errors: memscore against cleanlab's Datalab, on the same data in the same CPU time.

    python benchmarks/peers/label_errors.py --peer build/cleanlab/bin/python [--folder FOLDER] [BED ...]

Beds: scikit-learn's digits; features of ten classes of CIFAR-100 (`benchmarks/heads.py`); 100 and 500 images of each
class of Fashion-MNIST (Debian's package dataset-fashion-mnist). Where data is absent, its bed is left out with the
reason. Errors: 5, 10 and 20 % of the labels drawn among all other classes, and 10 % that are all the class after
their own.

memscore trains 100 trials (also judged after 20 and 50; `--trials` names fewer) of the recipe that it chooses by
itself, or of `--recipe`. Datalab gets held-out probabilities of the same network and recipe from 5-fold
cross-validation, once, and averaged over as many as train as long as memscore's trials; those of scikit-learn's
logistic regression; and the features alone. It runs in the Python of `--peer`, where benchmarks/peers/requirements.txt
is installed: `make datalab` does both. One thread each.

FOLDER keeps what was trained and found, so that a stopped run resumes and tables are printed again at once. `--seeds`
repeats each contest with other errors, subsets and folds. `--calibration` prints instead how often labels with a
probability of being wrong were wrong. Some minutes of CPU for an error of the digits, several times that for one of
the 5,000 images.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.automatic_recipes import Absent, fashion_mnist
from benchmarks.heads import default_cache, load_bed
from benchmarks.label_errors import PER_CLASS, first_of_each_class, next_class, table_of
from benchmarks.machine import header
from memscore.arrays import Bools, Float64, Indices
from memscore.datasets import load_source
from memscore.datasets.dataset import Dataset, build_dataset
from memscore.datasets.label_noise import flip_labels
from memscore.files import atomic_write
from memscore.learning.data import DeviceData
from memscore.learning.single import Name, single_logits, train_single
from memscore.learning.stack import flattened, stack_logits, train_stack
from memscore.learning.unit import prepare, train_unit
from memscore.scores.label_errors import label_errors
from memscore.scores.tables import ScoreTable
from memscore.statistics.estimates import auroc
from memscore.study.automatic import AUTO, resolved
from memscore.study.evidence import Trial
from memscore.study.spec import BLOCK, Design, Recipe
from memscore.study.subsets import units

TRIALS = (20, 50, 100)
FOLDS = 5
REPEATS = {20: 4, 50: 10, 100: 18}
"""Cross-validations that train as many samples as this number of trials, 4 against 0.7 data sets; they come in twos."""

NEXT = "next class"
ERRORS = {"5 %": 0.05, "10 %": 0.1, "20 %": 0.2, NEXT: 0.1}

LINES = """
import memscore
study = memscore.estimate(data, labels)
study.suspects()
"""
"""What a user of memscore types."""


def digits() -> Dataset:
    """The 1,437 training images."""
    return load_source("digits")


def features() -> Dataset:
    """160 features of 5,000 images."""
    if not (default_cache() / "data.npz").is_file():
        raise Absent("benchmarks/heads.py has not made the features: run it, or name its folder in MEMSCORE_HEADS")
    bed = load_bed(default_cache())
    return build_dataset(bed.train_features, bed.y_train, source="features")


def fashion(of_each_class: int) -> Dataset:
    """The first training images of each class."""
    return first_of_each_class(fashion_mnist(), of_each_class)


BEDS: dict[str, Callable[[], Dataset]] = {
    "digits": digits,
    "features": features,
    "small-fashion": lambda: fashion(PER_CLASS // 5),
    "fashion": lambda: fashion(PER_CLASS),
}


@dataclass(frozen=True)
class Contest:
    """One set of planted errors, and the folder of what both sides say of it."""

    bed: str
    errors: str
    seed: int
    trials: int
    folder: Path
    recipe: str = AUTO

    def planted(self, clean: Dataset) -> Dataset:
        """The samples with wrong labels, without a test part."""
        noisy = flip_labels(clean.select(slice(None), slice(0)), ERRORS[self.errors], self.seed)
        return next_class(noisy) if self.errors == NEXT else noisy

    def train(self, clean: Dataset) -> None:
        """Train memscore's trials and the cross-validations for Datalab, unless the folder has them."""
        if (self.folder / "input.npz").is_file():
            return
        noisy = self.planted(clean)
        recipe = resolved(self.recipe, len(noisy.y_train), noisy.x_train.shape[1:])
        data = DeviceData.of(noisy, torch.device("cpu"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self._own(noisy, data, recipe)
        inputs = flattened(data.x_train).numpy()
        _store(
            self.folder / "input.npz",
            labels=noisy.y_train.astype(np.int64),
            clean=clean.y_train.astype(np.int64),
            inputs=inputs if inputs.dtype == np.float32 else inputs.astype(np.float32) / 255,
            **self._held_out(data, recipe),
        )

    def _own(self, noisy: Dataset, data: DeviceData, recipe: Recipe) -> None:
        """memscore's tables after some numbers of trials, with the CPU seconds until then."""
        design = Design(seed=self.seed)
        found: list[Trial] = []
        training = 0.0
        for unit in units(recipe, self.trials):
            started = time.process_time()
            found += train_unit(data, recipe, design, unit)
            training += time.process_time() - started
            if len(found) not in TRIALS:
                continue
            started = time.process_time()
            table = table_of(found, noisy, design)
            label_errors(table)
            seconds = training + time.process_time() - started
            (self.folder / f"trials-{len(found)}.npz").write_bytes(table.encode())
            _store(self.folder / f"seconds-{len(found)}.npz", seconds=np.array(seconds))

    def _held_out(self, data: DeviceData, recipe: Recipe) -> dict[str, np.ndarray]:
        """Probabilities of networks that held the samples out, and CPU seconds, after one and more repetitions."""
        from sklearn.model_selection import StratifiedKFold

        labels = data.y_train.numpy()
        total = np.zeros((len(labels), data.classes))
        made: dict[str, np.ndarray] = {}
        seconds = 0.0
        for pair in range(0, REPEATS[self.trials], 2):
            started = time.process_time()
            splitters = [StratifiedKFold(FOLDS, shuffle=True, random_state=1000 * self.seed + pair + k) for k in (0, 1)]
            folds = [fold for splitter in splitters for _, fold in splitter.split(labels, labels)]
            membership = np.ones((BLOCK, len(labels)), np.bool_)
            for row, fold in enumerate(folds):
                membership[row, fold] = False
            held_out = _logits(data, recipe, membership, ("contest", self.seed, pair)).softmax(2).numpy()
            for repeat in (0, 1):
                for row in range(repeat * FOLDS, (repeat + 1) * FOLDS):
                    total[folds[row]] += held_out[row, folds[row]]
                if pair + repeat == 0:
                    spent = (time.process_time() - started) / 2  # of a stack of two cross-validations
                    made |= {"networks_1": total.copy(), "seconds_1": np.array(spent)}
            seconds += time.process_time() - started
            if pair + 2 in REPEATS.values():
                made |= {f"networks_{pair + 2}": total / (pair + 2), f"seconds_{pair + 2}": np.array(seconds)}
        return made

    def findings(self) -> Iterator[tuple[str, Finding]]:
        """What each side and way found."""
        with np.load(self.folder / "input.npz") as arrays:
            labels, clean = arrays["labels"], arrays["clean"]
        for trials in (count for count in TRIALS if count <= self.trials):
            table = ScoreTable.load(self.folder / f"trials-{trials}.npz")
            with np.load(self.folder / f"seconds-{trials}.npz") as arrays:
                seconds = float(arrays["seconds"])
            said = label_errors(table)
            yield (
                f"memscore, {trials} trials",
                Finding.of(
                    labels, clean, said.suspects, said.order, table["vote_label"], seconds, len(LINES.split("\n")) - 2
                ),
            )
        with np.load(self.folder / "datalab.npz") as arrays:
            said = dict(arrays)
        for way in [name.removesuffix("_score") for name in said if name.endswith("_score")]:
            kind, _, repeats = way.partition("_")
            yield (
                f"Datalab, {NAMES[kind]}{f' x {repeats}' if repeats else ''}",
                Finding.of(
                    labels,
                    clean,
                    said[f"{way}_suspected"],
                    np.argsort(said[f"{way}_score"], kind="stable"),
                    said[f"{way}_suggested"],
                    float(said[f"{way}_seconds"]),
                    int(said[f"{way}_lines"]),
                ),
            )


def _logits(data: DeviceData, recipe: Recipe, membership: np.ndarray, name: Name) -> Tensor:
    """Logits [k, n, classes] of all samples by k networks, each trained on a row of membership bool [k, n]."""
    if recipe.stacked:
        return stack_logits(train_stack(data, recipe, membership, name), flattened(data.x_train))
    networks = (train_single(data, recipe, row, (*name, place)) for place, row in enumerate(membership))
    return torch.stack([single_logits(network, data.x_train) for network in networks])


NAMES = {"networks": "cross-validation", "regression": "logistic regression", "neighbours": "features alone"}


@dataclass(frozen=True)
class Finding:
    """How well one side found the errors: shares, samples, CPU seconds and lines of code."""

    average_precision: float
    auroc: float
    suspected: float
    precision: float
    recall: float
    right_of_found: float
    right_of_all: float
    seconds: float
    lines: float

    @classmethod
    def of(
        cls,
        labels: Indices,
        clean: Indices,
        suspected: Bools,
        order: Indices,
        suggested: Indices,
        seconds: float,
        lines: int,
    ) -> Finding:
        """Compare what one side says with the clean labels int64 [n]; `order` has all samples."""
        wrong = labels != clean
        hit = wrong[order]
        rank = np.empty(len(labels), np.float64)
        rank[order] = -np.arange(len(labels))
        right = suggested == clean
        found = suspected & wrong
        return cls(
            average_precision=float((np.cumsum(hit) / np.arange(1, len(hit) + 1))[hit].mean()),
            auroc=auroc(rank, wrong),
            suspected=float(suspected.sum()),
            precision=float(found.sum() / max(1, suspected.sum())),
            recall=float(found.sum() / wrong.sum()),
            right_of_found=float(right[found].mean()) if found.any() else np.nan,
            right_of_all=float(right[wrong].mean()),
            seconds=seconds,
            lines=float(lines),
        )


def _store(path: Path, **arrays: np.ndarray) -> None:
    with atomic_write(path) as scratch, scratch.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def show(bed: str, errors: str, contests: list[Contest]) -> None:
    """Print a table of means over the contests, with standard deviations where there are several."""
    found = [dict(contest.findings()) for contest in contests]
    print(f"\n{bed}, errors: {errors}, seeds {', '.join(str(contest.seed) for contest in contests)}\n")
    columns = list(Finding.__dataclass_fields__)
    print(f"| side | {' | '.join(name.replace('_', ' ') for name in columns)} |")
    print("|---" * (1 + len(columns)) + "|")
    for way in found[0]:
        cells = []
        for name in columns:
            values = np.array([getattr(one[way], name) for one in found])
            digits_shown = 0 if name in ("suspected", "lines") else 1 if name == "seconds" else 3
            spread = f" ± {values.std(ddof=1):.{digits_shown}f}" if len(values) > 1 and name != "lines" else ""
            cells.append(f"{values.mean():.{digits_shown}f}{spread}")
        print(f"| {way} | {' | '.join(cells)} |", flush=True)


BOUNDS = (0.0, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98, 1.0)


def show_calibration(contests: list[Contest]) -> None:
    """Print the mean probability of a wrong label against the share of wrong ones, for each number of trials."""
    for trials in TRIALS:
        probability: list[Float64] = []
        wrong: list[Bools] = []
        for contest in contests:
            if trials > contest.trials:
                continue
            with np.load(contest.folder / "input.npz") as arrays:
                wrong.append(arrays["labels"] != arrays["clean"])
            probability.append(label_errors(ScoreTable.load(contest.folder / f"trials-{trials}.npz")).label_error)
        if not probability:
            continue
        said, true = np.concatenate(probability), np.concatenate(wrong)
        print(f"\n{contests[0].bed}, {trials} trials: expected {said.sum():.0f}, true {true.sum()}\n")
        print("| probability | samples | mean probability | share wrong |\n|---|---|---|---|")
        for low, high in pairwise(BOUNDS):
            within = (said > low) & (said <= high) if low else said <= high
            if within.any():
                print(
                    f"| {low:g} to {high:g} | {within.sum()} | {said[within].mean():.4f} | {true[within].mean():.4f} |"
                )


def main() -> None:
    """Hold the contests, bed by bed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("beds", nargs="*", help=f"of {', '.join(BEDS)}; default: all")
    parser.add_argument("--peer", default="build/cleanlab/bin/python", help="Python with cleanlab")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "memscore-contest")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--trials", type=int, default=100, choices=TRIALS)
    parser.add_argument("--recipe", default=AUTO, help="name of a recipe, for memscore and cross-validation")
    parser.add_argument("--errors", nargs="*", choices=list(ERRORS), default=list(ERRORS))
    parser.add_argument("--calibration", action="store_true")
    chosen = parser.parse_args()
    print(header("planted label errors: memscore and cleanlab's Datalab"))
    prepare(torch.device("cpu"))
    for bed in chosen.beds or list(BEDS):
        try:
            clean = BEDS[bed]()
        except Absent as reason:
            print(f"{bed}: left out: {reason}")
            continue
        place = bed if chosen.recipe == AUTO else f"{bed}-{chosen.recipe}"
        contests = {
            errors: [
                Contest(
                    bed,
                    errors,
                    seed,
                    chosen.trials,
                    chosen.folder / place / f"{errors}-{seed}-{chosen.trials}",
                    chosen.recipe,
                )
                for seed in range(chosen.seeds)
            ]
            for errors in chosen.errors
        }
        every = [contest for several in contests.values() for contest in several]
        for contest in every:
            contest.train(clean)
        waiting = [contest.folder for contest in every if not (contest.folder / "datalab.npz").is_file()]
        if waiting:
            subprocess.run([chosen.peer, Path(__file__).with_name("datalab.py"), *waiting], check=True)
        if chosen.calibration:
            show_calibration(every)
            continue
        for errors, several in contests.items():
            show(bed, errors, several)


if __name__ == "__main__":
    main()
