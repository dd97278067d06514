"""Compare many runs: every accuracy over seeds, and how methods differ from one of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, TypeVar

from memscore import strict_json
from memscore.errors import FingerprintMismatch, InvalidInput
from memscore.runs.layout import COMPARISON, EVALUATIONS
from memscore.runs.mcnemar import ReadEvaluation
from memscore.runs.sample_records import CLEAN, read_samples
from memscore.study import signatures
from trainer.evaluation.result import SAMPLES
from trainer.evaluation.seed_comparison import MethodDifference, compare_seeds
from trainer.outcome import is_finished, read_outcome
from trainer.sweep import SweptRun

LAST = "last"
CHECKPOINTS = ("best-adversarial", "best-clean", LAST)
DIFFERENCES = (
    "Accuracy minus that of the reference, in points, paired by seed and sample, with the 95 % interval over seeds and "
    "samples. Methods differ where the interval excludes 0; one seed has no interval."
)
ONE_SEED = "One seed decides nothing: networks of one method differ by their seed too. Add more with --seeds 3."
Key = TypeVar("Key")
Value = TypeVar("Value")

SPLITS, GROUPS = ("test", "train"), ("all", "typical", "atypical")


@dataclass(frozen=True)
class Cell:
    """An accuracy over n seeds: mean, standard deviation (n - 1; None for a single seed), and n."""

    mean: float
    deviation: float | None
    seeds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Cell:
        """Summarize at least one value."""
        return cls(fmean(values), stdev(values) if len(values) > 1 else None, len(values))

    def __str__(self) -> str:
        if self.deviation is None:
            return f"{100 * self.mean:.1f}"
        return f"{100 * self.mean:.1f} ± {100 * self.deviation:.1f}"


@dataclass(frozen=True)
class ComparedRow:
    """A method at a grid point, by one selection of its checkpoints; `seeds` is the number of its finished runs."""

    method: str
    point: str
    checkpoint: str
    seeds: int
    cells: dict[tuple[str, str, str], Cell]


@dataclass(frozen=True)
class ComparedMethods:
    """How a method at a grid point differs from the reference, in its last networks with the seeds that both have."""

    method: str
    point: str
    reference: str
    differences: list[MethodDifference]

    @property
    def name(self) -> str:
        """The method with its point."""
        return f"{self.method} {self.point}".strip()


@dataclass(frozen=True)
class RunComparison:
    """All rows, how they differ from the reference, warnings on their comparability, and the runs without a result.

    conditions, counts: the entries of these Outcome fields that all runs share.
    """

    rows: list[ComparedRow]
    differences: list[ComparedMethods]
    conditions: dict[str, str]
    counts: dict[tuple[str, str], int]
    warnings: list[str]
    unfinished: list[str]

    def attacks(self) -> list[str]:
        """The attacks of any row, "clean" first, in the order of the evaluations."""
        found = dict.fromkeys(attack for row in self.rows for _, _, attack in row.cells)
        return sorted(found, key=lambda attack: attack != CLEAN)

    def tables(self, splits: Iterable[str] = SPLITS) -> Iterator[tuple[str, tuple[str, ...], list[tuple[str, ...]]]]:
        """Tables to print, one for each group of samples: title, columns and rows, in per cent."""
        attacks = self.attacks()
        columns = ("method", "point", "checkpoint", "seeds", *attacks)
        for split in splits:
            for group in GROUPS:
                lines: list[tuple[str, ...]] = []
                for row in self.rows:
                    cells = [row.cells.get((split, group, attack)) for attack in attacks]
                    if any(cells):
                        shown = ["-" if cell is None else _noted(cell, row.seeds) for cell in cells]
                        lines.append((row.method, row.point or "-", row.checkpoint, str(row.seeds), *shown))
                if lines:
                    yield f"{split}, {group} samples ({self.counts.get((split, group), '?')})", columns, lines

    def table_of_differences(self, groups: Sequence[str] = GROUPS) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """Differences to the reference on test samples: columns and rows, in points with their intervals."""
        attacks = [one for one in self.attacks() if any(one == row.attack for row in self._of_test())]
        lines: list[tuple[str, ...]] = []
        for one in self.differences:
            for group in groups:
                rows = {row.attack: row for row in one.differences if (row.split, row.group) == ("test", group)}
                if rows:
                    seeds = str(next(iter(rows.values())).seeds)
                    cells = ["-" if attack not in rows else _points(rows[attack]) for attack in attacks]
                    lines.append((one.name, one.reference, group, seeds, *cells))
        return ("method", "minus", "samples", "seeds", *attacks), lines

    def _of_test(self) -> list[MethodDifference]:
        return [row for one in self.differences for row in one.differences if row.split == "test"]

    def files(self) -> dict[str, str]:
        """The comparison in every format, by file name."""
        return {
            "comparison.csv": self.to_csv(),
            COMPARISON: strict_json.dumps(self.as_json(), indent=2) + "\n",
            "comparison.md": self.to_markdown(),
        }

    def to_csv(self) -> str:
        """CSV with three columns for each accuracy: mean, deviation and number of seeds."""
        keys = [(split, group, attack) for split in SPLITS for group in GROUPS for attack in self.attacks()]
        keys = [key for key in keys if any(key in row.cells for row in self.rows)]
        names = ["_".join(key) for key in keys]
        header = [f"{name}{suffix}" for name in names for suffix in ("", "_deviation", "_seeds")]
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(["method", "point", "checkpoint", "seeds", *header])
        for row in self.rows:
            line: list[Any] = [row.method, row.point, row.checkpoint, row.seeds]
            for key in keys:
                cell = row.cells.get(key)
                line += [None, None, 0] if cell is None else [cell.mean, cell.deviation, cell.seeds]
            writer.writerow(line)
        return buffer.getvalue()

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        rows = [
            {
                "method": row.method,
                "point": row.point,
                "checkpoint": row.checkpoint,
                "seeds": row.seeds,
                "accuracy": [
                    {"split": split, "group": group, "attack": attack, **asdict(cell)}
                    for (split, group, attack), cell in row.cells.items()
                ],
            }
            for row in self.rows
        ]
        return {
            "conditions": self.conditions,
            "samples": {" ".join(group): count for group, count in self.counts.items()},
            "rows": rows,
            "differences": [
                {
                    "method": one.method,
                    "point": one.point,
                    "reference": one.reference,
                    "checkpoint": LAST,
                    "accuracy": [{**row.as_row(), "decided": row.decided} for row in one.differences],
                }
                for one in self.differences
            ],
            "warnings": self.warnings,
            "unfinished": self.unfinished,
        }

    def to_markdown(self) -> str:
        """The tables and the warnings, as Markdown."""
        parts = ["# Comparison", "Accuracy in per cent: mean ± standard deviation over seeds (n - 1)."]
        parts += ["\n".join(f"- {name}: {value}" for name, value in self.conditions.items())]
        parts += [f"**Note:** {warning}" for warning in self.warnings]
        if self.unfinished:
            parts.append(f"Not finished: {', '.join(self.unfinished)}.")
        for title, columns, lines in self.tables():
            rule = ["---"] * 3 + ["---:"] * (len(columns) - 3)
            shown = "\n".join(f"| {' | '.join(line)} |" for line in (columns, rule, *lines))
            parts.append(f"## {title[0].upper()}{title[1:]}\n\n{shown}")
        columns, lines = self.table_of_differences()
        if lines:
            rule = ["---"] * 4 + ["---:"] * (len(columns) - 4)
            shown = "\n".join(f"| {' | '.join(line)} |" for line in (columns, rule, *lines))
            parts.append(f"## Differences on test samples, last networks\n\n{DIFFERENCES}\n\n{shown}")
        return "\n\n".join(parts) + "\n"


def compare(folder: Path, runs: Sequence[SweptRun]) -> RunComparison:
    """Compare the finished runs below `folder`. Raises Damaged if files of a finished run cannot be read."""
    outcomes = {run: read_outcome(folder / run.name) for run in runs if is_finished(folder / run.name)}
    points: dict[tuple[str, str], list[SweptRun]] = {}
    for run in outcomes:
        points.setdefault((run.method, run.label), []).append(run)
    rows: list[ComparedRow] = []
    for (method, point), members in points.items():
        names = {name for run in members for name in outcomes[run].accuracies}
        for checkpoint in (*CHECKPOINTS, *sorted(names - set(CHECKPOINTS))):
            found = [kept[checkpoint] for run in members if checkpoint in (kept := outcomes[run].accuracies)]
            if found:
                keys = dict.fromkeys(key for one in found for key in one)
                cells = {key: Cell.of([one[key] for one in found if key in one]) for key in keys}
                rows.append(ComparedRow(method, point, checkpoint, len(found), cells))
    differences, refused = _compared_methods(folder, points)
    warnings = _differences({run.name: outcome.conditions for run, outcome in outcomes.items()})
    if len({frozenset(run.seed for run in members) for members in points.values()}) > 1:
        warnings.append("The rows do not cover the same seeds.")
    warnings += _changed_networks({run.name: outcome.network for run, outcome in outcomes.items()})
    warnings += [f"{run.name}: {event}." for run, outcome in outcomes.items() for event in outcome.events]
    if any(len(members) == 1 for members in points.values()) and len(points) > 1:
        warnings.append(ONE_SEED)
    warnings += refused
    return RunComparison(
        rows,
        differences,
        _common([outcome.conditions for outcome in outcomes.values()]),
        _common([outcome.counts for outcome in outcomes.values()]),
        warnings,
        [run.name for run in runs if run not in outcomes],
    )


def _compared_methods(
    folder: Path, points: dict[tuple[str, str], list[SweptRun]]
) -> tuple[list[ComparedMethods], list[str]]:
    """Every method at every point against PGD training, or the first if there is none, and why some could not be."""
    if len(points) < 2:
        return [], []
    plain = [key for key in points if key[0] == "pgd"]  # first without settings of its own, else with the fewest
    reference = min(plain, key=lambda key: len(key[1].split())) if plain else next(iter(points))
    by_seed = {run.seed: run for run in points[reference]}
    name = " ".join(reference).strip()
    found: list[ComparedMethods] = []
    refused: list[str] = []
    for (method, point), members in points.items():
        pairs = [(by_seed[run.seed], run) for run in members if run.seed in by_seed]
        if (method, point) == reference or not pairs:
            continue
        try:
            read = [[_last(folder / run.name) for run in pair] for pair in pairs]
            found.append(ComparedMethods(method, point, name, compare_seeds([(one, other) for one, other in read])))
        except (InvalidInput, FingerprintMismatch) as error:
            refused.append(f"{method} {point}".strip() + f" was not compared with {name}: {error}")
    return found, refused


def _last(run: Path) -> ReadEvaluation:
    """The evaluation of a run's last network."""
    return read_samples(run / EVALUATIONS / LAST / SAMPLES)


