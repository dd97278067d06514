"""Reproducing the paper's items: from a request to figures, numbers and verdicts."""

from __future__ import annotations

import shlex
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch

from memscore.errors import InvalidDataset, InvalidInput
from memscore.settings import Settings
from memscore.workflows.embedded import opened_application
from memscore.workflows.reproduction.items import LOCK, LOGS, Reproduction, WantedItem
from memscore.workflows.reproduction.studies import ReproductionStudies
from memscore.workflows.side_by_side import FailedRun, Room, alone
from memscore.workflows.training import one_thread
from memscore.workflows.watching import Follow, OnNote, RunsWatch, follow_silently, ignore
from trainer.assignments import pairs, value
from trainer.experiments.catalogue import chosen
from trainer.experiments.cost import Stopwatch
from trainer.experiments.run import check_fields
from trainer.experiments.scales import SCALES, STAND_INS, Scale, settings_of
from trainer.experiments.verdict import Verdict

KEPT = "finished work is kept; run the same command again to resume."


@dataclass(frozen=True)
class ReproductionRequest:
    """Which items to make, such as fig1, or all; and from what.

    dataset, model: a registered dataset and a network, instead of those of the scale. study: an existing study of that
    dataset, instead of a new one. trials: of new studies. seeds: runs of each kind. assignments: NAME=VALUE for fields
    of every run's configuration. output: the folder for runs and items, with a subfolder for each scale.
    """

    items: tuple[str, ...]
    output: Path
    scale: str = "mini"
    dataset: str | None = None
    model: str | None = None
    study: str | None = None
    trials: int | None = None
    seeds: int | None = None
    assignments: tuple[str, ...] = ()
    room: Room = field(default_factory=Room)

    def options(self) -> str:
        """The options of `memscore reproduce` that make the same items."""
        given = [("--scale", self.scale if self.scale != "mini" else None), ("--dataset", self.dataset)]
        given += [("--model", self.model), ("--study", self.study), ("--trials", self.trials), ("--seeds", self.seeds)]
        given += [("--set", one) for one in self.assignments]
        return " ".join(f"{name} {shlex.quote(str(one))}" for name, one in given if one is not None)


@dataclass(frozen=True)
class ReproductionCost:
    """The size of the work, the part that is left, and the seconds that part takes on this machine.

    attacked: the trained networks that CW, APGD and AutoAttack are still to attack.
    """

    items: int
    trials: int
    runs: int
    left: int
    seconds_of_studies: float
    seconds_of_runs: float
    seconds: float
    attacked: int
    seconds_of_attacks: float


@dataclass(frozen=True)
class ReproductionResult:
    """The verdicts on the paper's findings; the items that could not be made, with the reason; the runs that failed."""

    verdicts: list[tuple[str, Verdict]]
    refused: dict[str, str]
    failed: list[FailedRun]


def reproduce(
    request: ReproductionRequest,
    settings: Settings,
    *,
    follow: Follow = follow_silently,
    watch: RunsWatch = RunsWatch(),
    on_note: OnNote = ignore,
) -> ReproductionResult:
    """Make items, and the studies and runs they lack. The same call resumes an interrupted reproduction.

    Raises InvalidInput, before any work, for an impossible request; Conflict while another reproduction uses the
    folder; JobFailed if a study cannot be completed.
    """
    with opened_reproduction(request, settings, on_note=on_note) as work:
        return make(work, request, follow=follow, watch=watch, on_note=on_note)


@contextmanager
def opened_reproduction(
    request: ReproductionRequest, settings: Settings, *, on_note: OnNote = ignore
) -> Generator[Reproduction]:
    """The reproduction of a request, checked and ready to be made. Torch is restricted to one thread within the block.

    Raises InvalidInput or pydantic's ValidationError for an impossible request, NotFound for an unknown dataset or
    study.
    """
    items, scale = chosen(list(request.items)), _scale(request.scale)
    fields = {name: value(text) for name, text in pairs(request.assignments).items()}
    check_fields(fields)
    if request.room.slots is not None:
        settings = settings.model_copy(update={"slots": request.room.slots})
    with one_thread(), opened_application(settings) as (database, client):
        studies = ReproductionStudies(settings, database, client)
        fashion = _has_fashion(request, scale, studies, on_note)
        given = {"own_dataset": request.dataset, "own_model": request.model, "study": request.study}
        given |= {"trials": request.trials, "extra": fields, "fashion": fashion}
        wanted = [
            WantedItem(
                item,
                settings_of(item.subjects, item.mini, scale, **given),
                range(request.seeds or (item.seeds if scale == "mini" else 1)),
            )
            for item in items
        ]
        work = Reproduction(request.output / scale, studies, wanted)
        for run in work.runs():
            run.config()  # raises if it is invalid
        work.require_trials()
        yield work


def cost(work: Reproduction) -> ReproductionCost:
    """The cost of the work left, timed on this machine: on its GPUs, or on the cores that the settings allow."""
    at_once = torch.cuda.device_count() or work.studies.settings.slots
    settings = work.settings_of_studies()
    watches = {one.dataset: Stopwatch(work.studies.dataset(one.dataset)) for one in settings}
    missing = {one.dataset: work.studies.missing(one) for one in settings}
    of_studies = sum(
        watches[one.dataset].of_trials(one.study.recipe, missing[one.dataset])
        for one in settings
        if missing[one.dataset]
    )
    left = [run for run in work.runs() if not work.is_finished(run)]
    of_runs = sum(watches[run.setting.dataset].of_run(run) for run in left)
    unattacked = [(run, len(work.unattacked(run))) for run in work.runs()]
    of_attacks = sum(watches[run.setting.dataset].of_attacks(run, networks) for run, networks in unattacked if networks)
    return ReproductionCost(
        items=len(work.wanted),
        trials=sum(missing.values()),
        runs=len(work.runs()),
        left=len(left),
        seconds_of_studies=of_studies / at_once,
        seconds_of_runs=of_runs / at_once,
        seconds=(of_studies + of_runs + of_attacks) / at_once,
        attacked=sum(networks for _, networks in unattacked),
        seconds_of_attacks=of_attacks / at_once,
    )


def make(
    work: Reproduction,
    request: ReproductionRequest,
    *,
    follow: Follow = follow_silently,
    watch: RunsWatch = RunsWatch(),
    on_note: OnNote = ignore,
) -> ReproductionResult:
    """Complete the studies, finish the runs, and make the items. Raises the errors of `reproduce`."""
    with alone(work.folder, LOCK, LOGS, "reproduction") as lock:
        for setting in work.settings_of_studies():
            work.studies.make(setting, follow=follow, on_note=on_note)
        try:
            failed, refused = work.run(request.room, lock, request.options(), watch)
        except KeyboardInterrupt:
            on_note(KEPT)
            raise
        verdicts = [(name, verdict) for name, verdict in work.summarize() if name not in refused]
    return ReproductionResult(verdicts, refused, failed)


def _scale(name: str) -> Scale:
    for scale in SCALES:
        if name == scale:
            return scale
    raise InvalidInput(f"There is no scale {name!r}; the scales are: {', '.join(SCALES)}.")


def _has_fashion(request: ReproductionRequest, scale: Scale, studies: ReproductionStudies, on_note: OnNote) -> bool:
    """Whether Fashion-MNIST is available if it is needed; if not, notes that digits replace it."""
    if scale == "mini" and request.dataset is None:
        try:
            studies.dataset(next(iter(STAND_INS.values())))
        except InvalidDataset as error:
            on_note(f"digits replace Fashion-MNIST and show less: {error}")
            return False
    return True
