"""How well planted label errors are found, and whether standard errors hold: `python benchmarks/label_errors.py`.

Real images with 10 % of the training labels flipped: scikit-learn's digits, and 5,000 images of Fashion-MNIST if its
files are given (`--fashion DIR`). For increasing numbers of trials, prints the AUROC of mem and of the order of
suspects, the precision and recall at their cut-off beside the expected precision, the share of right suggested labels,
the split-half ratio (1 if standard errors are right), the correlation of two halves, and the reliability. With
`--next-class`, an error's label is always the class after the true one. `--epochs` shortens the training on
Fashion-MNIST. One thread.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from memscore.datasets import SourceOptions, load_source
from memscore.datasets.dataset import Dataset
from memscore.datasets.label_noise import flip_labels
from memscore.learning.data import DeviceData
from memscore.learning.unit import prepare, train_unit
from memscore.scores.label_errors import label_errors
from memscore.scores.table_builder import Provenance, build_tables
from memscore.scores.tables import ScoreTable
from memscore.statistics.counts import Counts
from memscore.statistics.estimates import auroc
from memscore.study.evidence import Trial, unpack_trials
from memscore.study.recipes import RECIPES
from memscore.study.spec import Design, Recipe
from memscore.study.subsets import units

PER_CLASS = 500
FASHION = Recipe(network="mlp", hidden=(256, 128), epochs=60, batch_size=64, learning_rate=0.1)


def first_of_each_class(dataset: Dataset, count: int) -> Dataset:
    """The first `count` training images of each class, and a tenth of the test images."""
    chosen = np.sort(np.concatenate([np.flatnonzero(dataset.y_train == k)[:count] for k in range(dataset.classes)]))
    tenth = slice(None, len(dataset.y_test) // 10)
    return replace(
        dataset,
        x_train=dataset.x_train[chosen],
        y_train=dataset.y_train[chosen],
        x_test=dataset.x_test[tenth],
        y_test=dataset.y_test[tenth],
    )


def table_of(trials: list[Trial], dataset: Dataset, design: Design) -> ScoreTable:
    """The score table of some trials."""
    evidence = unpack_trials(trials, design, len(dataset.y_train), len(dataset.y_test))
    counts = Counts.of(evidence, dataset.y_train, dataset.y_test)
    return build_tables(counts, Provenance("label errors", dataset.fingerprint, {}, {}))[0]


def next_class(noisy: Dataset) -> Dataset:
    """The same samples flipped, each to the class after its own."""
    assert noisy.clean_labels is not None
    after = (noisy.clean_labels + 1) % noisy.classes
    return replace(noisy, y_train=np.where(noisy.flipped, after, noisy.clean_labels).astype(np.int32))


def show_suspects(table: ScoreTable, dataset: Dataset) -> None:
    """Print how well the suspects and their suggested labels are those that were flipped."""
    errors, flipped = label_errors(table), dataset.flipped
    assert dataset.clean_labels is not None
    assert errors.suspected is not None
    rank = np.empty(len(flipped))
    rank[errors.order] = -np.arange(len(flipped))
    suspected = errors.order[: errors.suspected]
    true = suspected[flipped[suspected]]
    right = table["vote_label"] == dataset.clean_labels
    print(
        f"       suspects: AUROC {auroc(rank, flipped):.4f}  {len(suspected)} suspected, precision "
        f"{len(true) / max(1, len(suspected)):.3f} (expected {errors.precision or 0:.3f}), recall "
        f"{len(true) / flipped.sum():.3f}  suggested labels right for {right[true].mean() if len(true) else 0:.3f} of "
        f"these errors, {right[flipped].mean():.3f} of all",
        flush=True,
    )


def show(name: str, dataset: Dataset, recipe: Recipe, trials: int, *, after: bool = False) -> None:
    """Train the trials and print the results, at a few sizes of the study."""
    design, noisy = Design(), flip_labels(dataset, 0.1, seed=0)
    if after:
        noisy = next_class(noisy)
    data = DeviceData.of(noisy, torch.device("cpu"))
    found: list[Trial] = []
    started = time.perf_counter()
    print(f"{name}: {len(noisy.y_train)} training images, {noisy.flipped.sum()} labels flipped", flush=True)
    for unit in units(recipe, trials):
        found += train_unit(data, recipe, design, unit)
        if len(found) not in (20, 50, 100, trials):
            continue
        table = table_of(found, noisy, design)
        checks = table.meta["checks"]
        mem = table["mem"].astype(np.float64)
        print(
            f"  {len(found):4} trials  AUROC {auroc(mem, noisy.flipped):.4f}  in-sample "
            f"{table.meta['in_sample_accuracy']:.4f}  held out {table.meta['held_out_accuracy']:.3f}  mem of errors "
            f"{mem[noisy.flipped].mean():.3f}, of the others {mem[~noisy.flipped].mean():.3f}  split-half ratio "
            f"{checks['split_half_ratio']:.3f}, r {checks['split_half_correlation']:.3f}  reliability "
            f"{checks['reliability']:.3f}  {time.perf_counter() - started:.0f} s",
            flush=True,
        )
        show_suspects(table, noisy)


def main() -> None:
    """Run on digits, and on Fashion-MNIST if given."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--fashion", type=Path, help="folder of Fashion-MNIST's official files")
    parser.add_argument("--next-class", action="store_true", help="flip to the class after the true one")
    parser.add_argument("--epochs", type=int, default=FASHION.epochs, help="epochs on Fashion-MNIST")
    parser.add_argument("--learning-rate", type=float, default=FASHION.learning_rate, help="on Fashion-MNIST")
    chosen = parser.parse_args()
    prepare(torch.device("cpu"))
    show("digits", load_source("digits"), RECIPES["digits"], chosen.trials, after=chosen.next_class)
    if chosen.fashion is not None:
        fashion = load_source("fashion_mnist", SourceOptions(root=chosen.fashion))
        recipe = FASHION.model_copy(update={"epochs": chosen.epochs, "learning_rate": chosen.learning_rate})
        show("Fashion-MNIST", first_of_each_class(fashion, PER_CLASS), recipe, chosen.trials, after=chosen.next_class)


if __name__ == "__main__":
    main()
