"""The result of an evaluation, and its files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from memscore import strict_json
from memscore.errors import Damaged, InvalidInput
from memscore.files import atomic_write, reason
from memscore.runs.layout import SAMPLES, TABLE_JSON
from memscore.runs.sample_records import SampleRecords, write_samples
from trainer.evaluation.corruptions import CorruptionRow
from trainer.evaluation.findings import EvaluationFinding
from trainer.evaluation.masking import Probes
from trainer.evaluation.robustbench import ROBUSTBENCH_JSON, entry
from trainer.evaluation.table import Row, to_csv

Made = TypeVar("Made")

TABLE_CSV = "table.csv"
CHECKPOINTS_CSV, CORRUPTIONS_CSV = "checkpoints.csv", "corruptions.csv"


@dataclass(frozen=True)
class Evaluation:
    """The result. meta: its conditions (configuration, fingerprint, digest of the weights, versions)."""

    meta: dict[str, Any]
    rows: list[Row]
    findings: list[EvaluationFinding]
    notes: list[str]
    probes: Probes
    samples: list[SampleRecords]
    corruptions: list[CorruptionRow] = field(default_factory=list[CorruptionRow])

    def of_checkpoint(self, name: str, description: dict[str, Any], scores: str | None) -> Evaluation:
        """Add a checkpoint's description and the digest of the scores, and a note if selection favours it."""
        known = {key: description.get(key) for key in ("dataset", "epoch", "selected")}
        known["architecture"] = description.get("config", {}).get("network")
        known["events"] = description.get("events") or []
        notes = [*self.notes, *(f"in training: {event}" for event in known["events"])]
        if known["selected"] and known["selected"]["on"] == "test":
            notes = [*notes, "selected on the test samples: accuracies on them are too high"]
        return replace(self, meta={**self.meta, "checkpoint": name, **known, "scores": scores}, notes=notes)

    def as_json(self) -> dict[str, Any]:
        """Everything except the samples, as plain data."""
        parts = {part: int(left.sum()) for part, left in self.probes.parts.items()}
        return {
            "meta": self.meta,
            "rows": [row.as_json() for row in self.rows],
            "findings": [asdict(finding) for finding in self.findings],
            "notes": self.notes,
            "sweep": [{"epsilon": epsilon, "accuracy": share} for epsilon, share in sorted(self.probes.sweep.items())],
            "zero_gradients": self.probes.zero_gradients,
            "broken_gradients": self.probes.broken_gradients,
            "autoattack": {"left": parts, "warnings": list(self.probes.warnings or ())},
            "corruptions": [row.flat() for row in self.corruptions],
        }

    @staticmethod
    def read_rows(folder: Path) -> list[Row]:
        """The rows that `write` saved in a folder. Raises Damaged if they cannot be read."""
        return _table(folder, "rows", Row.from_json)

    @staticmethod
    def read_findings(folder: Path) -> list[EvaluationFinding]:
        """The findings that `write` saved in a folder. Raises Damaged if they cannot be read."""
        return _table(folder, "findings", lambda finding: EvaluationFinding(**finding))

    def write(self, folder: Path) -> None:
        """Write table.csv, table.json and samples.parquet, each atomically. Raises InvalidInput.

        And robustbench.json, if AutoAttack was run on test samples, and corruptions.csv, if some were tried.
        """
        leaderboard = entry(self.meta, self.rows)
        try:
            with atomic_write(folder / SAMPLES) as scratch:
                write_samples(scratch, self.samples, self.meta)
            with atomic_write(folder / TABLE_CSV) as scratch:
                scratch.write_text(to_csv([row.flat() for row in self.rows]))
            with atomic_write(folder / TABLE_JSON) as scratch:
                scratch.write_text(strict_json.dumps(self.as_json(), indent=2))
            _write_or_remove(
                folder / ROBUSTBENCH_JSON,
                None if leaderboard is None else strict_json.dumps(leaderboard, indent=2) + "\n",
            )
            tried = [row.flat() for row in self.corruptions]
            _write_or_remove(folder / CORRUPTIONS_CSV, to_csv(tried) if tried else None)
        except OSError as error:
            raise InvalidInput(f"The folder {folder} cannot be written ({reason(error)}).") from error


def _write_or_remove(path: Path, text: str | None) -> None:
    """Write a file, or remove that of an earlier evaluation if there is nothing to write. Raises OSError."""
    if text is None:
        path.unlink(missing_ok=True)
        return
    with atomic_write(path) as scratch:
        scratch.write_text(text)


def write_together(folder: Path, evaluations: list[Evaluation]) -> None:
    """Write checkpoints.csv: the tables of several checkpoints in one, with how each was selected."""
    rows: list[dict[str, Any]] = []
    for evaluation in evaluations:
        selected = evaluation.meta["selected"] or {}
        how = {f"selected_{name}": selected.get(name) for name in ("by", "on", "value")}
        head = {"checkpoint": evaluation.meta["checkpoint"], "epoch": evaluation.meta["epoch"], **how}
        rows += [head | row.flat() for row in evaluation.rows]
    try:
        with atomic_write(folder / CHECKPOINTS_CSV) as scratch:
            scratch.write_text(to_csv(rows))
    except OSError as error:
        raise InvalidInput(f"The folder {folder} cannot be written ({reason(error)}).") from error


def _table(folder: Path, part: str, made: Callable[[dict[str, Any]], Made]) -> list[Made]:
    """The records of a part of table.json."""
    try:
        return [made(one) for one in json.loads((folder / TABLE_JSON).read_text())[part]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Damaged(f"{folder / TABLE_JSON} cannot be read ({error}); evaluate the checkpoint again.") from error
