"""One run, from its folder."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, Field

from memscore.errors import Damaged
from memscore.messages.runs import (
    LARGEST,
    CheckpointEvaluation,
    EvaluationRow,
    GroupPoint,
    RunDetail,
    RunEpoch,
    RunFinding,
    RunSummary,
    Selection,
)
from memscore.runs.contents import made, read_as, read_lines, read_object, unlinked
from memscore.runs.layout import (
    ATTACKED,
    CHANGES,
    CURVE,
    ENVIRONMENT,
    EVALUATIONS,
    FINISHED,
    METRICS,
    REQUEST,
    TABLE_JSON,
)

POINTS = 60
"""Of the curve in a list."""
MOST_EVALUATIONS = 2000
"""Networks kept along the way, or checkpoints, whose evaluations are read."""
WATCHED = (REQUEST, ENVIRONMENT, METRICS, FINISHED)
NETWORK, AVERAGED = "network", "averaged"


class _Config(BaseModel):
    method: str
    options: dict[str, Any] = {}
    network: str | None = None
    seed: int | None = Field(default=None, ge=0, le=2**63)
    epochs: int | None = Field(default=None, ge=0, le=LARGEST)


class _Request(BaseModel):
    config: dict[str, Any]
    dataset: str | None = None
    scores: str | None = None


class _Cost(BaseModel):
    seconds: float | None = None


class _Epoch(BaseModel, extra="allow"):
    epoch: int = Field(ge=0, le=LARGEST)
    learning_rate: float | None = None
    loss: float | None = None
    accuracy: dict[str, dict[str, dict[str, float | None]]] = {}
    cost: _Cost = _Cost()


class _Conditions(BaseModel):
    epoch: int | None = Field(default=None, ge=0, le=LARGEST)
    selected: Selection | None = None
    epsilon: float | None = None


class _Table(BaseModel):
    meta: _Conditions = _Conditions()
    rows: list[EvaluationRow]
    findings: list[RunFinding] = []
    notes: list[str] = []


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run: it has a request, whatever that is, and what training writes first."""
    return os.path.lexists(folder / REQUEST) and any(os.path.lexists(folder / name) for name in (ENVIRONMENT, METRICS))


def state_of(folder: Path) -> tuple[tuple[int, int], ...]:
    """Sizes and times of the files that a summary rests on: while they stay, so does the summary."""
    tables = unlinked(folder, f"{EVALUATIONS}/*/{TABLE_JSON}")
    found: list[tuple[int, int]] = []
    for path in (*(folder / name for name in WATCHED), *tables):
        try:
            status = path.stat()
        except OSError:
            found.append((-1, -1))
        else:
            found.append((status.st_size, status.st_mtime_ns))
    return tuple(found)


def summary_of(folder: Path, path: str, sweep: str | None = None) -> RunSummary:
    """A run in short. What cannot be read is named in `problem`."""
    return made(RunSummary, detail_of(folder, path, sweep, brief=True).model_dump(), REQUEST)


def detail_of(folder: Path, path: str, sweep: str | None = None, *, brief: bool = False) -> RunDetail:
    """A run with its course and evaluations; `brief` leaves out those of networks kept along the way.

    What cannot be read is named in `problem`, and the rest is shown.
    """
    updated = max((time for _, time in state_of(folder)), default=0)
    told: dict[str, Any] = {"path": path, "sweep": sweep, "updated": datetime.fromtimestamp(max(updated, 0) / 1e9, UTC)}
    try:
        request = read_as(_Request, folder / REQUEST)
        config = made(_Config, request.config, REQUEST)
    except (Damaged, FileNotFoundError) as error:
        problem = str(error) if isinstance(error, Damaged) else f"{REQUEST} is gone."
        return RunDetail(**told, state="damaged", config={}, problem=problem)
    told |= config.model_dump() | {"dataset": request.dataset, "scores": request.scores, "config": request.config}
    problems: list[str] = []
    course, happened = _course(folder, problems)
    finished = _object(folder / FINISHED, problems)
    environment = _object(folder / ENVIRONMENT, problems)
    checkpoints = _evaluations(folder, problems, attacked=False)
    events = _texts(finished.get("events")) or [*_texts(environment.get(CHANGES)), *happened]
    told |= _progress(course)
    reached = course[-1].epoch if course else 0
    if finished and config.epochs is not None and reached < config.epochs:
        problems.append(f"{METRICS} ends after epoch {reached} of {config.epochs}, although the run is finished.")
    if not brief:
        told["checkpoints"] = checkpoints + _evaluations(folder, problems, attacked=True)
        told["groups"] = _along(folder, problems, checkpoints)
        told |= {"environment": environment, "events": events, "course": course}
    last = next((one for one in checkpoints if one.name == "last"), None)
    return RunDetail(
        **told,
        state="damaged" if problems else "finished" if finished else "unfinished",
        test=[row for row in last.rows if row.split == "test"] if last else [],
        alarms=sum(finding.level == "red" for one in checkpoints for finding in one.findings),
        problem=problems[0] if problems else None,
    )