def _points(row: MethodDifference) -> str:
    """A difference in points with its interval; of one seed, without."""
    value = f"{100 * row.difference:+.1f}"
    return value if row.seeds == 1 else f"{value} [{100 * row.low:+.1f}, {100 * row.high:+.1f}]"


def _common(records: Sequence[dict[Key, Value]]) -> dict[Key, Value]:
    """The entries that all records share."""
    first = records[0] if records else {}
    return {key: value for key, value in first.items() if all(one.get(key) == value for one in records)}


def _differences(conditions: dict[str, dict[str, str]]) -> list[str]:
    """A sentence for each condition in which runs differ; `conditions` by the run's name."""
    found: list[str] = []
    for what in dict.fromkeys(name for one in conditions.values() for name in one):
        values: dict[str, list[str]] = {}
        for run, one in conditions.items():
            values.setdefault(one[what], []).append(run)
        if len(values) > 1:
            listed = "; ".join(f"{value} in {_few(names)}" for value, names in values.items())
            found.append(f"The runs differ in {what}: {listed}.")
    return found


def _changed_networks(networks: dict[str, tuple[str, str | None]]) -> list[str]:
    """A sentence for each network whose code has changed between runs; `networks` by the run's name."""
    found: list[str] = []
    for name in dict.fromkeys(name for name, _ in networks.values()):
        signed = {run: signature for run, (other, signature) in networks.items() if other == name and signature}
        first = next(iter(signed.values()), None)
        changed = [run for run, signature in signed.items() if first and not signatures.same(first, signature)]
        if changed:
            code = f"the code of the network {name.split()[0]}"
            found.append(f"The runs differ in {code}: it has changed for {_few(changed)}.")
    return found


def _few(names: Sequence[str]) -> str:
    more = "" if len(names) <= 2 else f" and {len(names) - 2} more"
    return f"{', '.join(names[:2])}{more}"


def _noted(cell: Cell, seeds: int) -> str:
    """A cell, with its number of seeds if that differs from the row's."""
    return f"{cell}" if cell.seeds == seeds else f"{cell} ({cell.seeds})"
