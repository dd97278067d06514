"""Sweeps: methods x seeds x grid, trained side by side in one folder and compared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from memscore.client.sources import source_kind
from memscore.counted import counted
from memscore.datasets.storage import open_dataset
from memscore.durations import readable
from memscore.errors import InvalidInput
from memscore.farm.commands import Command
from memscore.files import write_file
from memscore.launch import python
from memscore.settings import Settings
from memscore.workflows.datasets import ensure_registered
from memscore.workflows.embedded import opened_database
from memscore.workflows.scores import training_scores
from memscore.workflows.side_by_side import FailedRun, Room, alone, run_side_by_side
from memscore.workflows.watching import RunsWatch
from trainer.assignments import assigned
from trainer.config import TrainConfig
from trainer.outcome import is_finished, made_with, progress, read_outcome
from trainer.presets import configured
from trainer.run import ATTACKS
from trainer.run_comparison import RunComparison, compare
from trainer.score_values import file_of, is_values
from trainer.sweep import SweepRequest, SweptRun, expand, expand_all, read_requests, record_requests

LOCK, LOGS, RAY_LOG = "sweep.lock", "logs", "ray.log"


@dataclass(frozen=True)
class SweepPlan:
    """The runs of a request in a folder: their configurations, and the commands of those that are not finished.

    requests: all requests made in the folder, this one included.
    """

    folder: Path
    requests: tuple[SweepRequest, ...]
    configurations: dict[SweptRun, TrainConfig]
    left: dict[SweptRun, Command]

    def sentence(self) -> str:
        """How many runs are left, with the training time if the folder has trained runs of each method left."""
        runs, left = self.configurations, self.left
        runs_left = f"{counted(len(runs), 'run')}: {len(runs) - len(left)} finished, {len(left)} to do"
        done = {run: progress(self.folder / run.name) for run in runs}
        total = 0.0
        for run in left:
            alike = [done[other] for other in runs if other.method == run.method]
            epochs, seconds = (sum(part) for part in zip(*alike, strict=True))
            due = runs[run].epochs - done[run][0]
            if due and not epochs:
                return runs_left
            total += due and due * seconds / epochs
        return f"{runs_left}, about {readable(total)} of training one after the other" if total else runs_left


@dataclass(frozen=True)
class SweepResult:
    """The comparison of all runs in the folder, and the runs that failed this time."""

    comparison: RunComparison
    failed: list[FailedRun]


def plan_sweep(request: SweepRequest, folder: Path) -> SweepPlan:
    """The runs of a request in a folder. Writes nothing.

    Raises InvalidInput or pydantic's ValidationError for an impossible configuration, Damaged if the folder's record
    cannot be read.
    """
    request = request.model_copy(update={"scores": _stable(request.scores)})
    earlier = read_requests(folder)
    requests = earlier if request in earlier else (*earlier, request)
    runs = expand(request, requests[0])
    configurations = {run: _configuration(run) for run in runs}
    left = {run: command for run in runs if (command := _command(run, folder.resolve(), request.attacks))}
    return SweepPlan(folder, requests, configurations, left)


def sweep(
    request: SweepRequest,
    folder: Path,
    settings: Settings,
    *,
    room: Room = Room(),
    watch: RunsWatch = RunsWatch(),
) -> SweepResult:
    """Train the missing runs, compare all runs in the folder, and write the comparison there.

    The same call resumes an interrupted sweep. Raises the errors of `plan_sweep`; NotFound, InvalidInput or
    FingerprintMismatch for a dataset or scores that no run can use; Conflict while another sweep uses the folder.
    """
    plan = plan_sweep(request, folder)
    fingerprint, digest = _check_data(request, plan.configurations.values(), settings)
    failed: list[FailedRun] = []
    with alone(folder, LOCK, LOGS, "sweep") as lock:
        record_requests(folder, plan.requests)
        if plan.left:
            watch.on_start(plan.sentence())
            epochs = {run.name: configuration.epochs for run, configuration in plan.configurations.items()}
            todo = room.plan(plan.left.values(), settings)
            ended = run_side_by_side(todo, settings, folder, epochs, log=folder / RAY_LOG, lock=lock, watch=watch)
            failed = [FailedRun(one.ended, one.trouble, folder / LOGS / f"{one.ended}.log") for one in ended]
        comparison = compare(folder, expand_all(plan.requests))
        outdated = _outdated(plan, fingerprint, digest)
        comparison = replace(comparison, warnings=[*comparison.warnings, *outdated])
        for name, text in comparison.files().items():
            write_file(folder / name, text.encode())
    return SweepResult(comparison, failed)


def _stable(scores: str | None) -> str | None:
    """The source of scores, by a name that does not depend on the current folder."""
    if scores is None or not (is_values(scores) or source_kind(scores) == "file"):
        return scores
    file = Path(file_of(scores)).expanduser()
    return str(file.resolve()) + scores[len(file_of(scores)) :] if file.is_file() else scores


def _configuration(run: SweptRun) -> TrainConfig:
    """The configuration that a run will have. Raises InvalidInput or pydantic's ValidationError if it is invalid."""
    fields, options = assigned([f"{name}={value}" for name, value in run.settings], TrainConfig.model_fields)
    return configured(run.method, run.preset, **fields, seed=run.seed, options=options)


def _check_data(
    request: SweepRequest, configurations: Iterable[TrainConfig], settings: Settings
) -> tuple[str, str | None]:
    """Check dataset and scores once, instead of in every run; a built-in dataset is added.

    Returns the dataset's fingerprint, and the digest of the scores if there are any.
    """
    with opened_database(settings) as database:
        record = ensure_registered(database, settings, request.dataset)
    if request.scores is not None:
        scores = training_scores(request.scores, settings)
        scores.require(open_dataset(settings.home, record.fingerprint), record.name)
        return record.fingerprint, scores.digest
    needing = dict.fromkeys(one.method for one in configurations if one.needs_scores)
    if needing:
        raise InvalidInput(f"{', '.join(needing)} need memorization scores; name them with --scores.")
    return record.fingerprint, None


def _command(run: SweptRun, folder: Path, attacks: tuple[str, ...]) -> Command | None:
    """The command that trains or resumes a run and evaluates it with further attacks; None if nothing is left to do.

    An evaluation replaces the earlier one, so it includes the attacks of both; stored results cost nothing.
    """
    output = folder / run.name
    tried = read_outcome(output).attacks if is_finished(output) else None
    if tried is not None and {*attacks} <= {*tried}:
        return None
    memscore = python("memscore.cli")
    scores = () if run.scores is None else ("--scores", run.scores)
    about = ("--method", run.method, "--dataset", run.dataset, "--preset", run.preset, "--seed", str(run.seed))
    settings = tuple(word for name, value in run.settings for word in ("--set", f"{name}={value}"))
    steps = [(*memscore, "train", *about, *scores, *settings, "--output", str(output))]
    if attacks:
        every = ",".join(dict.fromkeys((*(tried or ATTACKS), *attacks)))
        steps += [(*memscore, "evaluate", str(output), "--attacks", every, *scores)]
    return Command(name=run.name, steps=tuple(steps), log=folder / LOGS / f"{run.name}.log")


def _outdated(plan: SweepPlan, fingerprint: str, digest: str | None) -> list[str]:
    """A warning for each finished run that was trained with another dataset or other scores than the current ones."""
    finished = [run.name for run in plan.configurations if run not in plan.left]
    found = {name: made_with(plan.folder / name, fingerprint, digest) for name in finished}
    return [
        f"{name} is outdated: it was trained with {what}. Remove its folder to train it again."
        for name, what in found.items()
        if what
    ]
