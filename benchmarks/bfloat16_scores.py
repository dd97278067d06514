"""Compare scores from bfloat16 training with those from float32: `python benchmarks/bfloat16_scores.py`.

Digits with 10 % flipped labels, recipe digits, three studies: float32 with two seeds, and bfloat16. Prints how well mem
agrees for each pair of studies; the two float32 studies are the baseline for the effect of bfloat16. One thread.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

from memscore.datasets import load_source
from memscore.datasets.label_noise import flip_labels
from memscore.learning.data import DeviceData
from memscore.learning.unit import prepare, train_unit
from memscore.scores.comparison import compare
from memscore.scores.sets import Thresholds
from memscore.scores.table_builder import Provenance, build_tables
from memscore.scores.tables import ScoreTable
from memscore.statistics.counts import Counts
from memscore.study.evidence import unpack_trials
from memscore.study.recipes import RECIPES
from memscore.study.spec import Design, Recipe
from memscore.study.subsets import units


def main() -> None:
    """Train the three studies and compare them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=200)
    trials = parser.parse_args().trials
    device = torch.device("cpu")
    prepare(device)
    dataset = flip_labels(load_source("digits"), 0.1, seed=0)
    data = DeviceData.of(dataset, device)

    def study(recipe: Recipe, seed: int) -> ScoreTable:
        design = Design(seed=seed)
        found = [trial for unit in units(recipe, trials) for trial in train_unit(data, recipe, design, unit)]
        evidence = unpack_trials(found, design, len(dataset.y_train), len(dataset.y_test))
        counts = Counts.of(evidence, dataset.y_train, dataset.y_test)
        return build_tables(counts, Provenance(f"{recipe.precision} {seed}", dataset.fingerprint, {}, {}))[0]

    exact = RECIPES["digits"]
    tables = [study(exact, 0), study(exact, 1), study(exact.model_copy(update={"precision": "bfloat16"}), 2)]
    print(f"digits, 10 % of the labels flipped, {trials} trials each")
    for table in tables:
        accuracy, mean = table.meta["in_sample_accuracy"], table["mem"].mean()
        print(f"  {table.meta['study']:10} in-sample {accuracy:.4f}, mean mem {mean:.4f}")
    for a, b in ((0, 1), (0, 2), (1, 2)):
        found = compare(tables[a], tables[b], Thresholds.atypical)
        gap = tables[a]["mem"] - tables[b]["mem"]
        ratio = np.sqrt((gap**2).mean() / (tables[a]["se"] ** 2 + tables[b]["se"] ** 2).mean())
        print(
            f"  {tables[a].meta['study']} / {tables[b].meta['study']}: Pearson {found.pearson:.4f}, corrected "
            f"{found.corrected:.4f}, mean difference {found.mean_difference:+.4f}, over its error {ratio:.3f}"
        )


if __name__ == "__main__":
    main()
