"""Score tables and pairs tables: columns of numbers with their provenance, as one .npz.

A table's digest is taken over study, trials and columns, so equal evidence gives an equal digest
on any machine and in any order of execution.
"""

from __future__ import annotations

import io
import json
import platform
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import numpy as np
import numpy.typing as npt
from numpy.lib.npyio import NpzFile

from memscore.bits import digest
from memscore.counts import CERTAIN, Counts, ProbabilityCounts
from memscore.errors import Damaged, FingerprintMismatch
from memscore.influence import Columns, Float32s, infl_of, pair_columns, strongest_first
from memscore.significance import PairTest
from memscore.statistics import (
    Difference,
    Floats,
    Halves,
    Integers,
    SufficientStatistics,
    halves,
    memorization,
    reliability,
)

INTERPOLATES = 0.98
"""Mean in-sample accuracy below which mem measures under-fitting rather than memorization."""

LEARNS = 1.5
"""Times the accuracy of guessing below which models have learned nothing."""

PAIRS_FLOOR = 0.02
"""Smallest infl that a pairs table keeps: the paper's lower threshold for the test typical set."""

CALIBRATED = (0.9, 1.1)
"""Split-half ratios outside mean that the standard errors are wrong."""

CALIBRATION_TRIALS = 100
"""Trials from which the split-half ratio is judged."""

BLOCK_OF_PAIRS = 1 << 22
"""Pairs that are looked at together: 32 MB of cells."""

REQUIRED_META = {"study", "trials", "digest", "fingerprint"}


@dataclass(frozen=True)
class Table:
    """Named columns and the meta data that says where they come from."""

    columns: Columns
    meta: dict[str, Any] = field(default_factory=dict[str, Any])
    kind: ClassVar[str]
    dtypes: ClassVar[dict[str, str]]
    added: ClassVar[dict[str, str]] = {}
    """Columns that tables of an older version lack, each with one that has as many rows; they read as NaN."""

    def __getitem__(self, column: str) -> npt.NDArray[Any]:
        if column in self.added and column not in self.columns:
            return np.full(len(self.columns[self.added[column]]), np.nan, self.dtypes[column])
        return self.columns[column]

    @property
    def digest(self) -> str:
        """The version digest the table was stored under."""
        return str(self.meta["digest"])

    @property
    def trials(self) -> int:
        """How many trials the table rests on."""
        return int(self.meta["trials"])

    @property
    def warnings(self) -> list[str]:
        """Sentences a reader of the scores has to know."""
        return list(self.meta.get("warnings", []))

    def content_digest(self) -> str:
        """The digest computed afresh from the columns that the table was stored with."""
        parts = [self.kind.encode(), str(self.meta["study"]).encode(), str(self.meta["trials"]).encode()]
        for name, column in self.columns.items():
            dtype = self.dtypes[name]
            parts += [name.encode(), dtype.encode(), str(column.shape).encode(), column.tobytes()]
        return digest(*parts)

    def encode(self) -> bytes:
        """The table as an uncompressed .npz with `meta` as JSON text; equal tables give equal bytes."""
        buffer = io.BytesIO()
        meta = np.array(json.dumps(self.meta, sort_keys=True))
        np.savez(buffer, allow_pickle=False, meta=meta, **self.columns)
        return buffer.getvalue()

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Read what `encode` wrote and check its digest. Raises Damaged if it is anything else."""
        try:
            with NpzFile(io.BytesIO(payload), allow_pickle=False) as arrays:
                meta: Any = json.loads(str(arrays["meta"]))
                columns = {name: arrays[name] for name in cls.dtypes if name in arrays or name not in cls.added}
        except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise Damaged(f"This is not a memscore {cls.kind} file: {error}") from error
        if not isinstance(meta, dict) or not set(cast("dict[str, Any]", meta)) >= REQUIRED_META:
            raise Damaged(f"This is not a memscore {cls.kind} file: its meta data is incomplete.")
        table = cls(columns, cast("dict[str, Any]", meta))
        if any(column.dtype.str != cls.dtypes[name] for name, column in columns.items()) or (
            table.content_digest() != table.digest
        ):
            raise Damaged(f"The {cls.kind} does not match its digest; fetch or rebuild it.")
        return table

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a table file. Raises Damaged, or OSError if it cannot be read."""
        return cls.decode(path.read_bytes())

    def require_dataset(self, fingerprint: str, name: str) -> None:
        """Raises FingerprintMismatch unless the table was made from the dataset with this fingerprint."""
        if self.meta["fingerprint"] != fingerprint:
            raise FingerprintMismatch(
                f"The scores were made from another dataset than {name!r} (fingerprint "
                f"{str(self.meta['fingerprint'])[:12]}, not {fingerprint[:12]}); use the dataset they were made from."
            )

    @classmethod
    def of(cls, columns: Columns, meta: dict[str, Any]) -> Self:
        """A table of these columns, cast to their stored types, with its digest in `meta`."""
        typed = {name: np.ascontiguousarray(columns[name], dtype=dtype) for name, dtype in cls.dtypes.items()}
        table = cls(typed, meta)
        return cls(typed, {**meta, "digest": table.content_digest()})


