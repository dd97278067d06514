"""Measure what a trial's evidence takes on disk: `python benchmarks/evidence_storage.py`.

Bytes per sample and trial of bits, margins and mistakes, before and after compression, and the time that this costs;
then the rows of SQLite beside the plan's estimate. For the digits (20 trials of recipe digits), for ten classes of
CIFAR-100 (recipe cifar-small, `--cnn` trials of a minute each), and for blocks of the test bed that `--heads` names.
One thread.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from sqlalchemy import text

from benchmarks.large_study import images, real_images
from memscore.datasets import load_source
from memscore.datasets.dataset import Dataset, build_dataset
from memscore.learning.data import DeviceData
from memscore.learning.unit import prepare, train_unit
from memscore.scores.planning import trial_bytes
from memscore.store import Database, datasets, evidence, open_database, studies
from memscore.store.evidence import LEVEL
from memscore.store.migrate import upgrade
from memscore.study import signatures
from memscore.study.evidence import Outputs, Trial, pack_trial
from memscore.study.recipes import RECIPES
from memscore.study.spec import BLOCK, Design, Recipe, Wanted
from memscore.study.subsets import block_membership, units

CLASSES = 10
REPEATS = 2
ROWS = 200
SIGNATURE = signatures.write("0" * 16, np.arange(1.0, signatures.MOST_OUTPUTS + 1))


def trained(dataset: Dataset, recipe: Recipe, trials: int) -> list[Trial]:
    """Trials trained here."""
    device = torch.device("cpu")
    prepare(device)
    data = DeviceData.of(dataset, device)
    return [trial for unit in units(recipe, trials) for trial in train_unit(data, recipe, Design(), unit)]


def ten_classes() -> Dataset:
    """The first ten classes of CIFAR-100."""
    whole = images()
    parts: list[np.ndarray] = []
    for pixels, labels in ((whole.x_train, whole.y_train), (whole.x_test, whole.y_test)):
        chosen = np.asarray(labels) < CLASSES
        parts += [np.asarray(pixels)[chosen], np.asarray(labels)[chosen]]
    return build_dataset(parts[0], parts[1], parts[2], parts[3], source="cifar100, ten classes")


def of_heads(folder: Path, blocks: int) -> list[Trial]:
    """Trials of the test bed, from its files."""
    found: list[Trial] = []
    for block in range(blocks):
        with np.load(folder / f"block-{block:03d}.npz") as file:
            outputs = {
                part: [Outputs(*row) for row in zip(file[f"{part}_code"], file[f"{part}_predicted"], strict=True)]
                for part in ("train", "test")
            }
            train, test = file["train_correct"], file["test_correct"]
        membership = block_membership(Design(), train.shape[1], block)
        found += [
            pack_trial(
                block * BLOCK + k,
                membership[k],
                train[k],
                test[k],
                device="cpu",
                code_version="0.2.0",
                seconds=1.0,
                train_outputs=outputs["train"][k],
                test_outputs=outputs["test"][k],
            )
            for k in range(BLOCK)
        ]
    return found


def measure(name: str, trials: list[Trial], samples: int, test_samples: int) -> None:
    """Print the sizes of a study's trials, in bytes a sample and trial."""
    each = len(trials) * (samples + test_samples)
    margins = [(trial.train_margin or b"", trial.test_margin or b"") for trial in trials]
    mistakes = sum(len(trial.train_mistakes or b"") + len(trial.test_mistakes or b"") for trial in trials)
    bits = sum(len(trial.train_bits) + len(trial.test_bits) for trial in trials)
    accuracy = np.mean([(trial.in_accuracy, trial.out_accuracy or 0, trial.test_accuracy) for trial in trials], axis=0)
    signed = [replace(trial, network=SIGNATURE) for trial in trials]
    print(f"{name}: {len(trials)} trials, {samples:,} + {test_samples:,} samples", flush=True)
    print(f"  accuracy in-sample {accuracy[0]:.3f}, held out {accuracy[1]:.3f}, test {accuracy[2]:.3f}")
    print(f"  bits {bits / each:.3f}, mistakes {mistakes / each:.3f}, margins {1:.3f}: before compression")
    codes = np.concatenate([np.frombuffer(part, np.int8) for pair in margins for part in pair])
    shares = np.bincount(codes.astype(np.int64) + 128, minlength=256) / len(codes)
    entropy = -np.sum(shares[shares > 0] * np.log2(shares[shares > 0])) / 8
    print(f"  margins as independent draws could take {entropy:.3f}")
    for level in (LEVEL, 6, 9):
        packed, pack_time, unpack_time = 0, np.inf, np.inf
        for _ in range(REPEATS):
            started = time.process_time()
            compressed = [zlib.compress(part, level) for pair in margins for part in pair]
            between = time.process_time()
            for part in compressed:
                zlib.decompress(part)
            packed = sum(map(len, compressed))
            pack_time = min(pack_time, between - started)
            unpack_time = min(unpack_time, time.process_time() - between)
        print(
            f"  margins, zlib level {level}: {packed / each:.3f}; nanoseconds a sample to compress "
            f"{1e9 * pack_time / each:.0f}, to decompress {1e9 * unpack_time / each:.0f}"
        )
    stored(signed, samples, test_samples)


def stored(trials: list[Trial], samples: int, test_samples: int) -> None:
    """Print the size of the rows in SQLite, and the plan's estimate."""
    blank, few = np.zeros((10, 1, 1), np.uint8), np.arange(10) % 2
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(f"sqlite:///{folder}/memscore.db")
        upgrade(database)
        with database.writing() as connection:
            record = datasets.register(connection, "made", build_dataset(blank, few, blank, few, source="made"))
            study = studies.ensure(connection, record, RECIPES["digits"], Design(), "made")
        empty = _pages(database)
        with database.writing() as connection:
            for first in range(0, ROWS, len(trials)):
                numbered = [replace(trial, number=first + k) for k, trial in enumerate(trials)]
                evidence.add(connection, study.id, numbered)
        each = (_pages(database) - empty) / (-(-ROWS // len(trials)) * len(trials))
        with database.reading() as connection:
            outputs = evidence.output_bytes(connection, study.id)
        database.close()
    before = trial_bytes(samples, test_samples, Wanted())
    after = trial_bytes(samples, test_samples, Wanted(), outputs)
    print(
        f"  a trial takes {each:,.0f} bytes of SQLite; the plan says {before:,} before the first trial "
        f"({before / each - 1:+.1%}), then {after:,} ({after / each - 1:+.1%})\n",
        flush=True,
    )


def _pages(database: Database) -> int:
    with database.reading() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
        free = connection.execute(text("PRAGMA freelist_count")).scalar_one()
        return int((pages - free) * connection.execute(text("PRAGMA page_size")).scalar_one())


def main() -> None:
    """Measure each study."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cnn", type=int, default=2, help="trials of the network on CIFAR-100; 0 leaves it out")
    parser.add_argument("--heads", type=Path, help="folder of the test bed")
    arguments = parser.parse_args()
    digits = load_source("digits")
    measure("digits", trained(digits, RECIPES["digits"], 20), len(digits.y_train), len(digits.y_test))
    if arguments.heads is not None:
        measure("heads", of_heads(arguments.heads, 2), 5000, 1000)
    if arguments.cnn and real_images() is not None:
        ten = ten_classes()
        measure("ResNet-9 on ten classes", trained(ten, RECIPES["cifar-small"], arguments.cnn), 5000, 1000)


if __name__ == "__main__":
    main()
