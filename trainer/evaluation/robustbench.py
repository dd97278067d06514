"""An evaluation as an entry of RobustBench's leaderboards: the JSON file that its collection keeps for each model.

Layout: github.com/RobustBench/robustbench, folder model_info. Numbers are texts in per cent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trainer.attacks.registry import AUTOATTACK
from trainer.evaluation.table import Row

ROBUSTBENCH_JSON = "robustbench.json"
LEVELS = 255  # of a pixel; papers count radii in them
UNSTATED = ""
"""What the authors of an entry have to fill in."""


def entry(meta: Mapping[str, Any], rows: Sequence[Row]) -> dict[str, Any] | None:
    """The entry; None unless AutoAttack was run on test samples.

    meta and rows: of an evaluation. The footnote says how many samples AutoAttack was run on, since RobustBench asks
    for all, and gives its 95 % interval.
    """
    whole = next((row for row in rows if (row.split, row.group) == ("test", "all")), None)
    if whole is None or AUTOATTACK not in whole.accuracy or "clean" not in whole.accuracy:
        return None
    clean, robust = whole.accuracy["clean"], whole.accuracy[AUTOATTACK]
    if clean.share is None or robust.share is None:
        return None
    _, low, high = robust.known()
    return {
        "link": UNSTATED,
        "name": meta.get("checkpoint") or UNSTATED,
        "authors": UNSTATED,
        "additional_data": False,
        "number_forward_passes": 1,
        "dataset": (meta.get("dataset") or UNSTATED).lower(),
        "venue": UNSTATED,
        "architecture": meta.get("architecture") or UNSTATED,
        "eps": radius(float(meta["epsilon"])),
        "clean_acc": f"{100 * clean.share:.2f}",
        "reported": f"{100 * robust.share:.2f}",
        "autoattack_acc": f"{100 * robust.share:.2f}",
        "footnote": (
            f"Norm {meta['norm']}. AutoAttack on {robust.count:,} of {whole.count:,} test samples, 95 % interval "
            f"{100 * low:.2f} to {100 * high:.2f}."
        ),
    }


def radius(epsilon: float) -> str:
    """A radius as papers write it: 8/255 where it is such a fraction, otherwise a decimal number."""
    levels = epsilon * LEVELS
    whole = abs(levels - round(levels)) < 1e-6 and 0 < levels < LEVELS
    return f"{round(levels)}/{LEVELS}" if whole else f"{epsilon:g}"
