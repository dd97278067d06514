"""mem and privacy risk by margins on the bed of benchmarks/heads.py: the numbers of docs/decisions/61-margins.md.

    python benchmarks/margins.py [--cache FOLDER] [--splits 4]

Estimates come from blocks drawn at random, the truth from the correctness bits of all others, whose own variance is
subtracted from squared errors. About a minute of CPU where the bed is filled.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from benchmarks.heads import THRESHOLD, Trials, blocks_in, default_cache, load_trials
from benchmarks.machine import header
from memscore.arrays import Bools, Float64, Indices
from memscore.statistics.estimates import Difference, SufficientStatistics, average_ranks, halves, memorization
from memscore.statistics.margin_estimates import MarginModel, Side, interval, margin_memorization
from memscore.statistics.normal import cdf
from memscore.statistics.output_counts import TARGETS, MarginCounts, TargetMargins
from memscore.statistics.precision import forecast_trials, share_precise, share_settled
from memscore.statistics.privacy import Z_999, area, attack, sample_risk
from memscore.study.margins import UNIT, decode
from memscore.study.randomness import random_order
from memscore.study.spec import BLOCK

GROUPS = (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98)
"""Ends of the groups of true p_out in which coverage is counted."""


class Bed:
    """All trials of the bed, by block: membership, correctness bool and codes int8, [blocks, 10, n] each."""

    def __init__(self, trials: Trials) -> None:
        shape = (-1, BLOCK, trials.membership.shape[1])
        self.membership = trials.membership.reshape(shape)
        self.correct = trials.train.correct.reshape(shape)
        self.codes = trials.train.code.reshape(shape)

    @property
    def blocks(self) -> int:
        """The number of blocks."""
        return len(self.codes)

    def split(self, trials: int, seed: int) -> tuple[Indices, Indices]:
        """Blocks for estimates of this number of trials, and all others for the truth."""
        order = random_order(self.blocks, "margins", seed)
        return order[: trials // BLOCK], order[trials // BLOCK :]

    def bits(self, blocks: Indices) -> Difference:
        """mem by correctness."""
        membership, correct = _flat(self.membership[blocks]), _flat(self.correct[blocks])
        return memorization(
            SufficientStatistics(
                len(correct),
                membership.sum(axis=0),
                (membership & correct).sum(axis=0),
                correct.sum(axis=0),
                np.zeros(1, np.int64),
            )
        )

    def counts(self, blocks: Indices) -> MarginCounts:
        """Sums of margins."""
        codes = _flat(self.codes[blocks])
        return MarginCounts.of(_flat(self.membership[blocks]), codes, np.zeros((len(codes), 1), np.int8))

    def model(self, blocks: Indices) -> MarginModel:
        """The model of margins."""
        return MarginModel.of(self.counts(blocks))

    def companded(self, blocks: Indices) -> Difference:
        """mem by the same model of codes instead of margins."""
        codes, membership = _flat(self.codes[blocks]).astype(np.int64) * 8, _flat(self.membership[blocks])
        sides = [
            Side.of(of.sum(axis=0), np.where(of, codes, 0).sum(axis=0), np.where(of, codes**2, 0).sum(axis=0))
            for of in (membership, ~membership)
        ]
        return margin_memorization(MarginModel(len(codes), *sides))

    def aurora(self, blocks: Indices, *, splines: bool) -> Float64:
        """mem by Aurora: each block's share of right trials regressed on the other blocks' results."""
        margins = decode(self.codes[blocks]).astype(np.int64)
        soft = 1 / (1 + np.exp(-margins / UNIT))
        membership, correct = self.membership[blocks], self.correct[blocks]
        found: list[Float64] = []
        for of in (membership, ~membership):
            said = np.ones_like(margins), correct, margins, margins**2, soft
            sums = [(values * of).sum(axis=1) for values in said]
            n, right, total, squares = sums[:4]
            whole = Side.of(n.sum(axis=0), total.sum(axis=0), squares.sum(axis=0))
            estimate = np.zeros(of.shape[2])
            for block in range(len(blocks)):
                others = [one.sum(axis=0) - one[block] for one in sums]
                side = Side.shrunk(others[0], others[2], others[3], whole.trend, whole.prior)
                features = [np.ones(len(estimate)), cdf(side.z), others[1] / others[0], others[4] / others[0]]
                if splines:
                    z = np.clip(side.z, -4, 4)
                    knots = np.quantile(z, [0.1, 0.3, 0.5, 0.7, 0.9])
                    features += [side.mean / 10, *(np.maximum(z - knot, 0) for knot in knots)]
                table = np.stack(features, axis=1)
                weights = np.linalg.lstsq(table, right[block] / n[block], rcond=None)[0]
                estimate += np.clip(table @ weights, 0, 1) / len(blocks)
            found.append(estimate)
        return found[0] - found[1]


def accuracy(bed: Bed, trials: int, splits: int) -> None:
    """Equivalent trials, settled samples and coverage at this number of trials."""
    errors: dict[str, list[float]] = {}
    rows: list[list[float]] = []
    for seed in range(splits):
        blocks, rest = bed.split(trials, seed)
        truth = bed.bits(rest)
        bits, model = bed.bits(blocks), bed.model(blocks)
        margin = margin_memorization(model)
        estimates = {
            "bits": bits.estimate,
            "margins": margin.estimate,
            "on the codes' scale": bed.companded(blocks).estimate,
            "Aurora, linear": bed.aurora(blocks, splines=False),
            "Aurora, splines": bed.aurora(blocks, splines=True),
        }
        for name, estimate in estimates.items():
            squared = (estimate - truth.estimate) ** 2 - truth.standard_error**2
            errors.setdefault(name, []).append(float(squared.mean()))
        rows.append([value for one in (bits, margin) for value in _intervals(one, truth)])
        inside, outside = model.inside, model.outside
        low, high = interval(inside.z, inside.error, outside.z, outside.error, skewness=0)
        rows[-1].append(float(np.mean((low > THRESHOLD) | (high < THRESHOLD))))
    print(f"{trials} trials, {splits} splits, truth from {BLOCK * bed.blocks - trials} others")
    for name, found in errors.items():
        gains = np.array(errors["bits"]) / np.array(found)
        equivalent = f"equivalent trials x {gains.mean():.2f} +- {gains.std():.2f}"
        print(f"  {name:22} RMSE {np.mean(found) ** 0.5:.4f}   {equivalent}")
    means = np.mean(rows, axis=0)
    size = (len(means) - 1) // 2
    for name, of in (("bits", means[:size]), ("margins", means[size : 2 * size])):
        groups = " ".join(f"{one:.3f}" for one in of[3:])
        print(f"  {name:8} settled {of[0]:.3f}, wrongly {of[1]:.4f}; covered {of[2]:.3f}, by p_out {groups}")
    print(f"  margins without the allowance for skewness: settled {means[-1]:.3f}")


def _intervals(of: Difference, truth: Difference) -> list[float]:
    """Settled, wrongly settled, covered, and covered by group of p_out, where the truth has an interval of its own."""
    above, below = of.low > THRESHOLD, of.high < THRESHOLD
    wrong = (above & (truth.estimate < THRESHOLD)) | (below & (truth.estimate > THRESHOLD))
    under = truth.estimate > of.estimate
    half = np.where(under, of.high - of.estimate, of.estimate - of.low)
    own = np.where(under, truth.estimate - truth.low, truth.high - truth.estimate)
    covered = np.abs(truth.estimate - of.estimate) <= np.hypot(half, own) + 1e-9
    group = np.digitize(truth.second, GROUPS)
    by_group = [float(covered[group == k].mean()) for k in range(len(GROUPS) + 1)]
    return [float((above | below).mean()), float(wrong.mean()), float(covered.mean()), *by_group]


def forecasts(bed: Bed) -> None:
    """Forecasts of the trials until a share is reached, against those needed."""
    order, _ = bed.split(BLOCK * bed.blocks, 0)
    for error, threshold, shares in ((None, THRESHOLD, (0.75, 0.8, 0.85, 0.9)), (0.05, None, (0.8, 0.95))):
        for share in shares:
            needed = None
            for blocks in range(2, min(bed.blocks, 60) + 1):
                model = bed.model(order[:blocks])
                if (share_settled(model, THRESHOLD) if error is None else share_precise(model, error)) >= share:
                    needed = BLOCK * blocks
                    break
            made = [
                forecast_trials(
                    bed.model(order[:blocks]), share=share, ratio=0.7, standard_error=error, threshold=threshold
                )
                for blocks in (2, 3, 5, 10)
            ]
            what = f"settled at {threshold}" if error is None else f"with an error of {error}"
            print(f"  {share} {what}: needed {needed}, forecast at 20, 30, 50, 100 trials {made}")


def privacy(bed: Bed, trials: int) -> None:
    """The attack on whole models, risk against other trials, and the agreement of margins with bits."""
    blocks, rest = bed.split(trials, 0)
    membership, codes = _flat(bed.membership[blocks]), _flat(bed.codes[blocks])
    counts, model = bed.counts(blocks), bed.model(blocks)
    targets = TargetMargins()
    targets.add(np.arange(trials), membership, codes)
    found = attack(counts, model, targets)
    assert found is not None
    told = {**{f"TPR at {rate:.1%}": one for rate, one in found.true_positives.items()}, "AUC": found.auc}
    told_as = ", ".join(f"{name} {one.value:.3f} [{one.low:.3f}, {one.high:.3f}]" for name, one in told.items())
    print(f"{trials} trials: {told_as}")
    rates = _plain_lira(membership, decode(codes) / UNIT)
    print("  LiRA with variances of each sample alone: " + ", ".join(f"{one:.3f}" for one in rates))
    risk = sample_risk(model).estimate
    threshold = model.outside.mean + Z_999 * np.sqrt(model.outside.variance)
    hit, inside = decode(_flat(bed.codes[rest])) / UNIT > threshold, _flat(bed.membership[rest])
    observed = (hit & inside).sum(axis=0) / inside.sum(axis=0)
    tenths = [(risk[part].mean(), observed[part].mean()) for part in np.array_split(np.argsort(risk), 10)]
    print(f"  false alarms {hit[~inside].mean():.4f}; risk, observed by tenths: ", end="")
    print(", ".join(f"{predicted:.3f} {seen:.3f}" for predicted, seen in tenths))
    mem = bed.bits(blocks).estimate
    agreement = np.corrcoef(average_ranks(risk), average_ranks(mem))[0, 1]
    print(f"  risk over .5: {np.mean(risk > 0.5):.3f}, mem over .15: {np.mean(mem > 0.15):.3f}, ranks {agreement:.2f}")
    even, odd = blocks[::2], blocks[1::2]
    ratios = [halves(bed.bits(a), margin_memorization(bed.model(b))).ratio or 0 for a, b in ((even, odd), (odd, even))]
    print(f"  bits against margins of the other half: {np.mean(np.square(ratios)) ** 0.5:.3f} times the predicted")


def _plain_lira(membership: Bools, margins: Float64) -> tuple[float, float, float]:
    """TPR at 0.1 % and 1 %, and AUC, as in Carlini et al.'s code: medians, and a standard deviation a sample."""
    members: list[Float64] = []
    others: list[Float64] = []
    for target in range(TARGETS):
        rest = np.arange(len(margins)) != target
        score = np.zeros(margins.shape[1])
        for sign, of in ((1, membership[rest]), (-1, ~membership[rest])):
            own = np.where(of, margins[rest], np.nan)
            deviation = np.nanstd(own, axis=0) + 1e-30
            score -= sign * (np.log(deviation) + ((margins[target] - np.nanmedian(own, axis=0)) / deviation) ** 2 / 2)
        members.append(score[membership[target]])
        others.append(score[~membership[target]])
    return success(members, others)


