"""Builder of both tables of a study from counts: the score table's columns, warnings and self-checks."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from memscore.arrays import Columns, Float64, Int32, Int64
from memscore.scores.pairs_builder import build_pairs, share_of
from memscore.scores.tables import PAIRS_FLOOR, PairsTable, ScoreTable
from memscore.statistics.counts import Counts
from memscore.statistics.estimates import Difference, Halves, SufficientStatistics, halves, memorization, reliability
from memscore.statistics.fit import INTERPOLATES, has_learned, majority_share
from memscore.statistics.margin_estimates import MarginModel, margin_memorization
from memscore.statistics.output_counts import ProbabilityCounts
from memscore.statistics.privacy import attack, sample_risk
from memscore.statistics.similarity import Similarity
from memscore.study.margins import CERTAIN, UNIT

CALIBRATED = (0.9, 1.1)
"""Range of the split-half ratio; outside it, the standard errors are wrong."""

UNEVEN = 0.9
"""Share of the most frequent class above which guessing is too good for models to be told from it."""

CALIBRATION_TRIALS = 100
"""Minimum number of trials to judge the split-half ratio."""

AGREE = 1.2
"""RMS difference of mem by bits and by margins, over the predicted one, above which the two estimates disagree."""


@dataclass(frozen=True)
class Provenance:
    """The origin of a table, for its metadata."""

    study: str
    fingerprint: str
    recipe: dict[str, Any]
    design: dict[str, Any]
    networks: int = 1
    """The number of different networks that trained the models: more than one if the network's code has changed."""


def build_tables(
    counts: Counts,
    provenance: Provenance,
    similarity: Similarity | None = None,
    tick: Callable[[], None] = lambda: None,
) -> tuple[ScoreTable, PairsTable]:
    """Build both tables of a study; the cost grows with samples and same-class pairs, not with trials.

    similarity: of the dataset's samples; without it, pairs have no weighted q-values and no posteriors. `tick` is
    called between steps of some seconds.
    """
    statistics = counts.statistics
    tested = len(counts.test_labels) > 0
    mem = memorization(statistics)
    even, odd = memorization(counts.even), memorization(counts.odd)
    agreement = halves(even, odd, counts.even.trials / max(1, counts.trials))
    margin_columns, margin_meta = _margins(counts)
    margin_ratio, margin_ratio_error = _margin_ratio(counts, even, odd)
    meta: dict[str, Any] = {
        "study": provenance.study,
        "fingerprint": provenance.fingerprint,
        "recipe": provenance.recipe,
        "design": provenance.design,
        "trials": counts.trials,
        "full_trials": counts.full_trials,
        "probability_trials": counts.probability.trials,
        "in_sample_accuracy": round(statistics.in_sample_accuracy, 6),
        "held_out_accuracy": round(statistics.held_out_accuracy, 6),
        "test_accuracy": round(float(statistics.test_correct.mean()) / max(1, counts.trials), 6) if tested else None,
        **margin_meta,
        "confidence": 0.95,
        "checks": _checks(counts, statistics, mem, agreement)
        | ({} if margin_ratio is None else {"margin_ratio": round(margin_ratio, 6)}),
        "versions": {"numpy": np.__version__, "python": platform.python_version()},
    }
    tick()
    pairs = build_pairs(counts, statistics, mem.estimate, similarity if tested else None, tick)
    meta |= pairs.meta
    scores = ScoreTable.of(
        {
            "mem": mem.estimate,
            "se": mem.standard_error,
            "mem_low": mem.low,
            "mem_high": mem.high,
            "p_in": mem.first,
            "p_out": mem.second,
            "n_in": statistics.n_in,
            "n_out": statistics.n_out,
            "label": counts.train_labels,
            "test_p": share_of(statistics.test_correct, counts.trials),
            "test_label": counts.test_labels,
            "test_infl_max": pairs.strongest,
            "test_infl_index": pairs.strongest_index,
            "test_p_full": share_of(counts.full_correct, counts.full_trials),
            **_probability_columns(counts.probability),
            "mem_even": even.estimate,
            "mem_odd": odd.estimate,
            **margin_columns,
            **_vote_columns(counts),
        },
        {
            **meta,
            "warnings": _warnings(statistics, agreement, counts.train_labels, provenance.networks)
            + _disagreement(counts.margins.trials, margin_ratio, margin_ratio_error),
        },
    )
    return scores, PairsTable.of(pairs.columns, {**meta, "floor": PAIRS_FLOOR, "scope": "same_class"})


