"""Scores for any training loop: weights, masks of the samples to keep, and a sampler for PyTorch.

NumPy alone, except for `sampler`. Everything is in the order of the dataset that the scores were made from;
`trainer.sampling` checks a PyTorch dataset against a table.

    keep = memscore.sampling.keep(scores, drop=study.suspects())
    weights = memscore.sampling.weights(scores, alpha=2.0) * keep
    loader = DataLoader(dataset, batch_size=64, sampler=memscore.sampling.sampler(weights, seed=0))
"""

from __future__ import annotations

import math
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np
import numpy.typing as npt

from memscore.arguments import as_array, indices_of, typed
from memscore.arrays import Bools, Float64, Indices
from memscore.errors import InvalidInput, MissingPackage
from memscore.scores.tables import ScoreTable

MOST_SEEDS = 2**63
MOST_ALPHA = 100.0  # larger values push weights towards the smallest floats


@runtime_checkable
class Listed(Protocol):
    """A list of training samples, such as `Study.suspects()`."""

    @property
    def indices(self) -> Indices:
        """The samples, int64 [k]."""
        ...


@typed
def weights(scores: ScoreTable, alpha: float = 1.0, threshold: float | None = None) -> Float64:
    """A weight for each training sample, float64 [n]: exp(-alpha mem), so that memorized samples count less.

    With a `threshold`, exp(-alpha) for samples with mem above it and 1 for all others, as BAT weights poisoning
    samples. Negative mem, which is noise, counts as 0; so does undefined mem, for lack of evidence.
    Raises InvalidInput unless 0 <= alpha <= 100 and the threshold, if given, is a number.
    """
    if not 0 <= alpha <= MOST_ALPHA:
        raise InvalidInput(f"alpha must be from 0 to {MOST_ALPHA:g}, not {alpha:g}.")
    _require_number("threshold", threshold)
    mem = np.clip(np.nan_to_num(scores["mem"].astype(np.float64), nan=0.0), 0.0, 1.0)
    return np.exp(-alpha * (mem if threshold is None else scores.atypical(threshold)))


@typed
def keep(
    scores: ScoreTable,
    *,
    drop: Listed | npt.ArrayLike | None = None,
    mem_max: float | None = None,
    risk_max: float | None = None,
) -> Bools:
    """Mask of the training samples to train on, bool [n]: all but those that a condition drops.

    drop: a listing such as `study.suspects()`, indices, or a mask such as `sets.train_atypical`. mem_max, risk_max: the
    highest mem and privacy risk; a sample whose value is undefined stays. Raises InvalidInput for other samples than
    the table's, or if no sample is left.
    """
    kept = np.ones(len(scores), np.bool_)
    if drop is not None:
        kept[indices_of("drop", drop.indices if isinstance(drop, Listed) else drop, len(scores))] = False
    for name, most in (("mem", mem_max), ("risk", risk_max)):
        _require_number(f"{name}_max", most)
        if most is not None:
            kept &= ~(scores[name] > np.float32(most))
    if not kept.any():
        raise InvalidInput("These conditions drop every training sample; raise mem_max or risk_max, or drop fewer.")
    return kept


@typed
def sampler(weights: npt.ArrayLike, *, samples: int | None = None, replacement: bool = True, seed: int = 0) -> Any:
    """A torch.utils.data.WeightedRandomSampler that draws by these weights, float [n], none of them negative.

    It draws `samples` a pass, by default as many as have a weight above 0. The order depends only on `seed`. It is
    the `sampler` of a DataLoader, and so works in Lightning and in any loop. Raises InvalidInput for other weights,
    MissingPackage if torch is not installed.
    """
    array = as_array("weights", weights)
    given = array.astype(np.float64) if array.dtype.kind in "fiub" else np.empty((0, 0))
    if given.ndim != 1 or not np.isfinite(given).all() or (given < 0).any() or not given.any():
        raise InvalidInput("weights must be a one-dimensional array of numbers, none below 0 and one above.")
    positive = int((given > 0).sum())
    wanted = positive if samples is None else samples
    if wanted < 1 or (not replacement and wanted > positive):
        most = f"from 1 to {positive} without replacement" if not replacement else "at least 1"
        raise InvalidInput(f"samples must be {most}, not {wanted}.")
    if not 0 <= seed < MOST_SEEDS:
        raise InvalidInput(f"seed must be at least 0 and below {MOST_SEEDS}, not {seed}.")
    try:
        import torch
    except ImportError as error:
        raise MissingPackage("A sampler needs torch, which is not installed: pip install torch") from error
    generator = torch.Generator().manual_seed(seed)
    return torch.utils.data.WeightedRandomSampler(cast("list[float]", given.tolist()), wanted, replacement, generator)


def _require_number(name: str, value: float | None) -> None:
    if value is not None and math.isnan(value):
        raise InvalidInput(f"{name} must be a number, such as 0.15, not nan.")
