"""Score tables and pairs tables: columns of numbers with their provenance, stored as one .npz.

A table's digest covers study, trials and columns, so equal evidence gives an equal digest
on any machine and in any order of execution.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, cast, overload

import numpy as np
import numpy.typing as npt

from memscore import strict_json
from memscore.arguments import as_array, shown, typed
from memscore.arrays import Bools, Columns, Float64, Indices, Int32, Int64
from memscore.errors import Damaged, FingerprintMismatch, InvalidInput, NoColumn, NoSample
from memscore.npz import NpzReader, Source
from memscore.statistics.effects import strong_of
from memscore.statistics.findings import LEVEL
from memscore.study.bits import digest
from memscore.texts import harmless_values

CORRECT = 0.8
"""Least share of models that classify a typical test sample correctly (paper, section 3)."""

LIKELY = 0.5
"""A test sample is atypical if an atypical training sample influences it strongly with more than this probability."""

PAIRS_FLOOR = 0.02
"""Smallest infl in a pairs table: the paper's lower threshold for the typical test set."""

ATYPICAL, TYPICAL = 0.15, 0.02
"""The paper's bounds of mem (section 3): samples are atypical above the first, typical below the second."""

Rows = Literal["train", "test"]

REQUIRED_META = {"study", "trials", "digest", "fingerprint"}


def is_atypical(mem: npt.NDArray[np.float32], threshold: float) -> Bools:
    """Mask of mem float32 [n] above the threshold. In single precision, 1 - 51/60 is correctly not above 0.15."""
    return mem > np.float32(threshold)


def is_typical(mem: npt.NDArray[np.float32], threshold: float) -> Bools:
    """Mask of mem float32 [n] below the threshold."""
    return mem < np.float32(threshold)


