"""How often seeds of one method are called different: `python benchmarks/equal_methods.py`.

Trains PGD at mini scale (`fashion-5`, `cnn-16`) with many seeds, and compares groups of them with other groups by the
interval and the verdict of `memscore reproduce`: on all test samples and those of each class, clean and under PGD-20.
All networks come from one method, so that every difference is chance: at the level of 95 %, at most 5 % of the
comparisons may be called different. Half a minute of CPU for each seed (`--seeds 12`); `--cache FOLDER` keeps what is
trained. Needs Fashion-MNIST's official files, as in Debian's package dataset-fashion-mnist.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from itertools import combinations
from pathlib import Path

import numpy as np
import torch

from benchmarks.machine import header
from memscore.arrays import Bools, Labels
from memscore.datasets import load_source
from memscore.datasets.dataset import Dataset
from memscore.datasets.options import SourceOptions
from memscore.learning.data import pixels
from memscore.workflows.reproduction.studies import DEBIAN
from trainer.attacks import Attack, cross_entropy, survives
from trainer.experiments.miniature import MINIATURES
from trainer.experiments.run import CONTENDERS, compared
from trainer.experiments.scales import CIFAR100, RESNET18, setting
from trainer.experiments.verdict import above
from trainer.interval import difference
from trainer.run import train_network

COMPARISONS = 300
"""Pairs of groups of a size, drawn at random without repetition from all."""


def right(dataset: Dataset, seed: int) -> Bools:
    """Train with a seed; correctness [2, test samples], clean and under PGD-20."""
    config = compared(setting("mini", CIFAR100, RESNET18), CONTENDERS[0], seed, along=False).config()
    network = train_network(dataset, config)
    images = pixels(torch.from_numpy(np.asarray(dataset.x_test)))
    labels = torch.from_numpy(np.asarray(dataset.y_test)).long()
    attack = Attack(epsilon=config.epsilon, steps=20, step_size=config.epsilon / 10)
    generator = torch.Generator().manual_seed(0)
    clean = torch.cat([network(part).argmax(1) for part in images.split(500)]) == labels
    robust = [
        survives(network, part, truth, cross_entropy, attack, generator=generator)
        for part, truth in zip(images.split(500), labels.split(500), strict=True)
    ]
    return np.stack([clean.numpy(), torch.cat(robust).numpy()])


def kept(dataset: Dataset, seed: int, cache: Path) -> Bools:
    """The same, trained once for each cache folder."""
    file = cache / f"pgd-{seed}.npy"
    if not file.exists():
        began = time.perf_counter()
        np.save(file, right(dataset, seed))
        print(f"seed {seed}: {time.perf_counter() - began:.0f} s", flush=True)
    return np.load(file)


def pairs_of_groups(seeds: int, size: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Disjoint groups of `size` seeds, each pair once; at most COMPARISONS of them."""
    every = [
        (one, other)
        for one in combinations(range(seeds), size)
        for other in combinations(range(seeds), size)
        if one < other and not set(one) & set(other)
    ]
    return random.Random(0).sample(every, min(len(every), COMPARISONS))


def compare(rights: Bools, labels: Labels, size: int) -> tuple[int, int, int]:
    """Comparisons of groups of `size` seeds, intervals that exclude 0, and verdicts that call them different.

    rights: bool [seeds, 2, test samples].
    """
    masks = [np.ones(len(labels), np.bool_), *(labels == label for label in np.unique(labels))]
    made = excluding = different = 0
    for one, other in pairs_of_groups(len(rights), size):
        for attack in range(2):
            for mask in masks:
                found = difference(rights[list(one), attack][:, mask], rights[list(other), attack][:, mask])
                made += 1
                excluding += found.low > 0 or found.high < 0
                different += above("higher", "here", "", found).verdict in ("confirmed", "contradicted")
    return made, excluding, different


def main() -> None:
    """Train, compare, and print the shares."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seeds", type=int, default=12)
    options.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "memscore-equal-methods")
    given = options.parse_args()
    given.cache.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    print(header(f"{given.seeds} seeds of one method, PGD at mini scale, compared with each other"), flush=True)
    dataset = MINIATURES["fashion-5"].of(load_source("fashion_mnist", SourceOptions(root=DEBIAN)))
    rights = np.stack([kept(dataset, seed, given.cache) for seed in range(given.seeds)])
    means = 100 * rights.mean(axis=2)
    print(f"\nclean {means[:, 0].mean():.1f} ± {means[:, 0].std(ddof=1):.1f} %, ", end="")
    print(f"PGD-20 {means[:, 1].mean():.1f} ± {means[:, 1].std(ddof=1):.1f} %, over seeds\n")
    print("| seeds against seeds | comparisons | intervals that exclude 0 | called different |\n|---|---|---|---|")
    for size in (1, 2, 3, 5):
        if 2 * size <= given.seeds:
            made, excluding, different = compare(rights, np.asarray(dataset.y_test), size)
            print(f"| {size} | {made:,} | {100 * excluding / made:.1f} % | {100 * different / made:.1f} % |")


if __name__ == "__main__":
    main()