class ScoreTable(Table):
    """One row per training sample, and columns `test_*` with one row per test sample.

    mem, its standard error `se` and 95 % interval [mem_low, mem_high]; p_in, p_out; n_in, n_out; label.
    test_p: share of trials that classify the test sample correctly; test_infl_max, test_infl_index: the
    largest same-class influence on it and whose it is (NaN and -1 without one); test_p_full: share of the full
    trials (on all samples) that classify it correctly, NaN where there are none.
    mem_prob = prob_in - prob_out with its standard error se_prob, and test_prob: the same as mem, p_in, p_out, se
    and test_p with the probability of the true class in place of correctness; NaN where it was not recorded.
    mem_even, mem_odd: mem from the blocks with even and with odd numbers alone, to see how it repeats itself.
    """

    kind = "score table"
    dtypes: ClassVar[dict[str, str]] = {
        "mem": "<f4",
        "se": "<f4",
        "mem_low": "<f4",
        "mem_high": "<f4",
        "p_in": "<f4",
        "p_out": "<f4",
        "n_in": "<i4",
        "n_out": "<i4",
        "label": "<i4",
        "test_p": "<f4",
        "test_label": "<i4",
        "test_infl_max": "<f4",
        "test_infl_index": "<i4",
        "test_p_full": "<f4",
        "mem_prob": "<f4",
        "se_prob": "<f4",
        "prob_in": "<f4",
        "prob_out": "<f4",
        "test_prob": "<f4",
        "mem_even": "<f4",
        "mem_odd": "<f4",
    }
    added: ClassVar[dict[str, str]] = {
        "test_p_full": "test_p",
        "mem_prob": "mem",
        "se_prob": "mem",
        "prob_in": "mem",
        "prob_out": "mem",
        "test_prob": "test_p",
        "mem_even": "mem",
        "mem_odd": "mem",
    }

    def __len__(self) -> int:
        return len(self.columns["mem"])

    @property
    def test_samples(self) -> int:
        """How many test samples the table covers."""
        return len(self.columns["test_p"])


class PairsTable(Table):
    """Pairs with infl of at least `meta["floor"]`, strongest first; `meta["scope"]` says among which.

    "same_class", or "all". train_index, test_index, infl, its standard error `se`, q_value (Benjamini-Hochberg
    over all pairs of the scope, exact one-sided test), and mem of the training sample.
    """

    kind = "pairs table"
    dtypes: ClassVar[dict[str, str]] = {
        "train_index": "<i4",
        "test_index": "<i4",
        "infl": "<f4",
        "se": "<f4",
        "q_value": "<f4",
        "mem": "<f4",
    }

    def __len__(self) -> int:
        return len(self.columns["infl"])


@dataclass(frozen=True)
class Provenance:
    """What a table's meta data says about where it comes from."""

    study: str
    fingerprint: str
    recipe: dict[str, Any]
    design: dict[str, Any]


def build_tables(counts: Counts, provenance: Provenance) -> tuple[ScoreTable, PairsTable]:
    """Both tables of a study; the cost grows with samples and same-class pairs, not with trials."""
    statistics = counts.statistics
    mem = memorization(statistics)
    even, odd = memorization(counts.even), memorization(counts.odd)
    agreement = halves(even, odd)
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
        "test_accuracy": round(float(statistics.test_correct.mean()) / max(1, counts.trials), 6),
        "confidence": 0.95,
        "checks": _checks(counts, statistics, mem, agreement),
        "versions": {"numpy": np.__version__, "python": platform.python_version()},
    }
    pairs, strongest, strongest_index = _pairs(counts, statistics, mem.estimate)
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
            "test_p": _share(statistics.test_correct, counts.trials),
            "test_label": counts.test_labels,
            "test_infl_max": strongest,
            "test_infl_index": strongest_index,
            "test_p_full": _share(counts.full_correct, counts.full_trials),
            **_probability_columns(counts.probability),
            "mem_even": even.estimate,
            "mem_odd": odd.estimate,
        },
        {**meta, "warnings": _warnings(statistics, agreement, int(counts.train_labels.max()) + 1)},
    )
    return scores, PairsTable.of(pairs, {**meta, "floor": PAIRS_FLOOR, "scope": "same_class"})