@dataclass(frozen=True)
class Table:
    """Named columns, and metadata about their origin."""

    columns: Columns
    meta: dict[str, Any] = field(default_factory=dict[str, Any])
    kind: ClassVar[str]
    dtypes: ClassVar[dict[str, str]]
    added: ClassVar[dict[str, str]] = {}
    """Columns that older tables lack, each mapped to a column with the same number of rows.

    They read as NaN, those of whole numbers as -1.
    """
    optional: ClassVar[frozenset[str]] = frozenset()
    """Those of the added columns that only tables of some kinds of evidence have."""

    def __getitem__(self, column: str) -> npt.NDArray[Any]:
        if column in self.added and column not in self.columns:
            dtype = np.dtype(self.dtypes[column])
            return np.full(len(self.columns[self.added[column]]), np.nan if dtype.kind == "f" else -1, dtype)
        return column_of(self.columns, column, f"the {self.kind}")

    def at(self, column: str, rows: Any) -> Any:
        """A column at one of its rows or at several, without filling in all of one that an older table lacks."""
        if column in self.added and column not in self.columns:
            dtype = np.dtype(self.dtypes[column])
            return np.full(np.shape(rows), np.nan if dtype.kind == "f" else -1, dtype)[()]
        return self.columns[column][rows]

    @property
    def digest(self) -> str:
        """The digest stored with the table, which identifies its version."""
        return str(self.meta["digest"])

    @property
    def trials(self) -> int:
        """The number of trials behind the table."""
        return int(self.meta["trials"])

    @property
    def warnings(self) -> list[str]:
        """Warnings for readers of the scores, one sentence each."""
        return list(self.meta.get("warnings", []))

    def content_digest(self) -> str:
        """The digest recomputed from the stored columns."""
        parts = [self.kind.encode(), str(self.meta["study"]).encode(), str(self.meta["trials"]).encode()]
        for name, column in self.columns.items():
            dtype = self.dtypes[name]
            parts += [name.encode(), dtype.encode(), str(column.shape).encode(), column.tobytes()]
        return digest(*parts)

    def encode(self) -> bytes:
        """Encode the table as an uncompressed .npz with `meta` as JSON text; equal tables give equal bytes."""
        buffer = io.BytesIO()
        meta = np.array(strict_json.dumps(self.meta, sort_keys=True))
        np.savez(buffer, allow_pickle=False, meta=meta, **self.columns)
        return buffer.getvalue()

    @classmethod
    @typed
    def decode(cls, payload: bytes) -> Self:
        """Decode the output of `encode` and check its digest. Raises Damaged for anything else."""
        return cls.read(payload)

    @classmethod
    def read(cls, source: Source) -> Self:
        """Decode the output of `encode` from bytes, a file or a path, as `decode` does."""
        try:
            with NpzReader(source, f"memscore {cls.kind}") as file:
                meta: Any = harmless_values(json.loads(str(file.read("meta", "U")[()])))
                columns = {
                    name: file.read(name, np.dtype(dtype).kind, None)
                    for name, dtype in cls.dtypes.items()
                    if name in file or name not in cls.added
                }
        except InvalidInput as error:
            raise Damaged(str(error)) from error
        except (ValueError, RecursionError) as error:
            raise Damaged(f"This is not a memscore {cls.kind} file: its metadata is damaged.") from error
        if not isinstance(meta, dict) or not set(cast("dict[str, Any]", meta)) >= REQUIRED_META:
            raise Damaged(f"This is not a memscore {cls.kind} file: its metadata is incomplete.")
        table = cls(columns, cast("dict[str, Any]", meta))
        if any(column.dtype.str != cls.dtypes[name] for name, column in columns.items()) or (
            table.content_digest() != table.digest
        ):
            raise Damaged(f"The {cls.kind} does not match its digest; fetch or rebuild it.")
        return table

    @classmethod
    @typed
    def load(cls, path: Path | str) -> Self:
        """Read a table file. Raises Damaged if it is not valid, OSError if it cannot be read."""
        return cls.decode(Path(path).read_bytes())

    def require_dataset(self, fingerprint: str, name: str) -> None:
        """Raise FingerprintMismatch unless the table belongs to the dataset with this fingerprint."""
        if self.meta["fingerprint"] != fingerprint:
            raise FingerprintMismatch(
                f"The scores belong to a different dataset from {name!r} (fingerprint "
                f"{str(self.meta['fingerprint'])[:12]}, not {fingerprint[:12]}); use the dataset they were made from."
            )

    @typed
    def to_pandas(self, rows: Rows = "train") -> Any:
        """The training or test rows as a pandas.DataFrame, indexed by position in the dataset.

        The rows of a pairs table are its pairs. Raises MissingPackage if pandas is not installed.
        """
        from memscore.scores.frames import to_pandas

        return to_pandas(self, rows)

    @typed
    def to_arrow(self, rows: Rows = "train") -> Any:
        """The training or test rows, or the pairs, as a pyarrow.Table; undefined values are null.

        Raises MissingPackage if pyarrow is not installed.
        """
        from memscore.scores.frames import to_arrow

        return to_arrow(self, rows)

    @classmethod
    def of(cls, columns: Columns, meta: dict[str, Any]) -> Self:
        """Make a table of these columns, cast to their storage types, with its digest in `meta`.

        Optional columns may be missing.
        """
        typed = {
            name: np.ascontiguousarray(columns[name], dtype=dtype)
            for name, dtype in cls.dtypes.items()
            if name in columns or name not in cls.optional
        }
        table = cls(typed, meta)
        return cls(typed, {**meta, "digest": table.content_digest()})


@dataclass(frozen=True)
class Sample:
    """One training sample as plain numbers, NaN if undefined; `ScoreTable` explains each."""

    index: int
    label: int
    mem: float
    se: float
    mem_low: float
    mem_high: float
    p_in: float
    p_out: float
    n_in: int
    n_out: int
    mem_prob: float
    se_prob: float
    prob_in: float
    prob_out: float
    mem_even: float
    mem_odd: float
    mem_margin: float
    se_margin: float
    mem_margin_low: float
    mem_margin_high: float
    z_in: float
    z_out: float
    risk: float
    se_risk: float
    vote_label: int
    vote_share: float
    margin_out: float


