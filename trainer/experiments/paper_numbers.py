"""The paper's own numbers, as printed: accuracies in per cent, and distances."""

from __future__ import annotations

import csv
from importlib.resources import files

from trainer.experiments.setting import Setting

NUMBERS = "published.csv"


def published(item: str, setting: Setting) -> dict[tuple[str, str], float]:
    """The paper's numbers for an item and the subject of a setting, by row and column; empty if it gives none."""
    with files("trainer.experiments").joinpath(NUMBERS).open() as file:
        rows = list(csv.DictReader(file))
    return {
        (one["row"], one["column"]): float(one["value"])
        for one in rows
        if one["item"] == item and (one["dataset"], one["model"]) == setting.paper_setting
    }
