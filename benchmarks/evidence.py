"""What the same trials say, with and without margins, in one run: `python benchmarks/evidence.py [--cache FOLDER]`.

On the bed of benchmarks/heads.py: mem and privacy risk (`benchmarks/margins.py` has the details), pairs, posteriors and
sets from the tables that a study would have, against the correctness bits of all trials that were not used. Estimates
come from blocks drawn at random; means and standard deviations are over these splits. Then the stored tables of
docs/results/cifar100-10, which have bits alone, if the images of CIFAR-100 are at hand. Some minutes of CPU where the
bed is filled.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import margins
from benchmarks.heads import DESIGN, THRESHOLD, Bed, Trials, blocks_in, default_cache, fill, load_bed, load_trials
from benchmarks.machine import header
from memscore.arrays import Bools, Float64, Indices
from memscore.scores.sets import Rule, Thresholds, split
from memscore.scores.table_builder import Provenance, build_tables
from memscore.scores.tables import PairsTable, ScoreTable
from memscore.statistics.counts import ClassGroup, Counts, class_groups
from memscore.statistics.significance import PairTest, benjamini_hochberg
from memscore.statistics.similarity import Similarity, correlation, pixel_correlation, rank_bins, weights
from memscore.study.evidence import Evidence, Margins, Mistakes
from memscore.study.randomness import random_order
from memscore.study.spec import BLOCK

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


def pairs_and_sets(bed: Bed, trials: Trials, count: int, splits: int) -> None:
    """Pairs found, their ranking, posteriors and sets at this number of trials."""
    groups = class_groups(bed.y_train, bed.y_test)
    alike = Similarity(
        [rank_bins(correlation(bed.train_bytes[group.train], bed.test_bytes[group.test])) for group in groups]
    )
    total = len(trials.membership)
    rows: list[dict[str, float]] = []
    for seed in range(splits):
        order = random_order(total // BLOCK, "margins", seed)
        every = (order[:, None] * BLOCK + np.arange(BLOCK)).ravel()
        used, rest = every[:count], every[count:]
        truth = Truth(trials, rest, groups)
        evidence = evidence_of(trials, used)
        counts = Counts.of(evidence, bed.y_train, bed.y_test, DESIGN)
        scores, pairs = build_tables(counts, Provenance("bed", "f" * 64, {}, {}), alike)
        bits = Counts.of(replace(evidence, margins=None), bed.y_train, bed.y_test, DESIGN)
        _, plain = build_tables(bits, Provenance("bed", "f" * 64, {}, {}), alike)
        rows.append(_row(truth, scores, pairs, plain))
    print(f"{count} trials, {splits} splits, truth from {total - count} others")
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        print(f"  {name:64} {values.mean():9.3f} +- {values.std():.3f}")


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
        bins = rank_bins(pixel_correlation(bed.x_train[group.train], bed.x_test[group.test]))
        of_bin = weights(len(group.train))
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
    for count in (100, 200):
        pairs_and_sets(bed, trials, count, chosen.splits)
    stored_tables(bed)


if __name__ == "__main__":
    main()
