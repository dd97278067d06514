"""Training one model on a registered dataset, with scores from a study, a service or a file."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from memscore.datasets.dataset import Dataset
from memscore.datasets.storage import open_dataset
from memscore.scores.sets import Thresholds
from memscore.settings import Settings
from memscore.workflows.datasets import ensure_registered
from memscore.workflows.embedded import opened_database
from memscore.workflows.scores import training_scores
from memscore.workflows.watching import ignore
from trainer import planning, run
from trainer.config import TrainConfig
from trainer.distributed import joined_world
from trainer.initial import InitialWeights
from trainer.planning import RunPlan
from trainer.run import Run, Watch
from trainer.scores import Scores
from trainer.stopping import Stop
from trainer.threat import warnings_of
from trainer.trackers import Trackers


def train(
    dataset: str,
    config: TrainConfig,
    settings: Settings,
    *,
    scores: str | None = None,
    output: Path | None = None,
    initial: Path | None = None,
    watching: AbstractContextManager[Watch] = nullcontext(Watch()),
    stop: Stop | None = None,
    on_warning: Callable[[str], None] = ignore,
    allow_changed_network: bool = False,
    log_to: Sequence[str] = (),
) -> Run | None:
    """Train one model and evaluate its checkpoints. With `output`, an interrupted run can be resumed.

    scores: a source of scores; see `training_scores`. initial: a checkpoint or file whose weights the network starts
    with, in place of random ones. watching: entered just before training starts. log_to: trackers that get the
    metrics, as `trainer.trackers.tracker_of` names them.
    Under torchrun, only the first process returns the run; the others return None.
    Raises NotFound for an unknown dataset, and the errors of `training_scores`, `InitialWeights.of` and
    `trainer.run.train`.
    """
    trackers = Trackers(log_to, config, output, on_warning)
    given = _given(dataset, config, settings, scores, initial, on_warning)
    with one_thread(), joined_world() as world, watching as watch, closing(trackers):
        trained = run.train(
            given.images,
            given.name,
            config,
            given.scores,
            output,
            replace(watch, on_record=trackers) if log_to else watch,
            stop,
            world,
            initial=given.initial,
            allow_changed_network=allow_changed_network,
        )
    return trained if world.first else None


def plan(
    dataset: str,
    config: TrainConfig,
    settings: Settings,
    *,
    scores: str | None = None,
    output: Path | None = None,
    initial: Path | None = None,
    on_warning: Callable[[str], None] = ignore,
) -> RunPlan:
    """What `train` would take with the same arguments; nothing is trained or written. Raises its errors."""
    given = _given(dataset, config, settings, scores, initial, on_warning)
    with one_thread():
        return planning.plan(given.images, given.name, config, given.scores, output, given.initial)


@dataclass(frozen=True)
class _Given:
    """What a run is given: a registered dataset with its name, scores, and weights to start with."""

    images: Dataset
    name: str
    scores: Scores | None
    initial: InitialWeights | None


def _given(
    dataset: str,
    config: TrainConfig,
    settings: Settings,
    scores: str | None,
    initial: Path | None,
    on_warning: Callable[[str], None],
) -> _Given:
    weights = None if initial is None else InitialWeights.of(initial)
    for text in warnings_of(config):
        on_warning(text)
    with opened_database(settings) as database:
        record = ensure_registered(database, settings, dataset)
    thresholds = Thresholds(config.atypical, config.typical)
    pulled = None if scores is None else training_scores(scores, settings, thresholds)
    images = open_dataset(settings.home, record.fingerprint)
    if pulled is not None:
        pulled.require(images, dataset)
        for text in (*pulled.warnings, *pulled.notes):
            on_warning(f"scores: {text}")
    return _Given(images, record.name, pulled, weights)


@contextmanager
def one_thread() -> Generator[None]:
    """Restrict torch to one thread within the block, so that sums are bitwise repeatable."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
