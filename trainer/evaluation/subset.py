"""A subset that stands for the whole: the same share of every class and of typical and atypical samples."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from memscore.arrays import Indices
from memscore.study.randomness import random_order


def stratified(strata: npt.NDArray[np.int64], wanted: int, *name: str | int) -> Indices:
    """Indices of `wanted` of the samples, ascending; all of them if there are no more. A function of strata and `name`.

    strata int64 [n] numbers the group of each sample. Each gives its share, to within one sample or so, and a larger
    subset holds the smaller ones.
    """
    order = random_order(len(strata), "stratified", *name)
    priority = np.empty(len(strata))
    for stratum in np.unique(strata):
        members = order[strata[order] == stratum]
        priority[members] = (np.arange(len(members)) + 0.5) / len(members)
    place = np.empty(len(strata), np.int64)
    place[order] = np.arange(len(strata))
    return np.sort(np.lexsort((place, priority))[:wanted])
