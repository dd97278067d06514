"""What one training says of mem before any trial: `python benchmarks/preview.py [--cache FOLDER]`.

On the bed of benchmarks/heads.py: the mean loss of each sample over the epochs of one training on all samples (the
cumulative sample loss of Ravikumar et al., "Towards memorization estimation: fast, formal and free", 2025), how often
it was forgotten (Toneva et al., 2019), and the same means over ten trainings, beside mem after the first blocks of ten
trials, by bits and by margins. Each is compared with mem of the trials that were not used: rank correlation, area under
the curve for mem >= 0.25, and the share of the 5 % that rank highest whose mem is 0.25 or more. Half a minute of CPU
where the bed is filled.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from scipy.stats import rankdata
from torch.nn.functional import cross_entropy

from benchmarks import margins
from benchmarks.heads import CLASSES, RECIPE, blocks_in, default_cache, fill, load_bed, load_trials
from benchmarks.machine import header
from memscore.arrays import Bools, Float64
from memscore.learning.data import DeviceData, flat_inputs
from memscore.learning.optimization import optimizer_of, set_learning_rate
from memscore.learning.stack import flattened, stack_logits, stack_loss, stack_order
from memscore.learning.stacked_mlp import StackedMLP
from memscore.statistics.margin_estimates import margin_memorization
from memscore.study.randomness import seed_for
from memscore.study.spec import BLOCK

MEMORIZED = 0.25
TRAININGS, SPLITS = 10, 5


def followed(data: DeviceData, seed: int) -> tuple[Float64, Float64]:
    """One training on all samples: each one's mean loss over the epochs, and how often it was forgotten, each [n]."""
    samples, count = flattened(data.x_train), len(data.y_train)
    membership = np.ones((1, count), bool)
    model = StackedMLP.initial(1, samples.shape[1], RECIPE.hidden, CLASSES, seed_for("preview", seed))
    optimizer = optimizer_of(RECIPE, model.parameters(), data.device)
    batches = -(-count // RECIPE.batch_size)
    loss, forgotten, before = torch.zeros(count), torch.zeros(count), torch.zeros(count, dtype=torch.bool)
    for epoch in range(RECIPE.epochs):
        order, weight = stack_order(membership, ("preview", seed), epoch)
        for batch in range(batches):
            set_learning_rate(optimizer, RECIPE, epoch * batches + batch, RECIPE.epochs * batches)
            part = slice(batch * RECIPE.batch_size, (batch + 1) * RECIPE.batch_size)
            chosen = order[:, part]
            optimizer.zero_grad(set_to_none=True)
            stack_loss(model(flat_inputs(samples[chosen])), data.y_train[chosen], weight[:, part]).backward()
            optimizer.step()
        logits = stack_logits(model, samples)[0]
        loss += cross_entropy(logits, data.y_train, reduction="none")
        right = logits.argmax(1) == data.y_train
        forgotten += before & ~right
        before = right
    return loss.double().numpy() / RECIPE.epochs, forgotten.double().numpy()


def shares(signal: Float64, truth: Float64) -> tuple[float, float, float]:
    """Rank correlation with the truth, area under the curve, and precision among the 5 % that rank highest."""
    strong: Bools = truth >= MEMORIZED
    ranks = rankdata(signal)
    positives, negatives = strong.sum(), (~strong).sum()
    area = (ranks[strong].sum() - positives * (positives + 1) / 2) / (positives * negatives)
    first = np.argsort(-signal, kind="stable")[: len(signal) // 20]
    return float(np.corrcoef(ranks, rankdata(truth))[0, 1]), float(area), float(strong[first].mean())


def told(name: str, found: list[tuple[float, float, float]]) -> None:
    """Print the means and standard deviations over repetitions."""
    values = np.array(found)
    print(f"{name:44}" + "".join(f"{m:8.3f} ±{s:.3f}" for m, s in zip(values.mean(0), values.std(0), strict=True)))


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=default_cache(), help="folder of the bed")
    cache: Path = parser.parse_args().cache
    print(header("one training against the first trials"))
    if not fill(cache):
        return
    trials = load_trials(cache, blocks_in(cache))
    bed = margins.Bed(trials)
    start = time.process_time()
    data = DeviceData.of(load_bed(cache).dataset(), torch.device("cpu"))
    runs = [followed(data, seed) for seed in range(TRAININGS)]
    print(f"CPU seconds: a training with its losses {(time.process_time() - start) / TRAININGS:.2f}", end=", ")
    print(f"a trial of a block {trials.seconds:.2f}")
    truth = bed.bits(np.arange(bed.blocks)).estimate
    print(f"truth from {BLOCK * bed.blocks} trials; {(truth >= MEMORIZED).mean():.1%} have mem >= {MEMORIZED}")
    print(f"{'':44}    rank corr.    AUROC         precision of the first 5 %")
    told("loss, one training", [shares(loss, truth) for loss, _ in runs])
    told("forgetting, one training", [shares(forgotten, truth) for _, forgotten in runs])
    told("loss, mean of ten trainings", [shares(np.mean([loss for loss, _ in runs], axis=0), truth)])
    for blocks in (1, 2, 3, 5):
        found: list[list[tuple[float, float, float]]] = [[], []]
        for seed in range(SPLITS):
            chosen, rest = bed.split(blocks * BLOCK, seed)
            held = bed.bits(rest).estimate
            estimates = bed.bits(chosen).estimate, margin_memorization(bed.model(chosen)).estimate
            for rows, estimate in zip(found, estimates, strict=True):
                rows.append(shares(np.nan_to_num(estimate), held))
        for rows, name in zip(found, ("bits", "margins"), strict=True):
            told(f"mem by {name}, {blocks * BLOCK} trials", rows)


if __name__ == "__main__":
    main()