def _checks(counts: Counts, statistics: SufficientStatistics, mem: Difference, agreement: Halves) -> dict[str, Any]:
    """Self-checks of the counts; null where undefined. docs/scores.md explains each."""
    values = {
        "zero_sum": zero_sum_residual(counts.weighted_correct, statistics),
        "split_half_ratio": agreement.ratio,
        "split_half_correlation": agreement.correlation,
        "split_half_reliability": agreement.reliability,
        "reliability": reliability(mem),
    }
    return {name: None if value is None else round(value, 6) for name, value in values.items()}


def zero_sum_residual(weighted_correct: Int64, statistics: SufficientStatistics) -> float | None:
    """The largest |sum over all training samples of infl| on one test sample; None if samples differ in n_in.

    None, too, without a test sample.

    weighted_correct int64 [q] is S summed over the training samples. The result is 0 if all subsets have the same
    size, and below 1 / (4 r (1 - r)) if sizes differ by at most one, with r the subset ratio.
    """
    inside, trials = int(statistics.n_in[0]), statistics.trials
    if not 0 < inside < trials or (statistics.n_in != inside).any() or not len(weighted_correct):
        return None
    excess = trials * weighted_correct - len(statistics.n_in) * inside * statistics.test_correct
    return float(np.abs(excess).max() / (inside * (trials - inside)))


def _warnings(statistics: SufficientStatistics, agreement: Halves, labels: Int32, networks: int) -> list[str]:
    found: list[str] = []
    if networks > 1:
        found.append(
            f"{networks} versions of the recipe's network trained these models: its code changed between trials. "
            "The scores mix them; give each version its own name and study."
        )
    if not has_learned(statistics.in_sample_accuracy, labels):
        found.append(
            f"The models have learned nothing: mean in-sample accuracy is {statistics.in_sample_accuracy:.3f}, and the "
            f"most frequent class alone gives {majority_share(labels):.3f}. Lower the recipe's learning_rate, or give "
            "it a warmup."
        )
    elif statistics.in_sample_accuracy < INTERPOLATES:
        found.append(
            f"The recipe does not interpolate: mean in-sample accuracy is {statistics.in_sample_accuracy:.3f}, below "
            f"{INTERPOLATES}, so mem measures under-fitting. Train longer or use a larger network."
        )
    elif majority_share(labels) <= UNEVEN and not has_learned(statistics.held_out_accuracy, labels):
        found.append(
            "On samples that they did not train on, models do no better than guessing: mean held-out accuracy is "
            f"{statistics.held_out_accuracy:.3f}; the most frequent class alone gives {majority_share(labels):.3f}. "
            "Nothing generalizes, so that mem does not tell rare samples from others."
        )
    undefined = int(((statistics.n_in == 0) | (statistics.n_out == 0)).sum())
    if undefined:
        found.append(
            f"{undefined} samples were never held out, or never trained on: their mem is undefined (NaN). "
            "Run more trials."
        )
    if (
        statistics.trials >= CALIBRATION_TRIALS
        and agreement.ratio is not None
        and agreement.ratio_error is not None
        and not is_calibrated(agreement.ratio, agreement.ratio_error)
    ):
        meaning = "too small" if agreement.ratio > 1 else "too large"
        found.append(
            f"Two halves of the trials differ {agreement.ratio:.2f} times as much as their standard errors predict: "
            f"standard errors and intervals are {meaning}. The trials are not independent draws of one recipe."
        )
    return found


def is_calibrated(ratio: float, ratio_error: float) -> bool:
    """Whether a split-half ratio is within 10 %, or four standard errors, of 1."""
    low, high = CALIBRATED
    return min(low, 1 - 4 * ratio_error) <= ratio <= max(high, 1 + 4 * ratio_error)