def success(members: list[Float64], others: list[Float64]) -> tuple[float, float, float]:
    """True-positive rates at 0.1 % and 1 % false ones over all targets together, and the mean AUC of the targets.

    members and others: the scores of each target's members, and of its other samples.
    """
    ordered = np.sort(np.concatenate(others))[::-1]
    scores = np.concatenate(members)
    first, second = (float(np.mean(scores > ordered[int(rate * len(ordered))])) for rate in (0.001, 0.01))
    return first, second, float(np.mean([area(ins, outs) for ins, outs in zip(members, others, strict=True)]))


def _flat(values: np.ndarray) -> np.ndarray:
    return values.reshape(-1, values.shape[-1])


def main() -> None:
    """Print all of it."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--cache", type=Path, default=default_cache(), help="folder of the bed")
    arguments.add_argument("--splits", type=int, default=4, help="random splits into estimates and truth")
    chosen = arguments.parse_args()
    blocks = blocks_in(chosen.cache)
    print(header(f"margins: {BLOCK * len(blocks)} trials of the bed heads"))
    bed = Bed(load_trials(chosen.cache, blocks))
    for trials in (50, 100, 200):
        accuracy(bed, trials, chosen.splits)
    forecasts(bed)
    for trials in (50, 100, 200):
        privacy(bed, trials)


if __name__ == "__main__":
    main()
