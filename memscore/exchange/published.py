"""Reading of published scores to compare with: Feldman and Zhang (2020), and C-scores (Jiang et al. 2021).

`feldman-zhang`: an .npz in their layout (`memscore.exchange.feldman_zhang`), or a list of pairs: `tr_idx`, `tt_idx`,
`infl` and `mem`, the mem of each pair's training sample. `cscores`: an .npz with `labels` and `scores` of the training
samples in the dataset's order.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from memscore.arrays import Int64, Labels
from memscore.counted import counted
from memscore.errors import InvalidInput
from memscore.exchange.feldman_zhang import FeldmanZhangScores, require_labels
from memscore.npz import NpzReader, Source
from memscore.scores.published import STRONG, PublishedPairs, PublishedScores

FELDMAN_ZHANG = "feldman-zhang"
CSCORES = "cscores"

CIFAR_100 = (50_000, 100)
"""Training samples and classes of CIFAR-100, by which its published figures are found."""

FELDMAN_ZHANG_ACCURACY: dict[tuple[int, int], float] = {CIFAR_100: 0.716}
"""Held-out accuracy of their models by training samples and classes: of CIFAR-100 1 - mean mem of their histogram."""

FELDMAN_ZHANG_HISTOGRAM: dict[tuple[int, int], tuple[int, ...]] = {
    CIFAR_100: (
        *(24_370, 3_116, 2_131, 1_621, 1_433, 1_279, 1_118, 1_079, 974),
        *(924, 912, 933, 930, 961, 1_013, 1_198, 1_470, 4_538),
    )
}
"""Training samples in equal bins of mem from 0 to 1, by training samples and classes.

Measured from the heights in memorization-hist-cifar100-18bins.svg of pluskid.github.io/influence-memorization.
"""


def read_published(kind: str, source: Source, train_labels: Labels, test_labels: Labels) -> PublishedScores:
    """Read published scores of a dataset with these labels int32 [n] and [q].

    Raises InvalidInput if there is no such kind, the file is not valid, or its labels or classes differ.
    """
    if kind not in READERS:
        raise InvalidInput(f"--with must be one of {', '.join(READERS)}, not {kind!r}.")
    return READERS[kind](source, train_labels, test_labels)


def _read_feldman_zhang(source: Source, train_labels: Labels, test_labels: Labels) -> PublishedScores:
    with NpzReader(source, "Feldman-Zhang score") as file:
        if "tr_idx" in file:
            return _read_list(file, train_labels, test_labels)
    found = FeldmanZhangScores.decode(source, train_labels, test_labels)
    mem = found.mem.astype(np.float64)
    train, test, infl = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0)]
    for label, matrix in found.infl.items():
        members, tested = found.members(label)
        rows, columns = np.nonzero(np.nan_to_num(matrix, nan=-1.0) >= np.float32(STRONG))
        train.append(members[rows])
        test.append(tested[columns])
        infl.append(matrix[rows, columns].astype(np.float64))
    pairs = PublishedPairs(np.concatenate(train), np.concatenate(test), np.concatenate(infl))
    return PublishedScores("Feldman and Zhang (2020)", mem, 1 - float(np.nanmean(mem)), pairs)


def _read_list(file: NpzReader, train_labels: Labels, test_labels: Labels) -> PublishedScores:
    train = _indices(file, "tr_idx", None, len(train_labels))
    test = _indices(file, "tt_idx", len(train), len(test_labels))
    infl, values = (file.read(name, "f", len(train)).astype(np.float64) for name in ("infl", "mem"))
    _require_range(infl, "infl", -1)
    _require_range(values, "mem", -1)
    differing = int((train_labels[train] != test_labels[test]).sum())
    if differing:
        raise InvalidInput(
            f"{differing} of {len(train)} pairs are of two classes, and published pairs are of one: the file is for "
            "another dataset, or for samples in another order."
        )
    mem = np.full(len(train_labels), np.nan)
    mem[train] = values
    known = len(train_labels), int(train_labels.max()) + 1
    return PublishedScores(
        "Feldman and Zhang (2020)",
        mem,
        FELDMAN_ZHANG_ACCURACY.get(known),
        PublishedPairs(train, test, infl),
        FELDMAN_ZHANG_HISTOGRAM.get(known),
    )


def _read_cscores(source: Source, train_labels: Labels, test_labels: Labels) -> PublishedScores:
    """1 - C-score is taken as mem: a C-score is the accuracy of held-out models, and in-sample accuracy is 1."""
    with NpzReader(source, "C-score") as file:
        require_labels(file.read("labels", "iu", None), train_labels, "training")
        scores = file.read("scores", "f", len(train_labels)).astype(np.float64)
    _require_range(scores, "scores", 0)
    return PublishedScores("C-scores (Jiang et al. 2021)", 1 - scores, float(np.nanmean(scores)))


READERS: dict[str, Callable[[Source, Labels, Labels], PublishedScores]] = {
    FELDMAN_ZHANG: _read_feldman_zhang,
    CSCORES: _read_cscores,
}


def _indices(file: NpzReader, name: str, count: int | None, samples: int) -> Int64:
    found = file.read(name, "iu", count)
    if not len(found):
        raise InvalidInput(f"This is not a usable {file.kind} file: {name} is empty.")
    if found.min() < 0 or found.max() >= samples:
        raise InvalidInput(
            f"This is not a usable {file.kind} file: an index in {name} is not among the {counted(samples, 'sample')}."
        )
    return found.astype(np.int64)


def _require_range(values: npt.NDArray[np.float64], name: str, lowest: float) -> None:
    wrong = int((~((values >= lowest - 1e-5) & (values <= 1 + 1e-5)) & ~np.isnan(values)).sum())
    if wrong or np.isnan(values).all():
        raise InvalidInput(f"{wrong or len(values)} values of {name} are not between {lowest:g} and 1.")