SAMPLE_COLUMNS = tuple(one.name for one in fields(Sample) if one.name != "index")


class ScoreTable(Table):
    """One row per training sample, and columns `test_*` with one row per test sample.

    mem, its standard error `se` and 95 % interval [mem_low, mem_high]; p_in, p_out; n_in, n_out; label.
    test_p: share of trials that classify the test sample correctly; test_infl_max, test_infl_index: the
    largest same-class influence on it and the index of its training sample (NaN and -1 without one); test_p_full:
    share of the full trials (on all samples) that classify it correctly, NaN if there are none.
    mem_prob = prob_in - prob_out with its standard error se_prob, and test_prob: the same as mem, p_in, p_out, se
    and test_p, with the true-class probability instead of correctness; NaN if it was not recorded.
    mem_even, mem_odd: mem from only the even-numbered and only the odd-numbered blocks, to check repeatability.
    Only where trials recorded margins: mem_margin = Phi(z_in) - Phi(z_out), the same estimand as mem from the trials'
    margins, with its standard error se_margin and 95 % interval; z: the mean of a side's margins divided by their
    standard deviation; risk, se_risk: the chance that an attacker of 0.1 % false alarms tells that the sample was
    trained on (`memscore.statistics.privacy`).
    Likewise vote_label, the class other than the given label that most held-out trials
    predict (of equals the lower, -1 if none predicts another); vote_share, the share of the held-out trials that
    predict it; margin_out, the mean held-out margin of the given label; test_vote_label and test_vote_share, the same
    for test samples over all trials.
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
        "mem_margin": "<f4",
        "se_margin": "<f4",
        "mem_margin_low": "<f4",
        "mem_margin_high": "<f4",
        "z_in": "<f4",
        "z_out": "<f4",
        "risk": "<f4",
        "se_risk": "<f4",
        "vote_label": "<i4",
        "vote_share": "<f4",
        "margin_out": "<f4",
        "test_vote_label": "<i4",
        "test_vote_share": "<f4",
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
        "mem_margin": "mem",
        "se_margin": "mem",
        "mem_margin_low": "mem",
        "mem_margin_high": "mem",
        "z_in": "mem",
        "z_out": "mem",
        "risk": "mem",
        "se_risk": "mem",
        "vote_label": "mem",
        "vote_share": "mem",
        "margin_out": "mem",
        "test_vote_label": "test_p",
        "test_vote_share": "test_p",
    }
    optional: ClassVar[frozenset[str]] = frozenset(
        (
            "mem_margin",
            "se_margin",
            "mem_margin_low",
            "mem_margin_high",
            "z_in",
            "z_out",
            "risk",
            "se_risk",
            "vote_label",
            "vote_share",
            "margin_out",
            "test_vote_label",
            "test_vote_share",
        )
    )

    def __len__(self) -> int:
        return len(self.columns["mem"])

    def __repr__(self) -> str:
        return f"<ScoreTable: {len(self):,} training and {self.test_samples:,} test samples, {self.trials:,} trials>"

    def _repr_html_(self) -> str:
        """The most memorized samples, for notebooks."""
        from memscore.scores.html import scores_html

        return scores_html(self)

    @overload
    def __getitem__(self, wanted: str) -> npt.NDArray[Any]: ...
    @overload
    def __getitem__(self, wanted: int | np.integer[Any]) -> Sample: ...
    @overload
    def __getitem__(self, wanted: slice | Sequence[int] | npt.NDArray[Any]) -> Columns: ...
    def __getitem__(
        self, wanted: str | int | np.integer[Any] | slice | Sequence[int] | npt.NDArray[Any]
    ) -> npt.NDArray[Any] | Sample | Columns:
        """Index like a NumPy record array: by name for a column, by index for a sample, by slice, indices or mask.

        The latter give a dict of columns by name, `index` first. Raises NoColumn or NoSample if not found, and
        InvalidInput for what is neither.
        """
        if isinstance(wanted, str):
            return super().__getitem__(wanted)
        if isinstance(wanted, int | np.integer):
            return self.row(int(wanted))
        every = np.arange(len(self), dtype=np.int32)
        chosen = every[wanted] if isinstance(wanted, slice) else _chosen(every, wanted)
        return {"index": chosen, **{name: self[name][chosen] for name in SAMPLE_COLUMNS}}

    @typed
    def row(self, index: int) -> Sample:
        """The training sample with this index in the dataset; negative indices count from the end."""
        if not -len(self) <= index < len(self):
            raise NoSample(f"There is no training sample {index}; indices go from 0 to {len(self) - 1}.")
        index %= len(self)
        return Sample(index, *(self[name][index].item() for name in SAMPLE_COLUMNS))

    @typed
    def atypical(self, threshold: float = ATYPICAL) -> Bools:
        """Mask of training samples with mem above the threshold (paper, section 3): bool [n]; False if undefined."""
        return is_atypical(self["mem"], threshold)

    @typed
    def typical(self, threshold: float = TYPICAL) -> Bools:
        """Mask of training samples with mem below the threshold: bool [n]; False if undefined."""
        return is_typical(self["mem"], threshold)

    @typed
    def mask(self, *, label: int | None = None, mem_min: float | None = None, mem_max: float | None = None) -> Bools:
        """Mask of training samples of this class with mem within these inclusive bounds: bool [n]."""
        wanted = np.ones(len(self), np.bool_)
        if label is not None:
            wanted &= self["label"] == label
        if mem_min is not None:
            wanted &= self["mem"] >= np.float32(mem_min)
        if mem_max is not None:
            wanted &= self["mem"] <= np.float32(mem_max)
        return wanted

    @property
    def test_samples(self) -> int:
        """The number of test samples."""
        return len(self.columns["test_p"])


NO_TEST_PART = "The dataset has no test part, which influences, pairs and the sets of test samples need."


class PairsTable(Table):
    """Pairs with infl of at least `meta["floor"]`, strongest first, within `meta["scope"]`: "same_class" or "all".

    With margins, also those of less infl whose q_weighted is at most 0.05.

    train_index, test_index, infl, its standard error `se`, q_value (Benjamini-Hochberg over all pairs in scope,
    exact one-sided test), and mem of the training sample. Of pairs of the same class, and NaN if the images were not at
    hand: q_weighted, a q-value that weights pairs by similarity and uses margins where there are any; p_strong, the
    posterior probability that infl is above `meta["strong"]`, and infl_mean, its posterior mean. With margins:
    infl_soft, an estimate of infl from margins and bits, with its standard error se_soft; effect_cell, from which
    `above` gives the probability of any other threshold.
    """

    kind = "pairs table"
    dtypes: ClassVar[dict[str, str]] = {
        "train_index": "<i4",
        "test_index": "<i4",
        "infl": "<f4",
        "se": "<f4",
        "q_value": "<f4",
        "mem": "<f4",
        "q_weighted": "<f4",
        "p_strong": "<f4",
        "infl_mean": "<f4",
        "infl_soft": "<f4",
        "se_soft": "<f4",
        "effect_cell": "<i4",
    }
    added: ClassVar[dict[str, str]] = dict.fromkeys(
        ("q_weighted", "p_strong", "infl_mean", "infl_soft", "se_soft", "effect_cell"), "infl"
    )
    optional: ClassVar[frozenset[str]] = frozenset(added)

    def __len__(self) -> int:
        return len(self.columns["infl"])

    def __repr__(self) -> str:
        return f"<PairsTable: {len(self):,} pairs, {self.trials:,} trials>"

    def _repr_html_(self) -> str:
        """The first pairs, for notebooks."""
        from memscore.scores.html import pairs_html

        return pairs_html(self)

    @property
    def weighted(self) -> bool:
        """Whether pairs have q_weighted and posteriors; harmful ones and those across all classes do not."""
        return "strong" in self.meta and "q_weighted" in self.columns

    @cached_property
    def tested(self) -> bool:
        """Whether pairs have q-values, which imported ones have not; a table without pairs has been tested."""
        return not len(self) or bool(np.isfinite(self["q_weighted" if self.weighted else "q_value"]).any())

    @property
    def holding(self) -> Bools:
        """Mask of the pairs that hold at a false-discovery rate of LEVEL, with weights where there are any: [pairs]."""
        return self["q_weighted" if self.weighted else "q_value"] <= np.float32(LEVEL)

    def of_train(self, index: int) -> Indices:
        """The rows of a training sample, in the table's order; found without looking at all, after the first time."""
        return self._by_train.of(index)

    def of_test(self, index: int) -> Indices:
        """The rows of a test sample, likewise."""
        return self._by_test.of(index)

    @cached_property
    def _by_train(self) -> _RowsBySample:
        return _RowsBySample.index(self.columns["train_index"])

    @cached_property
    def _by_test(self) -> _RowsBySample:
        return _RowsBySample.index(self.columns["test_index"])

    @typed
    def above(self, threshold: float) -> Float64 | None:
        """The posterior probability of each pair that infl is above the threshold: float64 [pairs], NaN if undefined.

        None where it is unknown: without posteriors, and at thresholds other than `meta["strong"]` without margins.
        """
        if not self.weighted:
            return None
        if np.float32(threshold) == np.float32(self.meta["strong"]):
            return self["p_strong"].astype(np.float64)
        if "mixing" not in self.meta:
            return None
        mixing = np.array(self.meta["mixing"], np.float64)
        return strong_of(self["effect_cell"], mixing, int(self.meta["mixing_trials"]), threshold)


