"""What a finished run has come to: its accuracies by checkpoint, and what they were reached under."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memscore.errors import Damaged

CLEAN = "clean"

Accuracies = dict[tuple[str, str, str], float]
"""Shares by split, group and attack; the attack "clean" is none."""


@dataclass(frozen=True)
class Outcome:
    """accuracies: by checkpoint. counts: samples by split and group. conditions: what should be alike in all runs."""

    accuracies: dict[str, Accuracies]
    counts: dict[tuple[str, str], int]
    conditions: dict[str, str]


def is_finished(run: Path) -> bool:
    """Whether training and its own evaluation have ended."""
    return (run / "finished.json").is_file()


def read_outcome(run: Path) -> Outcome:
    """A finished run's. Raises Damaged if its files cannot be read."""
    try:
        return _outcome(run)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(f"The run in {run} cannot be read ({error!r}); remove its folder to train it anew.") from error


def _outcome(run: Path) -> Outcome:
    accuracies: dict[str, Accuracies] = {}
    counts: dict[tuple[str, str], int] = {}
    epsilons: set[float] = set()
    request = _read(run / "config.json")
    config = request["config"]
    for checkpoint, rows in _read(run / "finished.json")["accuracy"].items():
        counts |= {_group(row): row["count"] for row in rows}
        table = run / "evaluation" / checkpoint / "table.json"
        if table.is_file():
            evaluation = _read(table)
            accuracies[checkpoint] = _of_evaluation(evaluation["rows"])
            epsilons.add(evaluation["meta"]["epsilon"])
        else:
            accuracies[checkpoint] = _of_training(rows)
            epsilons.add(config["epsilon"])
    conditions = {
        "dataset": f"{request['dataset']} ({request['fingerprint'][:8]})",
        "scores": (request["scores"] or "none")[:8],
        "epochs": str(config["epochs"]),
        "epsilon": f"{config['epsilon']:.4g}",
        "epsilon of the evaluation": ", ".join(f"{epsilon:.4g}" for epsilon in sorted(epsilons)),
        "selection split": f"{config['select_on']}, {config['validation']:g} of the training samples held out",
    }
    return Outcome(accuracies, counts, conditions)


def _of_evaluation(rows: list[dict[str, Any]]) -> Accuracies:
    return {
        (row["split"], row["group"], attack): accuracy["share"]
        for row in rows
        for attack, accuracy in row["accuracy"].items()
        if accuracy["share"] is not None
    }


def _of_training(rows: list[dict[str, Any]]) -> Accuracies:
    """What training itself has measured when it ended: clean accuracy and PGD-20."""
    found: Accuracies = {}
    for row in rows:
        found |= {(*_group(row), attack): row[name] for attack, name in ((CLEAN, "clean"), ("pgd", "pgd20"))}
    return {key: share for key, share in found.items() if share is not None}


def _group(row: dict[str, Any]) -> tuple[str, str]:
    split, group = row["group"].split(" ")
    return split, group


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())
