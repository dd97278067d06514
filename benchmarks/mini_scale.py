"""Which small settings memorize under attack: `python benchmarks/mini_scale.py`, after `memscore reproduce fig1`.

The paper's findings presuppose that PGD training fits the atypical training samples, under attack too. For each
candidate (network, epsilon, epochs, learning rate) one training on the five classes of Fashion-MNIST that replace
CIFAR-100 at mini scale, with the scores of the study that `memscore reproduce fig1` has made: accuracy on the atypical
training samples that it was trained on, clean and under PGD-20, at its best adversarial epoch and at its last. A
candidate will do if its last network fits over 90 % of them, and clearly more under attack than the best one. Test
samples are not looked at. About 15 minutes of CPU; `--only N` trains candidate N alone.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

import memscore
from benchmarks.machine import header
from memscore.datasets import load_source
from memscore.datasets.dataset import Dataset
from memscore.datasets.options import SourceOptions
from memscore.workflows.reproduction.studies import DEBIAN
from trainer.experiments.inputs import Finished, correct
from trainer.experiments.miniature import MINIATURES
from trainer.experiments.run import CONTENDERS, compared
from trainer.experiments.scales import CIFAR100, RESNET18, setting
from trainer.run import train
from trainer.scores import TrainingScores, pull

NARROW, WIDE = ({"network": "cnn", "network_options": {"width": width}} for width in (16, 32))
SMALL, LARGE = ({"network": "mlp", "network_options": {"hidden": (width, width)}} for width in (512, 1024))
EARLIER = {"epochs": 30, "learning_rate": 0.02}
CANDIDATES: tuple[dict[str, Any], ...] = (
    {**NARROW, **EARLIER, "epsilon": 0.05},
    {**NARROW, **EARLIER, "epsilon": 0.03},
    {**NARROW, **EARLIER, "epsilon": 0.02},
    {**WIDE, **EARLIER, "epsilon": 0.03},
    {**SMALL, "epochs": 60, "learning_rate": 0.02, "epsilon": 0.03},
    {**SMALL, "epochs": 60, "learning_rate": 0.05, "epsilon": 0.02},
    {**SMALL, "epochs": 120, "learning_rate": 0.05, "epsilon": 0.05},
    {**SMALL, "epochs": 120, "learning_rate": 0.05, "epsilon": 0.03},
    {**SMALL, "epochs": 120, "learning_rate": 0.05, "epsilon": 0.02},
    {**LARGE, "epochs": 120, "learning_rate": 0.05, "epsilon": 0.02},
)


def fitted(dataset: Dataset, scores: TrainingScores, candidate: dict[str, Any], folder: Path) -> list[str]:
    """Train a candidate; the cells of its row: fitted at the best and the last epoch, clean and attacked."""
    one = setting("mini", CIFAR100, RESNET18, extra=candidate)
    run = compared(one, CONTENDERS[0], 0, along=False)
    train(dataset, "fashion-5", run.config(), scores, folder)
    cells: list[str] = []
    for checkpoint in ("best-adversarial", "last"):
        samples = Finished(run, folder).samples("train", checkpoint)
        atypical = samples["atypical"].filled(False) & samples["trained"].filled(False)
        cells += [f"{100 * correct([samples], attack, atypical).mean():.1f} %" for attack in ("clean", "pgd")]
    return cells


def main() -> None:
    """Train the candidates and print a row for each as it comes."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--study", default="reproduce-fashion-5")
    options.add_argument("--only", type=int, choices=range(len(CANDIDATES)))
    given = options.parse_args()
    torch.set_num_threads(1)
    print(header("Atypical training samples fitted by PGD training, in small settings"), flush=True)
    dataset = MINIATURES["fashion-5"].of(load_source("fashion_mnist", SourceOptions(root=DEBIAN)))
    study = memscore.Study.open(given.study)
    scores = pull(study.client, study.id)
    heads = ("network", "epsilon", "epochs", "rate", "best: clean", "best: PGD-20", "last: clean", "last: PGD-20", "s")
    print(f"\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for number, candidate in enumerate(CANDIDATES):
        if given.only in (None, number):
            began = time.perf_counter()
            with tempfile.TemporaryDirectory() as folder:
                cells = fitted(dataset, scores, candidate, Path(folder))
            size = next(iter(candidate["network_options"].values()))
            about = [f"{candidate['network']} {size}", *(str(candidate[name]) for name in ("epsilon", "epochs"))]
            seconds = f"{time.perf_counter() - began:.0f}"
            print(f"| {' | '.join([*about, str(candidate['learning_rate']), *cells, seconds])} |", flush=True)


if __name__ == "__main__":
    main()
