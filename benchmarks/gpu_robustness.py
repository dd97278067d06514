"""A short run of adversarial training with scores on one GPU: `python benchmarks/gpu_robustness.py --help`.

Trains a ResNet-18 with PGD-10 by one method (preset paper, except for the number of epochs and a cyclic learning rate),
then evaluates it on all test images with FGSM and PGD-20 in single precision, by the sets of the two tables. Writes
the rows, the epochs and whether each test image survived. With one seed and a short schedule, it shows that training
runs and how fast, not how good a method is.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from memscore.datasets import load_source
from memscore.scores.sets import split
from memscore.scores.tables import PairsTable, ScoreTable
from trainer.data import TrainingData
from trainer.evaluation import EvaluationConfig
from trainer.evaluation.evaluation import evaluate
from trainer.folder import RunFolder
from trainer.learner import Learner
from trainer.loop import Loop
from trainer.network import initial_network, training_device
from trainer.presets import configured
from trainer.stopping import Stop


def main() -> None:
    """Train, evaluate, print and write."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--method", required=True)
    arguments.add_argument("--dataset", required=True, help="a source, such as npz:FILE")
    arguments.add_argument("--scores", type=Path, required=True)
    arguments.add_argument("--pairs", type=Path, required=True)
    arguments.add_argument("--epochs", type=int, required=True)
    arguments.add_argument("--compile", action="store_true")
    arguments.add_argument("--network", default="resnet18")
    arguments.add_argument("--output", type=Path, required=True, help="a folder")
    given = arguments.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    dataset = load_source(given.dataset)
    scores, pairs = ScoreTable.load(given.scores), PairsTable.load(given.pairs)
    scores.require_dataset(dataset.fingerprint, given.dataset)
    sets = split(scores, pairs)
    config = configured(
        given.method,
        "paper",
        network=given.network,
        epochs=given.epochs,
        schedule="cyclic",
        learning_rate=0.2,
        select_on="validation",
        compile=given.compile,
    )
    data = TrainingData(dataset, scores["mem"], config, training_device())
    learner = Learner(initial_network(dataset, config, data.mem.device), config)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        folder = RunFolder(Path(scratch))
        Loop(learner, data, folder).run(Stop())
        metrics = (folder.path / "metrics.jsonl").read_text()
    (given.output / f"{given.method}-metrics.jsonl").write_text(metrics)
    trained = time.perf_counter() - started
    every = [json.loads(line) for line in metrics.splitlines()]
    seconds = [one["cost"]["seconds"] for one in every if "cost" in one]
    print(
        f"{given.method}: {given.epochs} epochs in {trained:.0f} s; seconds in steps: {np.round(seconds, 1).tolist()}"
    )
    if torch.cuda.is_available():
        print(f"{given.method}: peak GPU memory {torch.cuda.max_memory_allocated() / 2**30:.2f} GiB")
    how = EvaluationConfig(epsilon=config.epsilon, attacks=("fgsm", "pgd"), splits=("test",), alarm_samples=0)
    started = time.perf_counter()
    found = evaluate(learner.network, data.device_data, how, sets=sets, mem=scores["mem"])
    print(f"{given.method}: evaluated in {time.perf_counter() - started:.0f} s; sets {sets.counts()}")
    for row in found.rows:
        print(f"{given.method}: {row}")
    samples = found.samples[0]
    survived = {name: samples[f"correct_{name}"].filled(False) for name in ("clean", "fgsm", "pgd")}
    np.savez(given.output / f"{given.method}-test.npz", allow_pickle=False, **survived)


if __name__ == "__main__":
    main()
