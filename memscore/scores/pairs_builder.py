"""Builder of the pairs table from counts: tests, posteriors, and what both tables say of the pairs as a whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from memscore.arrays import Columns, Float64, Int64
from memscore.scores.tables import ATYPICAL, CORRECT, LIKELY, PAIRS_FLOOR, TYPICAL, PairsTable
from memscore.statistics.counts import Counts
from memscore.statistics.effects import Posterior, strong_of
from memscore.statistics.estimates import SufficientStatistics
from memscore.statistics.findings import LEVEL, Findings, Source, halves_check, placebo_check
from memscore.statistics.influence import Float32s, infl_of, pair_columns, strongest_first
from memscore.statistics.significance import PairTest
from memscore.statistics.similarity import Similarity
from memscore.statistics.weighted import WeightedTest

BLOCK_OF_PAIRS = 1 << 22
"""Pairs processed together: 32 MB of cells."""

BLOCK_OF_FINDINGS = 1 << 19
"""Pairs processed together where they are also tested with weights, which takes some 100 bytes each."""

LEVEL_32 = np.float32(LEVEL)

FINDINGS_VERSION = 2
"""The formulas of weighted q-values and posteriors, in `meta["findings_version"]`; tables without it have version 1."""

MIXING_DECIMALS = 9
"""Decimals of the stored mixture of effects, from which probabilities at other thresholds follow."""


@dataclass(frozen=True)
class BuiltPairs:
    """The columns of the pairs table, the strongest infl on each test sample with its training index, and meta."""

    columns: Columns
    strongest: Float32s
    strongest_index: Int64
    meta: dict[str, Any]


def build_pairs(
    counts: Counts,
    statistics: SufficientStatistics,
    mem: Float64,
    similarity: Similarity | None,
    tick: Callable[[], None],
) -> BuiltPairs:
    """Test the pairs of each class, and keep those of at least PAIRS_FLOOR and, with margins, those that hold.

    mem float64 [n]. Without similarity there are no weighted q-values and no posteriors. `tick` is called between steps
    of some seconds.
    """
    trials, correct = statistics.trials, statistics.test_correct
    strongest = np.full(len(correct), np.nan, np.float32)
    strongest_index = np.full(len(correct), -1, np.int64)
    test = PairTest(statistics.n_in, correct, trials)
    source = None if similarity is None else Source.of(counts)
    findings = None if source is None or similarity is None else Findings(source, similarity.bins)
    found: list[tuple[Int64, Int64, Int64]] = []
    more: list[tuple[npt.NDArray[Any], ...]] = []
    may_hold = WeightedTest.at_most(LEVEL)
    for at, (group, joint) in enumerate(zip(counts.groups, counts.joint, strict=True)):
        best = np.full(len(group.test), -np.inf, np.float32)
        rows = np.flatnonzero(test.defined[group.train])
        step = max(1, (BLOCK_OF_PAIRS if findings is None else BLOCK_OF_FINDINGS) // len(group.test))
        for first in range(0, len(rows), step):
            tick()
            part = rows[first : first + step]
            train, block = group.train[part], joint[part]
            infl = np.empty(block.shape, np.float32)
            infl_of(block, statistics.n_in[train], correct[group.test], trials, infl)
            highest = np.argmax(infl, axis=0)
            value = infl[highest, np.arange(len(group.test))]
            better = value > best
            best[better] = value[better]
            strongest[group.test[better]] = value[better]
            strongest_index[group.test[better]] = train[highest[better]]
            test.add(test.cells(block, train, group.test))
            wanted = infl >= np.float32(PAIRS_FLOOR)
            one = None
            if findings is not None:
                one = findings.add(at, part, train, group.test)
                if findings.source.margins:
                    wanted |= (one.tested >= 0) & (one.tested <= may_hold)
            at_least = np.flatnonzero(wanted)
            i, j = np.divmod(at_least, len(group.test))
            found.append((train[i], group.test[j], block.ravel()[at_least].astype(np.int64)))
            if findings is not None and one is not None:
                kept = one.tested.ravel()[at_least], one.sized.ravel()[at_least]
                shown: tuple[npt.NDArray[Any], ...] = ()
                if findings.source.margins:
                    shown = one.infl.ravel()[at_least], np.sqrt(one.variance.ravel()[at_least])
                more.append((*kept, *(part.astype(np.float32) for part in shown)))
    tick()
    posterior = None if findings is None else findings.posterior(ATYPICAL)
    tick()
    meta = _findings_meta(counts, similarity, findings, posterior)
    tick()
    if not found:
        none = {name: np.empty(0) for name in PairsTable.dtypes if name != "effect_cell"}
        return BuiltPairs(none, strongest, strongest_index, meta)
    i, j, joints = (np.concatenate(parts) for parts in zip(*found, strict=True))
    columns = pair_columns(i, j, joints, statistics.n_in, correct, trials)
    columns["q_value"] = test.q_values()[test.cells_of(joints, i, j)]
    columns["mem"] = mem[i]
    if findings is not None and posterior is not None:
        tested, sized, *soft = (np.concatenate(parts) for parts in zip(*more, strict=True))
        defined, q_weighted = tested >= 0, findings.test.q_values(_hypotheses(counts))
        columns["q_weighted"] = np.where(defined, q_weighted[tested], np.nan)
        columns["p_strong"] = np.where(defined, posterior.strong[sized], np.nan)
        columns["infl_mean"] = np.where(defined, posterior.mean[sized], np.nan)
        if findings.source.margins:
            columns["infl_soft"], columns["se_soft"] = soft
            columns["effect_cell"] = sized
            # What only might have held, and is too weak otherwise, goes.
            lasting = (columns["infl"] >= np.float32(PAIRS_FLOOR)) | (columns["q_weighted"].astype("<f4") <= LEVEL_32)
            columns = {name: column[lasting] for name, column in columns.items()}
            meta |= {
                "mixing": np.round(posterior.mixing, MIXING_DECIMALS).tolist(),
                "mixing_trials": findings.source.sized.trials,
            }
    if findings is not None and posterior is not None and findings.source.margins:
        within = _Within(columns, mem > np.float32(ATYPICAL), _share_correct(counts))
        meta["typical_false"] = _typical_false(findings, posterior, within, counts)
    # Narrowed before they are sorted: reordering columns is bound by memory.
    columns = {name: column.astype(PairsTable.dtypes[name]) for name, column in columns.items()}
    return BuiltPairs(strongest_first(columns), strongest, strongest_index, meta)


@dataclass(frozen=True)
class _Within:
    """What makes a test sample typical by default: columns of the pairs, atypical [n], share of correct models [q]."""

    columns: Columns
    atypical: npt.NDArray[np.bool_]
    correct: Float64

    def typical(self) -> npt.NDArray[np.bool_]:
        """The test samples, bool [q], that the sets name as typical."""
        touched = np.zeros(len(self.correct), np.bool_)
        strong = self.columns["p_strong"].astype("<f4") > LIKELY
        above = self.columns["infl"].astype("<f4") > np.float32(TYPICAL)
        influential = self.atypical[self.columns["train_index"].astype(np.int64)]
        touched[self.columns["test_index"].astype(np.int64)[influential & (above | strong)]] = True
        return ~touched & (self.correct.astype("<f4") >= np.float32(CORRECT))


def _share_correct(counts: Counts) -> Float64:
    """The share of full trials, or of trials where there are none, that classify each test sample correctly: [q]."""
    if counts.full_trials:
        return share_of(counts.full_correct, counts.full_trials)
    return share_of(counts.statistics.test_correct, counts.trials)


def _typical_false(findings: Findings, posterior: Posterior, within: _Within, counts: Counts) -> float:
    """How many typical test samples an atypical training sample is expected to influence above the typical threshold.

    Of pairs that were not found too: each has its posterior probability, and they count as independent.
    """
    typical, expected = within.typical(), 0.0
    for at, group in enumerate(counts.groups):
        rows = np.flatnonzero(within.atypical[group.train])
        chosen = np.flatnonzero(typical[group.test])
        none = np.ones(len(chosen))
        step = max(1, BLOCK_OF_FINDINGS // max(1, len(group.test)))
        for first in range(0, len(rows) if len(chosen) else 0, step):
            part = rows[first : first + step]
            cells, _ = findings.sized(at, part, group.train[part], group.test)
            above = strong_of(
                cells[:, chosen].ravel(), posterior.mixing, findings.source.sized.trials, TYPICAL
            ).reshape(len(part), -1)
            none *= np.prod(1 - np.nan_to_num(above), axis=0)
        expected += float((1 - none).sum())
    return round(expected, 1)


def _hypotheses(counts: Counts) -> int:
    return sum(joint.size for joint in counts.joint)


def _findings_meta(
    counts: Counts, similarity: Similarity | None, findings: Findings | None, posterior: Posterior | None
) -> dict[str, Any]:
    """What both tables say of the pairs as a whole; empty without findings. docs/scores.md explains each."""
    if findings is None or posterior is None or similarity is None:
        return {}
    q = findings.test.q_values(_hypotheses(counts))
    held = np.flatnonzero(findings.effects)
    placebo, agreement = placebo_check(counts, similarity), halves_check(counts, similarity, ATYPICAL)
    return {
        "findings_version": FINDINGS_VERSION,
        "strong": ATYPICAL,
        "pairs_from": "margins" if findings.source.margins else "bits",
        **({"sketches": similarity.sketches} if similarity.sketches else {}),
        "pairs_tested": _hypotheses(counts),
        "pairs_found": int(findings.test.count[q <= LEVEL].sum()),
        "pairs_expected": round(float((posterior.strong[held] * findings.effects[held]).sum()), 1),
        "placebo": None
        if placebo is None
        else {
            "pairs": placebo.pairs,
            "level": LEVEL,
            **{
                name: {"real": one.real, "placebo": one.placebo, "share": round(one.share, 4)}
                for name, one in (("exact", placebo.exact), ("weighted", placebo.weighted))
            },
        },
        "pair_halves": None
        if agreement is None
        else {
            "pairs": agreement.pairs,
            "predicted": round(agreement.predicted, 4),
            "found": round(agreement.found, 4),
            "error": round(agreement.error, 4),
        },
    }


def share_of(correct: Int64, trials: int) -> Float64:
    """The share of this many trials that classify each sample correctly, NaN for none: float64, shaped as `correct`."""
    return correct / trials if trials else np.full(len(correct), np.nan)