def _checks(counts: Counts, statistics: SufficientStatistics, mem: Difference, agreement: Halves) -> dict[str, Any]:
    """What the counts say about themselves; null where it cannot be told. docs/scores.md explains each."""
    values = {
        "zero_sum": zero_sum_residual(counts.weighted_correct, statistics),
        "split_half_ratio": agreement.ratio,
        "split_half_correlation": agreement.correlation,
        "split_half_reliability": agreement.reliability,
        "reliability": reliability(mem),
    }
    return {name: None if value is None else round(value, 6) for name, value in values.items()}


def zero_sum_residual(weighted_correct: Integers, statistics: SufficientStatistics) -> float | None:
    """The largest |sum over all training samples of infl| on one test sample; None if samples differ in n_in.

    weighted_correct int64 [q] is S summed over the training samples. 0 where all subsets have one size as well;
    below 1 / (4 r (1 - r)) where sizes differ by at most one, with r the subset ratio.
    """
    inside, trials = int(statistics.n_in[0]), statistics.trials
    if not 0 < inside < trials or (statistics.n_in != inside).any():
        return None
    excess = trials * weighted_correct - len(statistics.n_in) * inside * statistics.test_correct
    return float(np.abs(excess).max() / (inside * (trials - inside)))


def _warnings(statistics: SufficientStatistics, agreement: Halves, classes: int) -> list[str]:
    found: list[str] = []
    if statistics.in_sample_accuracy < LEARNS / classes:
        found.append(
            f"The models have learned nothing: mean in-sample accuracy is {statistics.in_sample_accuracy:.3f} with "
            f"{classes} classes. Lower the recipe's learning_rate, or give it a warmup."
        )
    elif statistics.in_sample_accuracy < INTERPOLATES:
        found.append(
            f"The recipe does not interpolate: mean in-sample accuracy is {statistics.in_sample_accuracy:.3f}, under "
            f"{INTERPOLATES}. mem then measures under-fitting; train longer or use a larger network."
        )
    undefined = int(((statistics.n_in == 0) | (statistics.n_out == 0)).sum())
    if undefined:
        found.append(
            f"{undefined} samples were never held out, or never trained on: their mem is undefined (NaN). "
            "Run more trials."
        )
    if statistics.trials >= CALIBRATION_TRIALS and agreement.ratio is not None and agreement.ratio_error is not None:
        low, high = CALIBRATED
        if not min(low, 1 - 4 * agreement.ratio_error) <= agreement.ratio <= max(high, 1 + 4 * agreement.ratio_error):
            meaning = "too small" if agreement.ratio > 1 else "too large"
            found.append(
                f"Two halves of the trials differ {agreement.ratio:.2f} times as much as their standard errors say: "
                f"standard errors and intervals are {meaning}. The trials are not independent draws of one recipe."
            )
    return found


def _share(correct: Integers, trials: int) -> Floats:
    return correct / trials if trials else np.full(len(correct), np.nan)


def _probability_columns(counts: ProbabilityCounts) -> Columns:
    """The columns of true-class probability; the standard error is that of a difference of two means."""

    def side(total: Integers, squares: Integers, n: Integers) -> tuple[Floats, Floats]:
        """Mean, and its variance: NaN with fewer than one, or two, trials."""
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
        "test_prob": _share(counts.test_sum, CERTAIN * counts.trials),
    }


def _pairs(counts: Counts, statistics: SufficientStatistics, mem: Floats) -> tuple[Columns, Float32s, Integers]:
    """Columns of the pairs table, and the strongest influence on each test sample with its index."""
    trials, correct = statistics.trials, statistics.test_correct
    strongest = np.full(len(correct), np.nan, np.float32)
    strongest_index = np.full(len(correct), -1, np.int64)
    test = PairTest(statistics.n_in, correct, trials)
    found: list[tuple[Integers, Integers, Integers]] = []
    for group, joint in zip(counts.groups, counts.joint, strict=True):
        best = np.full(len(group.test), -np.inf, np.float32)
        rows = np.flatnonzero(test.defined[group.train])
        step = max(1, BLOCK_OF_PAIRS // len(group.test))
        for first in range(0, len(rows), step):
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
            i, j = np.nonzero(infl >= np.float32(PAIRS_FLOOR))
            found.append((train[i], group.test[j], block[i, j].astype(np.int64)))
    if not found:
        return {name: np.empty(0) for name in PairsTable.dtypes}, strongest, strongest_index
    i, j, joints = (np.concatenate(parts) for parts in zip(*found, strict=True))
    columns = pair_columns(i, j, joints, statistics.n_in, correct, trials)
    columns["q_value"] = test.q_values()[test.cells_of(joints, i, j)]
    columns["mem"] = mem[i]
    return strongest_first(columns), strongest, strongest_index
