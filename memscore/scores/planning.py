"""Plan of a job: its cost and expected precision, before it runs."""

from __future__ import annotations

import math

import numpy as np

from memscore.arrays import Int64
from memscore.messages.jobs import ExpectedPairs, Plan
from memscore.messages.summaries import PrecisionPoint
from memscore.scores.tables import ATYPICAL, ScoreTable
from memscore.statistics.estimates import SufficientStatistics
from memscore.statistics.margin_estimates import MarginModel, Side
from memscore.statistics.pair_power import EFFECTS, TARGET, PairForecast, pairs_of_classes
from memscore.statistics.precision import Trials, expected_error, expected_precision, forecast_trials
from memscore.study.spec import BLOCK, Design, Recipe, Wanted
from memscore.study.subsets import units

ROW_BYTES = 400
"""Size of a stored trial apart from its samples: digests, the network's signature, times and accuracies."""

START_SECONDS = 10.0
"""Starting Ray and its workers, and importing torch in each, on a quiet machine."""

PAIR_SECONDS = 1.5e-6
"""Building the tables: time for each pair of a training and a test sample of one class, similarity included."""

POINTS = 24
"""Most numbers of trials that precision is forecast for."""

INDEX_BYTES = 70
"""A stored trial's share of the indexes."""

OUTPUT_BYTES = 0.93
"""Bytes a sample of compressed margins and of mistakes: .80 for digits, .99 for a network that is right on two thirds
of the held-out samples (benchmarks/evidence_storage.py). Used until a study has such trials of its own."""


def plan(
    train_samples: int,
    test_samples: int,
    recipe: Recipe,
    design: Design,
    wanted: Wanted,
    *,
    present: list[int],
    full_present: list[int],
    scores: ScoreTable | None,
    seconds_a_trial: float | None,
    timed_on: str | None,
    output_bytes: float | None = None,
    same_class_pairs: int = 0,
) -> Plan:
    """Plan a job on a dataset of this size, for a study with the trials `present` and possibly scores.

    output_bytes: what margins and mistakes take in a stored trial of the study, if it has any. same_class_pairs: pairs
    of a training and a test sample of one class.
    """
    trials = wanted.target.whole_blocks
    missing = units(recipe, trials, present=present)
    missing += units(recipe, wanted.full_trials, full=True, present=full_present)
    new = sum(len(unit.numbers) for unit in missing)
    total = max(trials, len(present))
    error = expected_error(total, design.subset_ratio)
    judged = None if scores is None else judged_trials(scores, wanted)
    return Plan(
        trials=total,
        at_most=wanted.target.precise,
        expected_trials=None if scores is None or judged is None else _expected(scores, judged, design, wanted),
        expected_pairs=[] if scores is None else _expected_pairs(scores, design, wanted, total),
        by_margins=isinstance(judged, MarginModel) if judged is not None else wanted.evidence == "margins",
        new_trials=new,
        seconds_a_trial=seconds_a_trial,
        device_seconds=None if seconds_a_trial is None else new * seconds_a_trial,
        other_seconds=round(START_SECONDS + PAIR_SECONDS * same_class_pairs, 1) if new else 0,
        disk_bytes=new * trial_bytes(train_samples, test_samples, wanted, output_bytes),
        worst_standard_error=error.worst,
        typical_standard_error=error.typical,
        timed_on=timed_on,
    )


def trial_bytes(train_samples: int, test_samples: int, wanted: Wanted, output_bytes: float | None = None) -> int:
    """The size of a stored trial in bytes; output_bytes as in `plan`."""
    samples = train_samples + test_samples
    payload = ROW_BYTES + math.ceil(train_samples / 8) + math.ceil(test_samples / 8) + samples * wanted.probabilities
    if wanted.evidence == "margins":
        payload += round(OUTPUT_BYTES * samples if output_bytes is None else output_bytes)
    return _in_pages(payload) + INDEX_BYTES


def _in_pages(payload: int, page: int = 4096) -> int:
    """The share of SQLite's pages that a row of `payload` bytes takes, if all rows have that size.

    https://sqlite.org/fileformat2.html, section 1.6: a row too large for a page of rows fills overflow pages, and
    leaves there what they cannot hold, or its least.
    """
    kept, overflow = payload, 0
    if payload > page - 35:
        least = (page - 12) * 32 // 255 - 23
        kept = least + (payload - least) % (page - 4)
        kept = kept if kept <= page - 35 else least
        overflow = math.ceil((payload - kept) / (page - 4))
    return page * overflow + page // ((page - 8) // (kept + 8))


