"""What findings presuppose: networks that fit the atypical training samples, or a loss that could be prevented."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from memscore.arrays import Bools
from trainer.experiments.inputs import Finished, correct, curves
from trainer.experiments.verdict import Precondition
from trainer.interval import difference, estimate

FITTED = 0.9
"""Clean accuracy on atypical training samples above which they count as fitted."""


def fitted(runs: Sequence[Finished], atypical: Bools, *, attacked: bool) -> Precondition:
    """Whether networks end with the atypical training samples [n] fitted.

    attacked: also under PGD-20, more of them than at the first kept epoch. A claim about what fitting does would
    otherwise be tested on networks that fit nothing.
    """
    moments = [
        (epoch, [correct(samples, attack, _trained(samples, atypical)) for attack in ("clean", "pgd")[: 1 + attacked]])
        for epoch, samples in curves(runs, "train")
    ]
    (first, before), (last, after) = moments[0], moments[-1]
    end = estimate(after[0])
    numbers = f"{end.points()} % of the atypical training samples are right after epoch {last}"
    holds = end.low > FITTED
    what = f"over {100 * FITTED:g} % of the atypical training samples are fitted"
    if attacked:
        what += ", and more and more of them under attack"
        numbers += f", under PGD-20 {estimate(before[1]).points()} % after epoch {first}"
        numbers += f" and {estimate(after[1]).points()} % after epoch {last}" if last != first else ""
        holds = holds and difference(before[1], after[1]).low > 0
    return Precondition(what, numbers, holds)


def loses(label: str, what: str, best: Any, last: Any) -> Precondition:
    """Whether a method's accuracy, bool [seeds, samples], ends below its best, so that another can lose less."""
    found = difference(last, best)
    return Precondition(f"{label} loses {what}", f"it loses {found.points()} points", found.low > 0)


def _trained(samples: Sequence[Any], atypical: Bools) -> Bools:
    """The atypical samples that every seed was trained on."""
    return atypical & np.logical_and.reduce([one["trained"].filled(True) for one in samples])