def _progress(course: list[RunEpoch]) -> dict[str, Any]:
    """What a summary says of the course so far."""
    if not course:
        return {}
    last = course[-1]
    splits = last.accuracy.get(NETWORK, {})
    split = next(iter(splits), None)
    chosen = course[:: max(1, -(-len(course) // POINTS))]
    chosen = [*chosen, last] if chosen[-1] is not last else chosen
    adversarial = [one.accuracy.get(NETWORK, {}).get(split or "", {}).get("adversarial") for one in chosen]
    return {
        "epoch": last.epoch,
        "seconds": last.seconds,
        "selection": splits.get(split or "", {}),
        "selection_split": split,
        "curve": adversarial,
    }


def _course(folder: Path, problems: list[str]) -> tuple[list[RunEpoch], list[str]]:
    """The epochs of a run and its events. An epoch that was trained again after a rollback counts as it ended."""
    try:
        lines, problem = read_lines(folder / METRICS)
    except FileNotFoundError:
        return [], []
    except Damaged as error:
        problems.append(str(error))
        return [], []
    epochs: dict[int, RunEpoch] = {}
    events: list[str] = []
    for number, line in enumerate(lines, 1):
        if isinstance(line, dict) and "event" in line:
            events += _texts([cast("dict[str, Any]", line)["event"]])
            continue
        try:
            read = made(_Epoch, line, f"{METRICS}, line {number},")
        except Damaged as error:
            problem = problem or str(error)
            break
        measures: dict[str, float | None] = {
            name: float(value) for name, value in (read.model_extra or {}).items() if isinstance(value, int | float)
        }
        fields = read.model_dump(include={"epoch", "learning_rate", "loss", "accuracy"})
        epochs[read.epoch] = RunEpoch(**fields, measures=measures, seconds=read.cost.seconds)
    if problem:
        problems.append(problem)
    return [epochs[epoch] for epoch in sorted(epochs)], events


def _evaluations(folder: Path, problems: list[str], *, attacked: bool) -> list[CheckpointEvaluation]:
    found: list[CheckpointEvaluation] = []
    among = ATTACKED if attacked else EVALUATIONS
    for path in sorted(unlinked(folder, f"{among}/*/{TABLE_JSON}"), key=_place)[:MOST_EVALUATIONS]:
        table = _table(path, problems)
        if table is not None:
            about = {"name": path.parent.name, "attacked": attacked, **table.meta.model_dump()}
            found.append(CheckpointEvaluation(**about, rows=table.rows, findings=table.findings, notes=table.notes))
    return found


def _along(folder: Path, problems: list[str], checkpoints: list[CheckpointEvaluation]) -> list[GroupPoint]:
    """The networks kept along the way, by epoch, with the last ones where there are any."""
    found: list[GroupPoint] = []
    for path in unlinked(folder, f"{CURVE}/*/{EVALUATIONS}/{TABLE_JSON}")[:MOST_EVALUATIONS]:
        table = _table(path, problems)
        if table is not None and table.meta.epoch is not None:
            network = AVERAGED if path.parents[1].name.startswith(AVERAGED) else NETWORK
            found.append(GroupPoint(epoch=table.meta.epoch, network=network, rows=table.rows))
    there = {(one.network, one.epoch) for one in found}
    for name, network in (("last", NETWORK), (f"{AVERAGED}-last", AVERAGED)):
        last = next((one for one in checkpoints if one.name == name), None)
        along = any(kept == network for kept, _ in there)
        if along and last is not None and last.epoch is not None and (network, last.epoch) not in there:
            found.append(GroupPoint(epoch=last.epoch, network=network, rows=last.rows))
    return sorted(found, key=lambda one: (one.network, one.epoch))


def _table(path: Path, problems: list[str]) -> _Table | None:
    """An evaluation's table; None if it cannot be read."""
    try:
        return read_as(_Table, path)
    except FileNotFoundError:
        return None
    except Damaged as error:
        problems.append(f"{path.parent.name}/{error}")
        return None


def _object(path: Path, problems: list[str]) -> dict[str, Any]:
    try:
        return read_object(path)
    except FileNotFoundError:
        return {}
    except Damaged as error:
        problems.append(str(error))
        return {}


def _place(path: Path) -> tuple[bool, bool, str]:
    """Where an evaluation stands: networks before averaged ones, the last one first."""
    name = path.parent.name
    return name.startswith(AVERAGED), not name.endswith("last"), name


def _texts(values: Any) -> list[str]:
    return [one for one in cast("list[Any]", values) if isinstance(one, str)] if isinstance(values, list) else []