def judged_trials(scores: ScoreTable, wanted: Wanted) -> Trials:
    """What the precision of a study will be judged by: margins if all trials, the new ones too, have them."""
    if wanted.evidence == "margins" and scores.meta.get("margin_trials", 0) == scores.trials > 0:
        return margin_model_of(scores)
    return statistics_of(scores)


def _expected(scores: ScoreTable, judged: Trials, design: Design, wanted: Wanted) -> int | None:
    """Forecast the trials for a precision target; None for other targets, or if it is out of reach."""
    target = wanted.target
    if not target.precise:
        return None
    if target.pairs_found is not None:
        forecast = pair_forecast(scores, design, wanted)
        there = forecast.share_found(TARGET, scores.trials) or 0.0
        return (
            scores.trials
            if there >= target.pairs_found
            else forecast.trials_until(target.pairs_found, most=target.whole_blocks)
        )
    return forecast_trials(
        judged,
        share=target.share,
        ratio=design.subset_ratio,
        standard_error=target.standard_error,
        threshold=target.settled_at,
        most=target.whole_blocks,
    )


def precision_course(
    scores: ScoreTable, design: Design, wanted: Wanted, until: int, threshold: float = ATYPICAL
) -> tuple[list[PrecisionPoint], bool]:
    """The precision expected from a block of trials on to `until`, and whether it rests on margins; from any scores."""
    judged = judged_trials(scores, wanted)
    last = max(until, scores.trials)
    spaced = BLOCK * np.unique(np.round(np.geomspace(1, max(1, last // BLOCK), POINTS)).astype(int))
    counts = sorted({*spaced.tolist(), scores.trials, last})
    pairs = pair_forecast(scores, design, wanted) if len(scores["test_p"]) else None
    points = [
        PrecisionPoint(
            trials=one.trials,
            standard_error=_known(one.error),
            settled=_known(one.settled),
            pairs_found=None if pairs is None else pairs.share_found(TARGET, one.trials),
        )
        for one in expected_precision(judged, design.subset_ratio, threshold, counts)
    ]
    return points, isinstance(judged, MarginModel)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def pair_forecast(scores: ScoreTable, design: Design, wanted: Wanted) -> PairForecast:
    """Forecasts for the pairs of a study with these scores, of the classes that are wanted."""
    correct = np.rint(np.nan_to_num(scores["test_p"].astype(np.float64)) * scores.trials).astype(np.int64)
    labels = scores["label"].astype(np.int64), scores["test_label"].astype(np.int64)
    tested = len(labels[0]) * len(labels[1]) if wanted.pairs == "all" else pairs_of_classes(*labels)
    return PairForecast(correct, scores.trials, tested, design.subset_ratio)


def _expected_pairs(scores: ScoreTable, design: Design, wanted: Wanted, trials: int) -> list[ExpectedPairs]:
    if not scores.trials:
        return []
    forecast = pair_forecast(scores, design, wanted)
    found: list[ExpectedPairs] = []
    for infl in EFFECTS:
        now, then = (forecast.share_found(infl, count) for count in (scores.trials, trials))
        if now is not None and then is not None:
            found.append(ExpectedPairs(infl=infl, now=now, then=then))
    return found


def statistics_of(scores: ScoreTable) -> SufficientStatistics:
    """The counts behind a score table, for its training samples."""

    def right(share: str, trials: str) -> Int64:
        return np.rint(np.nan_to_num(scores[share].astype(np.float64)) * scores[trials]).astype(np.int64)

    n_in, correct_in = scores["n_in"].astype(np.int64), right("p_in", "n_in")
    none = np.zeros(0, np.int64)
    return SufficientStatistics(scores.trials, n_in, correct_in, correct_in + right("p_out", "n_out"), none)


def margin_model_of(scores: ScoreTable) -> MarginModel:
    """The model behind a table whose trials all recorded margins, with each sample's margins in units of their s."""

    def side(z: str, trials: str, prior: float) -> Side:
        values = scores[z].astype(np.float64)
        unit = np.ones(len(values))
        return Side(scores[trials].astype(np.int64), values, unit, unit, prior)

    inside, outside = scores.meta["margin_priors"]
    return MarginModel(scores.trials, side("z_in", "n_in", inside), side("z_out", "n_out", outside))