def _vote_columns(counts: Counts) -> Columns:
    """What held-out trials say of the labels; no columns if no trial recorded margins."""
    margins = counts.margins
    if not margins.trials:
        return {}
    label, votes = counts.votes.leading(len(counts.train_labels))
    test_label, test_votes = counts.test_votes.leading(len(counts.test_labels))
    n_out = margins.n_out
    undefined = np.full(len(n_out), np.nan)
    return {
        "vote_label": label,
        "vote_share": np.divide(votes, n_out, out=undefined.copy(), where=n_out > 0),
        "margin_out": np.divide(margins.sum_out, UNIT * n_out, out=undefined, where=n_out > 0),
        "test_vote_label": test_label,
        "test_vote_share": test_votes / margins.trials,
    }


def _probability_columns(counts: ProbabilityCounts) -> Columns:
    """The columns of the true-class probability; the standard error is that of a difference of two means."""

    def side(total: Int64, squares: Int64, n: Int64) -> tuple[Float64, Float64]:
        """The mean and its variance: NaN below one and two trials, respectively."""
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(n > 0, total / (CERTAIN * n), np.nan)
            return mean, np.where(n > 1, (n * squares - total**2) / (CERTAIN**2 * n**2 * (n - 1.0)), np.nan)

    inside, variance_in = side(counts.sum_in, counts.squares_in, counts.n_in)
    outside, variance_out = side(counts.sum_out, counts.squares_out, counts.n_out)
    return {
        "mem_prob": inside - outside,
        "se_prob": np.sqrt(variance_in + variance_out),
        "prob_in": inside,
        "prob_out": outside,
        "test_prob": share_of(counts.test_sum, CERTAIN * counts.trials),
    }


def _margins(counts: Counts) -> tuple[Columns, dict[str, Any]]:
    """Columns and metadata of mem and risk by margins; none if no trial recorded them."""
    margin = counts.margins
    if not margin.trials:
        return {}, {}
    model = MarginModel.of(margin)
    mem, risk = margin_memorization(model), sample_risk(model)
    columns = {
        "mem_margin": mem.estimate,
        "se_margin": mem.standard_error,
        "mem_margin_low": mem.low,
        "mem_margin_high": mem.high,
        "z_in": model.inside.z,
        "z_out": model.outside.z,
        "risk": risk.estimate,
        "se_risk": risk.standard_error,
    }
    meta: dict[str, Any] = {
        "margin_trials": margin.trials,
        "margin_priors": [model.inside.prior, model.outside.prior],
    }
    found = attack(margin, model, counts.targets)
    if found is not None:
        measured = {f"tpr_at_{rate:g}": one for rate, one in found.true_positives.items()} | {"auc": found.auc}
        meta["privacy"] = {
            "targets": found.targets,
            **{name: [round(value, 6) for value in (one.value, one.low, one.high)] for name, one in measured.items()},
        }
    return columns, meta


def _margin_ratio(counts: Counts, even: Difference, odd: Difference) -> tuple[float | None, float]:
    """RMS difference of mem by bits and by margins over the predicted one, and the ratio's standard error.

    Bits of each half of the blocks are compared with margins of the other half, since both estimates from the same
    trials share most of their error. The bits' trials of the other half need no margins.
    """
    if not (counts.margin_even.trials and counts.margin_odd.trials):
        return None, 0.0
    by_margins = [margin_memorization(MarginModel.of(half)) for half in (counts.margin_odd, counts.margin_even)]
    found = [halves(bits, margins) for bits, margins in zip((even, odd), by_margins, strict=True)]
    ratios = [(one.ratio, one.ratio_error) for one in found if one.ratio is not None and one.ratio_error is not None]
    if len(ratios) < 2:
        return None, 0.0
    squares = [ratio**2 for ratio, _ in ratios]
    return float(np.mean(squares)) ** 0.5, max(error for _, error in ratios)


def _disagreement(trials: int, ratio: float | None, ratio_error: float) -> list[str]:
    if trials < CALIBRATION_TRIALS or ratio is None or ratio <= max(AGREE, 1 + 4 * ratio_error):
        return []
    return [
        f"mem by margins differs from mem by correctness {ratio:.2f} times as much as their errors predict: the "
        "margins of these models are not normal. Rely on mem, not on mem_margin and its interval."
    ]
