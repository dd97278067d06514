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
from memscore.errors import Damaged, FingerprintMismatch
from memscore.evidence import Evidence
from memscore.statistics import (
    SufficientStatistics,
    benjamini_hochberg,
    influence,
    joint_counts,
    memorization,
    positive_influence_p,
)

INTERPOLATES = 0.98
"""Mean in-sample accuracy below which mem measures under-fitting rather than memorization."""

PAIRS_FLOOR = 0.02
"""Smallest infl that a pairs table keeps: the paper's lower threshold for the test typical set."""

REQUIRED_META = {"study", "trials", "digest", "fingerprint"}

Columns = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Table:
    """Named columns and the meta data that says where they come from."""

    columns: Columns
    meta: dict[str, Any] = field(default_factory=dict[str, Any])
    kind: ClassVar[str]
    dtypes: ClassVar[dict[str, str]]

    def __getitem__(self, column: str) -> npt.NDArray[Any]:
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
        """The digest computed afresh from the columns."""
        parts = [self.kind.encode(), str(self.meta["study"]).encode(), str(self.meta["trials"]).encode()]
        for name, dtype in self.dtypes.items():
            column = self.columns[name]
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
                columns = {name: arrays[name] for name in cls.dtypes}
        except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise Damaged(f"This is not a memscore {cls.kind} file: {error}") from error
        if not isinstance(meta, dict) or not set(cast("dict[str, Any]", meta)) >= REQUIRED_META:
            raise Damaged(f"This is not a memscore {cls.kind} file: its meta data is incomplete.")
        table = cls(columns, cast("dict[str, Any]", meta))
        if any(columns[name].dtype.str != dtype for name, dtype in cls.dtypes.items()) or (
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
    largest same-class influence on it and whose it is (NaN and -1 without one).
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
    }

    def __len__(self) -> int:
        return len(self.columns["mem"])

    @property
    def test_samples(self) -> int:
        """How many test samples the table covers."""
        return len(self.columns["test_p"])


class PairsTable(Table):
    """Same-class pairs with infl of at least `meta["floor"]`, strongest first.

    train_index, test_index, infl, its standard error `se`, q_value (Benjamini-Hochberg over all same-class
    pairs, exact one-sided test), and mem of the training sample.
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


def build_tables(
    evidence: Evidence,
    train_labels: npt.NDArray[np.int32],
    test_labels: npt.NDArray[np.int32],
    provenance: Provenance,
) -> tuple[ScoreTable, PairsTable]:
    """Both tables of a study from its evidence and the labels int32 [n] and [q]."""
    statistics = SufficientStatistics.of(evidence)
    mem = memorization(statistics)
    meta: dict[str, Any] = {
        "study": provenance.study,
        "fingerprint": provenance.fingerprint,
        "recipe": provenance.recipe,
        "design": provenance.design,
        "trials": evidence.trials,
        "in_sample_accuracy": round(statistics.in_sample_accuracy, 6),
        "held_out_accuracy": round(statistics.held_out_accuracy, 6),
        "test_accuracy": round(float(evidence.test_correct.mean()), 6),
        "confidence": 0.95,
        "versions": {"numpy": np.__version__, "python": platform.python_version()},
    }
    warnings = _warnings(statistics)
    pairs, strongest, strongest_index = _pairs(evidence, statistics, mem.estimate, train_labels, test_labels)
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
            "label": train_labels,
            "test_p": statistics.test_correct / evidence.trials,
            "test_label": test_labels,
            "test_infl_max": strongest,
            "test_infl_index": strongest_index,
        },
        {**meta, "warnings": warnings},
    )
    return scores, PairsTable.of(pairs, {**meta, "floor": PAIRS_FLOOR})


def _warnings(statistics: SufficientStatistics) -> list[str]:
    found: list[str] = []
    if statistics.in_sample_accuracy < INTERPOLATES:
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
    return found


def _pairs(
    evidence: Evidence,
    statistics: SufficientStatistics,
    mem: npt.NDArray[np.float64],
    train_labels: npt.NDArray[np.int32],
    test_labels: npt.NDArray[np.int32],
) -> tuple[Columns, npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Columns of the pairs table, and the strongest influence on each test sample with its index."""
    defined = (statistics.n_in > 0) & (statistics.n_out > 0)
    strongest = np.full(len(test_labels), np.nan)
    strongest_index = np.full(len(test_labels), -1, np.int64)
    found: list[Columns] = []
    p_values: list[npt.NDArray[np.float64]] = []
    for label in np.unique(test_labels):
        train = np.flatnonzero((train_labels == label) & defined)
        test = np.flatnonzero(test_labels == label)
        if not len(train):
            continue
        joint = joint_counts(evidence.membership[:, train], evidence.test_correct[:, test])
        n_in, correct = statistics.n_in[train], statistics.test_correct[test]
        infl = influence(joint, n_in, correct, evidence.trials)
        p = positive_influence_p(joint, n_in, correct, evidence.trials)
        best = np.argmax(infl.estimate, axis=0)
        strongest[test] = infl.estimate[best, np.arange(len(test))]
        strongest_index[test] = train[best]
        kept = infl.estimate >= PAIRS_FLOOR
        rows, columns = np.nonzero(kept)
        position = sum(len(earlier) for earlier in p_values) + np.flatnonzero(kept)
        p_values.append(p.ravel())
        found.append(
            {
                "train_index": train[rows],
                "test_index": test[columns],
                "infl": infl.estimate[kept],
                "se": infl.standard_error[kept],
                "mem": mem[train[rows]],
                "position": position,
            }
        )
    if not found:
        return {name: np.empty(0) for name in PairsTable.dtypes}, strongest, strongest_index
    joined: Columns = {name: np.concatenate([part[name] for part in found]) for name in found[0]}
    joined["q_value"] = benjamini_hochberg(np.concatenate(p_values))[joined.pop("position")]
    joined["infl"] = joined["infl"].astype(np.float32)  # ties are those of the stored column
    order = np.lexsort((joined["test_index"], joined["train_index"], -joined["infl"]))
    return {name: column[order] for name, column in joined.items()}, strongest, strongest_index
