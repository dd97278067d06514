"""The outcome of a finished run: its accuracies by checkpoint, and the conditions behind them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memscore.errors import Damaged
from memscore.runs.layout import EVALUATIONS, FINISHED, REQUEST, TABLE_JSON
from memscore.runs.sample_records import CLEAN, WORST
from trainer.folder import RunFolder
from trainer.metrics import read_metrics

Accuracies = dict[tuple[str, str, str], float]
"""Shares by split, group and attack; "clean" means no attack, "worst" all of them."""


@dataclass(frozen=True)
class Outcome:
    """Accuracies by checkpoint. counts: samples by split and group. conditions: settings that should not vary by run.

    events: what a reader of the results should know, such as a lowered learning rate. network: its name with options,
    and its signature (`memscore.study.signatures`) if known.
    """

    accuracies: dict[str, Accuracies]
    counts: dict[tuple[str, str], int]
    conditions: dict[str, str]
    events: tuple[str, ...] = ()
    network: tuple[str, str | None] = ("", None)

    @property
    def attacks(self) -> tuple[str, ...]:
        """The attacks that every checkpoint was evaluated with."""
        every = [dict.fromkeys(attack for _, _, attack in one) for one in self.accuracies.values()]
        first = every[0] if every else {}
        return tuple(name for name in first if name not in (CLEAN, WORST) and all(name in one for one in every))


def is_finished(run: Path) -> bool:
    """Whether the run's training and evaluation are complete."""
    return (run / FINISHED).is_file()


def progress(run: Path) -> tuple[int, float]:
    """Epochs completed by a run, finished or not, and the seconds that they took."""
    records = [record for record in read_metrics(run) if "epoch" in record]
    return (records[-1]["epoch"], records[-1]["cost"]["seconds"]) if records else (0, 0.0)


def made_with(run: Path, fingerprint: str, scores: str | None) -> str:
    """How a finished run's dataset and scores differ from these, in words; empty if they do not."""
    request = _read(run / REQUEST)
    differing = [
        f"{what} {(kept or 'none')[:8]}, now {(now or 'none')[:8]}"
        for what, kept, now in (
            ("a dataset with fingerprint", request["fingerprint"], fingerprint),
            ("scores with digest", request["scores"], scores),
        )
        if kept != now
    ]
    return " and ".join(differing)


def read_outcome(run: Path) -> Outcome:
    """The outcome of a finished run. Raises Damaged if its files cannot be read."""
    try:
        return _outcome(run)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(f"The run in {run} cannot be read ({error!r}); remove its folder to train it again.") from error


def _outcome(run: Path) -> Outcome:
    request = _read(run / REQUEST)
    config = request["config"]
    accuracies: dict[str, Accuracies] = {}
    counts: dict[tuple[str, str], int] = {}
    epsilons: set[float] = set()
    for checkpoint in _read(run / FINISHED)["checkpoints"]:
        table = _read(run / EVALUATIONS / checkpoint / TABLE_JSON)
        counts |= {(row["split"], row["group"]): row["count"] for row in table["rows"]}
        epsilons.add(table["meta"]["epsilon"])
        accuracies[checkpoint] = {
            (row["split"], row["group"], attack): accuracy["share"]
            for row in table["rows"]
            for attack, accuracy in row["accuracy"].items()
            if accuracy["share"] is not None
        }
    conditions = {
        "dataset": f"{request['dataset']} ({request['fingerprint'][:8]})",
        "scores": (request["scores"] or "none")[:8],
        "epochs": str(config["epochs"]),
        "epsilon": f"{config['epsilon']:.4g}",
        "epsilon of the evaluation": ", ".join(f"{epsilon:.4g}" for epsilon in sorted(epsilons)),
        "selection split": f"{config['select_on']}, {config['validation']:g} of the training samples held out",
    }
    network = f"{config.get('network')} {config.get('network_options')}", request.get("network")
    return Outcome(accuracies, counts, conditions, tuple(RunFolder(run).events()), network)


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())
