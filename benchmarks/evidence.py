"""What the same trials say, with and without margins, in one run: `python benchmarks/evidence.py [--cache FOLDER]`.

On the bed of benchmarks/heads.py: mem and privacy risk (`benchmarks/margins.py` has the details), pairs, posteriors and
sets from the tables that a study would have, against the correctness bits of all trials that were not used. Estimates
come from blocks drawn at random; means and standard deviations are over these splits. Pairs are weighted by the
features that the bed's networks see, and, as a study of photos would be, by pixels, without and with sketches of full
trials. Then a hundred made studies, whose true influence is known, and the stored tables of docs/results/cifar100-10,
which have bits alone, if the images of CIFAR-100 are at hand. Some minutes of CPU where the bed is filled.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmarks import margins
from benchmarks.heads import (
    DESIGN,
    RECIPE,
    THRESHOLD,
    Bed,
    Trials,
    blocks_in,
    default_cache,
    fill,
    load_bed,
    load_trials,
)
from benchmarks.machine import header
from memscore.arrays import Bools, Float64, Indices
from memscore.datasets.dataset import Dataset
from memscore.files import atomic_write
from memscore.learning.data import DeviceData
from memscore.learning.sketches import stack_sketch
from memscore.learning.stack import train_stack
from memscore.scores.sets import Rule, Thresholds, split
from memscore.scores.table_builder import Provenance, build_tables
from memscore.scores.tables import PairsTable, ScoreTable
from memscore.statistics.counts import ClassGroup, Counts, class_groups
from memscore.statistics.significance import PairTest, benjamini_hochberg
from memscore.statistics.similarity import Similarity, binned, correlation, pixel_correlation, standardized, weights
from memscore.study.evidence import Evidence, Margins, Mistakes
from memscore.study.randomness import random_order
from memscore.study.sketches import SKETCHED, Sketch
from memscore.study.spec import BLOCK
from tests.made_evidence import false_findings, planted_evidence

LEVEL = 0.05
STORED = Path(__file__).parents[1] / "docs/results/cifar100-10"


def evidence_of(trials: Trials, rows: Indices) -> Evidence:
    """The evidence of these trials [t] of the bed, numbered from 0."""
    return Evidence(
        np.arange(len(rows)),
        trials.membership[rows],
        trials.train.correct[rows],
        trials.test.correct[rows],
        margins=Margins(
            trials.train.code[rows],
            trials.test.code[rows],
            _mistakes(trials.train.correct[rows], trials.train.predicted[rows]),
            _mistakes(trials.test.correct[rows], trials.test.predicted[rows]),
        ),
    )


def _mistakes(correct: Bools, predicted: np.ndarray) -> Mistakes:
    trial, sample = np.nonzero(~correct)
    return Mistakes(trial, sample, predicted[trial, sample].astype(np.int64))


class Truth:
    """infl of each pair of a class, and mem, by the bits of the trials not used; and the true atypical test samples."""

    def __init__(self, trials: Trials, rows: Indices, groups: list[ClassGroup]) -> None:
        membership = trials.membership[rows].astype(np.float32)
        inside = membership.sum(axis=0)
        correct, test = trials.train.correct[rows], trials.test.correct[rows].astype(np.float32)
        right_in = (trials.membership[rows] & correct).sum(axis=0)
        self.mem = right_in / inside - (correct.sum(axis=0) - right_in) / (len(rows) - inside)
        self.infl = np.full((len(self.mem), test.shape[1]), -1.0, np.float32)
        self.atypical = np.zeros(test.shape[1], np.bool_)
        for group in groups:
            joint = membership[:, group.train].T @ test[:, group.test]
            n = inside[group.train][:, None]
            infl = joint / n - (test[:, group.test].sum(axis=0) - joint) / (len(rows) - n)
            self.infl[np.ix_(group.train, group.test)] = infl
            strong = (infl >= THRESHOLD) & (self.mem[group.train] > THRESHOLD)[:, None]
            self.atypical[group.test] = strong.any(axis=0)


def average_precision(score: Float64, strong: Bools, positives: int) -> float:
    """The mean precision at each of the strong pairs, in descending order of score [k]; missing ones count as 0."""
    hit = strong[np.argsort(-score, kind="stable")]
    return float((np.cumsum(hit) / np.arange(1, len(hit) + 1))[hit].sum() / positives)


FEATURES = "features"  # what the networks of the bed see


def full_sketches(cache: Path, bed: Bed) -> list[Sketch]:
    """The sketches of five full trials of the bed, which the cache keeps."""
    file = cache / "sketches.npz"
    if not file.is_file():
        data = DeviceData.of(bed.dataset(), torch.device("cpu"))
        membership = np.ones((SKETCHED, len(bed.y_train)), np.bool_)
        model = train_stack(data, RECIPE, membership, (DESIGN.seed, "full", 0))
        made = [stack_sketch(model, number, data, number) for number in range(SKETCHED)]
        known = [one for one in made if one is not None]
        with atomic_write(file) as scratch, scratch.open("wb") as stream:
            np.savez(stream, train=[one.train for one in known], test=[one.test for one in known])
    with np.load(file) as arrays:
        return [Sketch(train, test) for train, test in zip(arrays["train"], arrays["test"], strict=True)]


def similarities_of(bed: Bed, sketches: list[Sketch]) -> dict[str, Similarity]:
    """By the features that the networks see; by the pixels of the photos behind them; by these and sketches.

    The last is what a study of photos has.
    """
    groups = class_groups(bed.y_train, bed.y_test)
    return {
        FEATURES: Similarity(
            [
                binned(standardized(correlation(bed.train_bytes[group.train], bed.test_bytes[group.test])))
                for group in groups
            ]
        ),
        "pixels": Similarity.of_images(groups, bed.x_train, bed.x_test),
        "pixels and sketches": Similarity.of_images(groups, bed.x_train, bed.x_test, sketches),
    }


def pairs_and_sets(
    samples: Bed | Dataset,
    trials: Trials,
    count: int,
    splits: int,
    alike: Similarity,
    others: dict[str, Similarity] | None = None,
    first: int = 0,
) -> None:
    """Pairs found, their ranking, posteriors and sets at this number of trials; what matters by other similarities."""
    y_train, y_test = samples.y_train, samples.y_test
    groups = class_groups(y_train, y_test)
    total = len(trials.membership)
    rows: list[dict[str, float]] = []
    for seed in range(first, first + splits):
        order = random_order(total // BLOCK, "margins", seed)
        every = (order[:, None] * BLOCK + np.arange(BLOCK)).ravel()
        used, rest = every[:count], every[count:]
        truth = Truth(trials, rest, groups)
        evidence = evidence_of(trials, used)
        counts = Counts.of(evidence, y_train, y_test, DESIGN)
        scores, pairs = build_tables(counts, Provenance("bed", "f" * 64, {}, {}), alike)
        bits = Counts.of(replace(evidence, margins=None), y_train, y_test, DESIGN)
        _, plain = build_tables(bits, Provenance("bed", "f" * 64, {}, {}), alike)
        row = _row(truth, scores, pairs, plain)
        for name, similarity in (others or {}).items():
            other = build_tables(counts, Provenance("bed", "f" * 64, {}, {}), similarity)
            row |= {f"{what}, by {name}": value for what, value in _main(truth, *other).items()}
        rows.append(row)
    print(f"{count} trials, {splits} splits from number {first} on, truth from {total - count} others")
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        print(f"  {name:64} {values.mean():9.3f} +- {values.std():.3f}")


def _main(truth: Truth, scores: ScoreTable, pairs: PairsTable) -> dict[str, float]:
    """What matters of a similarity."""
    strong = truth.infl[pairs["train_index"], pairs["test_index"]] >= THRESHOLD
    positives = int((truth.infl >= THRESHOLD).sum())
    named = split(scores, pairs, Thresholds(rule="posterior")).test_atypical
    right = float((named & truth.atypical).sum())
    return {
        "pairs at q <= .05": float(pairs.meta["pairs_found"]),
        "average precision": average_precision(pairs["p_strong"].astype(np.float64), strong, positives),
        "sum of P": pairs.meta["pairs_expected"] / positives,
        "placebo share": pairs.meta["placebo"]["weighted"]["share"],
        "test-atypical: precision": right / max(1, named.sum()),
        "test-atypical: recall": right / truth.atypical.sum(),
    }


def _row(truth: Truth, scores: ScoreTable, pairs: PairsTable, plain: PairsTable) -> dict[str, float]:
    strong = truth.infl[pairs["train_index"], pairs["test_index"]] >= THRESHOLD
    positives = int((truth.infl >= THRESHOLD).sum())
    p = pairs["p_strong"].astype(np.float64)
    sure = p > 0.9
    placebo = pairs.meta["placebo"]["weighted"]
    row = {
        "pairs at q <= .05, plain test of bits": float((pairs["q_value"] <= LEVEL).sum()),
        "pairs at q <= .05, weighted, bits alone": float(plain.meta["pairs_found"]),
        "pairs at q <= .05, weighted, margins": float(pairs.meta["pairs_found"]),
        "average precision of infl >= .15, by infl of bits": average_precision(
            pairs["infl"].astype(np.float64), strong, positives
        ),
        "average precision, by posterior of bits alone": average_precision(
            plain["p_strong"].astype(np.float64),
            truth.infl[plain["train_index"], plain["test_index"]] >= THRESHOLD,
            positives,
        ),
        "average precision, by posterior": average_precision(p, strong, positives),
        "sum of P over the true number of pairs": pairs.meta["pairs_expected"] / positives,
        "P over .9 that came true": float(strong[sure].mean()) if sure.any() else np.nan,
        "placebo pairs: false share of the weighted test": placebo["share"],
    }
    rules: tuple[Rule, ...] = ("raw", "posterior")
    for rule in rules:
        found = split(scores, pairs, Thresholds(rule=rule))
        named = found.test_atypical
        right = float((named & truth.atypical).sum())
        row[f"test-atypical, {rule}: named"] = float(named.sum())
        row[f"test-atypical, {rule}: precision"] = right / max(1, named.sum())
        row[f"test-atypical, {rule}: recall"] = right / truth.atypical.sum()
        if rule == "raw" and found.by_chance is not None:
            row["test-atypical, raw: expected by chance"] = found.by_chance
        if rule == "posterior" and found.expected_false is not None:
            row["test-atypical, posterior: expected false, over observed"] = found.expected_false / max(
                1.0, named.sum() - right
            )
    return row


def made_studies(studies: int = 100) -> None:
    """The share of false ones among what the weighted test finds in made studies, whose true influence is known."""
    print(f"{studies} made studies of 100 trials, 50,000 pairs of which 40 have an influence")
    for margin in (True, False):
        found = np.array([false_findings(planted_evidence(1000 + seed, margins=margin)) for seed in range(studies)])
        share = found[:, 1] / np.maximum(1, found[:, 0])
        error = share.std(ddof=1) / np.sqrt(studies)
        of = "margins" if margin else "bits alone"
        print(
            f"  {of}: {found[:, 0].mean():.1f} pairs found, false share {share.mean():.4f}, standard error {error:.4f}"
        )


def stored_tables(bed: Bed) -> None:
    """Pairs of docs/results/cifar100-10 at q <= .05, plain and weighted by pixels; they come from bits alone."""
    pairs = PairsTable.load(STORED / "pairs.npz")
    scores = ScoreTable.load(STORED / "scores.npz")
    if not np.array_equal(scores["label"], bed.y_train):
        print("docs/results/cifar100-10: not measured, its labels are not those of the bed")
        return
    order = {
        (int(i), int(j)): k for k, (i, j) in enumerate(zip(pairs["train_index"], pairs["test_index"], strict=True))
    }
    groups = class_groups(bed.y_train, bed.y_test)
    hypotheses = sum(len(group.train) * len(group.test) for group in groups)
    weight = np.full(len(pairs), np.nan)
    for group in groups:
        bins = binned(standardized(pixel_correlation(bed.x_train[group.train], bed.x_test[group.test])))
        of_bin = weights(bins)
        for a, b in zip(*np.nonzero(np.ones_like(bins)), strict=True):
            place = order.get((int(group.train[a]), int(group.test[b])))
            if place is not None:
                weight[place] = of_bin[bins[a, b]]
    p = _mid_p(scores, pairs)
    padded = np.concatenate([p / weight, np.ones(hypotheses - len(p))])
    weighted = benjamini_hochberg(np.minimum(padded, 1))[: len(p)]
    found = [int((q <= LEVEL).sum()) for q in (pairs["q_value"], weighted)]
    print("docs/results/cifar100-10, 100 trials of a ResNet-9, bits alone: ", end="")
    print(f"{found[0]} pairs at q <= .05, {found[1]} weighted by pixels")


def _mid_p(scores: ScoreTable, pairs: PairsTable) -> Float64:
    """The mid-p values of a table's pairs, whose counts follow from infl."""
    trials, n_in = scores.trials, scores["n_in"].astype(np.int64)
    correct = np.rint(scores["test_p"].astype(np.float64) * trials).astype(np.int64)
    i, j = pairs["train_index"].astype(np.int64), pairs["test_index"].astype(np.int64)
    inside = n_in[i]
    joint = np.rint((pairs["infl"].astype(np.float64) * inside * (trials - inside) + inside * correct[j]) / trials)
    test = PairTest(n_in, correct, trials)
    return test.p[test.cells_of(joint.astype(np.int64), i, j)]


def main() -> None:
    """Print all of it."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--cache", type=Path, default=default_cache(), help="folder of the bed")
    arguments.add_argument("--splits", type=int, default=4, help="random splits into estimates and truth")
    chosen = arguments.parse_args()
    if not fill(chosen.cache, 200):
        return
    blocks = blocks_in(chosen.cache)
    print(header(f"evidence: {BLOCK * len(blocks)} trials of the bed heads"))
    bed, trials = load_bed(chosen.cache), load_trials(chosen.cache, blocks)
    by_block = margins.Bed(trials)
    for count in (50, 100, 200):
        margins.accuracy(by_block, count, chosen.splits)
        margins.privacy(by_block, count)
    similarities = similarities_of(bed, full_sketches(chosen.cache, bed))
    alike = similarities.pop(FEATURES)
    for count in (100, 200):
        pairs_and_sets(bed, trials, count, chosen.splits, alike, similarities)
    pairs_and_sets(bed, trials, 100, 2 * chosen.splits, alike, similarities, chosen.splits)  # seen once, at the end
    made_studies()
    stored_tables(bed)


if __name__ == "__main__":
    main()
