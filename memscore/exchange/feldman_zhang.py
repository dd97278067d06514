"""Reading and writing of scores in the layout published by Feldman and Zhang (2020), one .npz.

`tr_mem` [n], `tr_labels` [n], `tt_labels` [q], and for each class K the indices of its samples, `tr_classidx_K` and
`tt_classidx_K`, and `infl_matrix_classK`, the influence of each of these training samples on each of these test
samples.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from memscore import strict_json
from memscore.arrays import Float32, Labels
from memscore.errors import InvalidInput
from memscore.npz import NpzReader, Source
from memscore.scores.tables import PAIRS_FLOOR, Columns, PairsTable, ScoreTable
from memscore.statistics.counts import Counts
from memscore.statistics.estimates import gap, memorization
from memscore.study.evidence import Evidence

SOURCE = "feldman-zhang npz"
KIND = "Feldman-Zhang score"
ROUNDING = 1e-5
"""How far a score may exceed [-1, 1]."""


@dataclass(frozen=True)
class FeldmanZhangScores:
    """The content of a file, in dataset order.

    mem float32 [n]; train_labels int32 [n] and test_labels int32 [q]; infl: for each class float32 [its training
    samples, its test samples]. NaN means undefined.
    """

    mem: Float32
    train_labels: Labels
    test_labels: Labels
    infl: dict[int, Float32]

    def members(self, label: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Indices of a class's training and test samples, ascending."""
        return np.flatnonzero(self.train_labels == label), np.flatnonzero(self.test_labels == label)

    def encode(self) -> bytes:
        """Encode as .npz."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "tr_mem": self.mem,
            "tr_labels": self.train_labels,
            "tt_labels": self.test_labels,
        }
        for label, infl in self.infl.items():
            arrays[f"tr_classidx_{label}"], arrays[f"tt_classidx_{label}"] = self.members(label)
            arrays[f"infl_matrix_class{label}"] = infl
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        return buffer.getvalue()

    @classmethod
    def decode(cls, source: Source, train_labels: Labels, test_labels: Labels) -> FeldmanZhangScores:
        """Read a file for the dataset with these labels int32 [n] and [q], in the same order.

        Raises InvalidInput if the file is not valid or its labels differ.
        """
        with NpzReader(source, KIND) as file:
            for name, of, labels in (("tr_labels", "training", train_labels), ("tt_labels", "test", test_labels)):
                require_labels(file.read(name, "iu", None), labels, of)
            mem = _scores(file.read("tr_mem", "f", len(train_labels)), "tr_mem")
            infl: dict[int, Float32] = {}
            for label in np.union1d(train_labels, test_labels).tolist():
                train = _class_order(file, f"tr_classidx_{label}", np.flatnonzero(train_labels == label), label)
                test = _class_order(file, f"tt_classidx_{label}", np.flatnonzero(test_labels == label), label)
                name = f"infl_matrix_class{label}"
                infl[label] = _scores(file.read(name, "f", len(train), len(test)), name)[np.ix_(train, test)]
        if np.isnan(mem).all():
            raise InvalidInput(f"This is not a usable {KIND} file: every value of tr_mem is NaN.")
        return cls(mem, train_labels, test_labels, infl)


def published_of(chunks: Iterable[Evidence], train_labels: Labels, test_labels: Labels) -> FeldmanZhangScores:
    """Scores from evidence in one or more parts: mem, and infl of all same-class pairs (paper, equation 2).

    NaN if a sample was trained on always or never. Raises InvalidInput if there is no evidence.
    """
    counts = Counts.empty(train_labels, test_labels)
    for part in chunks:
        counts.add(part)
    if not counts.trials:
        raise InvalidInput("There is no evidence yet: estimate first.")
    total = counts.statistics
    labels = np.union1d(train_labels, test_labels).tolist()
    published = FeldmanZhangScores(memorization(total).estimate.astype(np.float32), train_labels, test_labels, {})
    for label in labels:
        train, test = published.members(label)
        published.infl[label] = np.empty((len(train), len(test)), np.float32)
    for group, joint in zip(counts.groups, counts.joint, strict=True):
        both, n_in = joint.astype(np.int64), total.n_in[group.train, None]
        infl = gap(both, n_in, total.test_correct[group.test] - both, total.trials - n_in)
        published.infl[group.label] = infl.astype(np.float32)
    return published


def imported_id(fingerprint: str, digest: str) -> str:
    """The 16 hexadecimal digits that identify the study of scores imported from this file for this dataset."""
    canonical = strict_json.dumps({"imported": digest, "dataset": fingerprint}, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def tables_of(published: FeldmanZhangScores, study: str, fingerprint: str) -> tuple[ScoreTable, PairsTable]:
    """Build both tables of imported scores; values missing from the file are NaN, and trials are 0."""
    warnings = [
        "These scores were imported without standard errors, intervals, q-values and test accuracy, so no test sample "
        "counts as typical."
    ]
    undefined = int(np.isnan(published.mem).sum())
    if undefined:
        warnings.append(f"The mem of {undefined} samples is undefined (NaN) in the imported file.")
    meta: dict[str, Any] = {
        "study": study,
        "fingerprint": fingerprint,
        "recipe": None,
        "design": None,
        "trials": 0,
        "full_trials": 0,
        "source": SOURCE,
    }
    pairs, strongest, strongest_index = _pairs(published)
    scores: Columns = {
        "mem": published.mem,
        "label": published.train_labels,
        "test_label": published.test_labels,
        "test_infl_max": strongest,
        "test_infl_index": strongest_index,
    }
    for name, dtype in ScoreTable.dtypes.items():
        if name in ScoreTable.optional:
            continue
        rows = len(published.test_labels) if name.startswith("test_") else len(published.mem)
        scores.setdefault(name, np.full(rows, np.nan if np.dtype(dtype).kind == "f" else 0))
    for name, dtype in PairsTable.dtypes.items():
        if np.dtype(dtype).kind == "f":
            pairs.setdefault(name, np.full(len(pairs["infl"]), np.nan))
    return ScoreTable.of(scores, {**meta, "warnings": warnings}), PairsTable.of(
        pairs, {**meta, "floor": PAIRS_FLOOR, "scope": "same_class"}
    )


def _pairs(published: FeldmanZhangScores) -> tuple[Columns, Float32, npt.NDArray[np.int64]]:
    """The pairs at or above the floor, and the strongest influence on each test sample with its training index."""
    strongest = np.full(len(published.test_labels), np.nan, np.float32)
    strongest_index = np.full(len(published.test_labels), -1, np.int64)
    found: list[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Float32]] = []
    for label, infl in published.infl.items():
        train, test = published.members(label)
        known = np.where(np.isnan(infl), -np.inf, infl)
        if len(train):
            best = np.argmax(known, axis=0)
            defined = np.isfinite(known[best, np.arange(len(test))])
            strongest[test[defined]] = known[best, np.arange(len(test))][defined]
            strongest_index[test[defined]] = train[best[defined]]
        rows, columns = np.nonzero(known >= np.float32(PAIRS_FLOOR))
        found.append((train[rows], test[columns], infl[rows, columns]))
    train_index, test_index, strength = (np.concatenate(part) for part in zip(*found, strict=True))
    order = np.lexsort((test_index, train_index, -strength))
    pairs: Columns = {"train_index": train_index[order], "test_index": test_index[order], "infl": strength[order]}
    pairs["mem"] = published.mem[pairs["train_index"]]
    return pairs, strongest, strongest_index


def require_labels(found: npt.NDArray[Any], labels: Labels, of: str) -> None:
    """Raises InvalidInput unless a file's labels are the dataset's, in its order."""
    if len(found) != len(labels):
        raise InvalidInput(
            f"The file has {len(found)} {of} samples and the dataset {len(labels)}; import it for the dataset it was "
            "made from."
        )
    differing = np.flatnonzero(found != labels)
    if len(differing):
        first = int(differing[0])
        same = np.array_equal(np.sort(found), np.sort(labels))
        raise InvalidInput(
            f"The labels of {len(differing)} {of} samples differ from the dataset's, first at index {first}: "
            f"{found[first]} in the file, {labels[first]} in the dataset"
            + ("; the samples seem to be in a different order." if same else ".")
        )


def _class_order(file: NpzReader, name: str, members: npt.NDArray[np.intp], label: int) -> npt.NDArray[np.intp]:
    """The row of each class member in the file's matrix, in ascending order of the members."""
    given = file.read(name, "iu", len(members))
    order = np.argsort(given, kind="stable")
    wrong = np.flatnonzero(given[order] != members)
    if len(wrong):
        raise InvalidInput(f"{name} does not hold exactly the indices of the samples with label {label}.")
    return order


def _scores(values: npt.NDArray[Any], name: str) -> Float32:
    """Convert to float32. Raises InvalidInput if a value is infinite or outside [-1, 1]."""
    wrong = int((np.abs(values) > 1 + ROUNDING).sum())
    if wrong:
        raise InvalidInput(f"This is not a usable {KIND} file: {wrong} values of {name} are outside [-1, 1].")
    return values.astype(np.float32)