@dataclass(frozen=True)
class _RowsBySample:
    """The rows of each sample: those of sample i are `rows[starts[i] : starts[i + 1]]`, ascending."""

    rows: Int32
    starts: Int64

    @classmethod
    def index(cls, samples: Int32) -> _RowsBySample:
        """Index rows by the sample of each: int32 [rows]."""
        counts = np.bincount(samples) if len(samples) else np.zeros(0, np.int64)
        return cls(np.argsort(samples, kind="stable").astype(np.int32), np.concatenate([[0], np.cumsum(counts)]))

    def of(self, sample: int) -> Indices:
        """The rows of a sample."""
        if sample >= len(self.starts) - 1:
            return np.zeros(0, np.int64)
        return self.rows[self.starts[sample] : self.starts[sample + 1]].astype(np.int64)


def column_of(columns: Mapping[str, npt.NDArray[Any]], column: Any, of: str) -> npt.NDArray[Any]:
    """The column with this name. Raises NoColumn."""
    if not isinstance(column, str) or column not in columns:
        raise NoColumn(f"There is no column {shown(column)} in {of}; its columns are: {', '.join(columns)}.")
    return columns[column]


def _chosen(every: Int32, wanted: Any) -> Int32:
    """Of all samples [n], those of indices or of a mask; an empty list counts as indices. Raises as a table does."""
    array = as_array("The indices", wanted)
    array = array if array.size else array.astype(np.int64)
    if array.dtype.kind not in "iub":
        raise InvalidInput("A table takes the name of a column, an index, a slice, indices or a mask.")
    try:
        return every[array]
    except IndexError as error:
        raise NoSample(
            f"There are {len(every):,} training samples: indices go from 0 to {len(every) - 1}, and a mask has one "
            "value for each."
        ) from error
