"""Draw a stratified subset: the same share of every class and of typical and atypical samples."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from memscore.arrays import Indices
from memscore.study.randomness import random_order


def stratified(strata: npt.NDArray[np.int64], wanted: int, *name: str | int) -> Indices:
    """Ascending indices of `wanted` samples, or of all if there are fewer; determined by strata and `name`.

    strata int64 [n] numbers the group of each sample. Each group gets its share, to within about one sample, and a
    larger subset contains the smaller ones.
    """
    order = random_order(len(strata), "stratified", *name)
    priority = np.empty(len(strata))
    for stratum in np.unique(strata):
        members = order[strata[order] == stratum]
        priority[members] = (np.arange(len(members)) + 0.5) / len(members)
    place = np.empty(len(strata), np.int64)
    place[order] = np.arange(len(strata))
    return np.sort(np.lexsort((place, priority))[:wanted])
