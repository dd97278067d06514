"""Experiment trackers that follow a run: MLflow, Weights & Biases, or a function of yours. None is required.

They get what metrics.jsonl gets. A tracker that fails is left behind with a warning: the run goes on.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from memscore import strict_json
from memscore.errors import InvalidInput, MissingPackage
from memscore.files import atomic_write
from memscore.learning.networks.registry import users_function
from memscore.signals import pass_on
from trainer.config import TrainConfig
from trainer.metrics import flat

PROJECT = "memscore"
"""The experiment of MLflow, or the project of Weights & Biases, unless their own variables name another."""

IDS = "trackers.json"
"""In a run's folder, the trackers' names for the run, under which a resumed run goes on."""

Record = Mapping[str, Any]


class Tracker(ABC):
    """Where the records of a run go: `known` is the tracker's own name for the run, if it was begun before."""

    id: str | None = None

    @abstractmethod
    def begin(self, name: str, config: TrainConfig, known: str | None) -> None:
        """Open the run before its first record."""

    @abstractmethod
    def log(self, record: Record) -> None:
        """Take the record of an epoch, with its number, or of an event."""

    @abstractmethod
    def end(self, *, finished: bool) -> None:
        """Close the run; it may be resumed if it is not finished."""


class MLflow(Tracker):
    """A run in MLflow, at MLFLOW_TRACKING_URI."""

    def __init__(self) -> None:
        self.mlflow: Any = _package("mlflow")

    def begin(self, name: str, config: TrainConfig, known: str | None) -> None:
        """Create the run with the configuration as its parameters."""
        self.client: Any = self.mlflow.MlflowClient()
        if known is not None:
            self.id = known
            self.client.update_run(known, status="RUNNING")
            return
        experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
        found = self.client.get_experiment_by_name(experiment)
        place = found.experiment_id if found is not None else self.client.create_experiment(experiment)
        self.id = self.client.create_run(place, run_name=name).info.run_id
        for field, value in config.model_dump(mode="json").items():
            self.client.log_param(self.id, field, value if isinstance(value, str) else strict_json.dumps(value))

    def log(self, record: Record) -> None:
        """Log the numbers of an epoch, or set an event as a tag."""
        if "epoch" not in record:
            self.client.set_tag(self.id, "event", str(record.get("event")))
            return
        now = int(1000 * time.time())
        metric: Any = self.mlflow.entities.Metric
        metrics = [metric(name, float(value), now, record["epoch"]) for name, value in flat(record).items()]
        self.client.log_batch(self.id, metrics=metrics)

    def end(self, *, finished: bool) -> None:
        """Set the run's status."""
        self.client.set_terminated(self.id, "FINISHED" if finished else "KILLED")


class WandB(Tracker):
    """A run in Weights & Biases, in the project of WANDB_PROJECT."""

    def __init__(self) -> None:
        self.wandb: Any = _package("wandb")

    def begin(self, name: str, config: TrainConfig, known: str | None) -> None:
        """Open the run with the configuration."""
        project = os.environ.get("WANDB_PROJECT", PROJECT)
        self.run: Any = self.wandb.init(
            project=project, name=name, id=known, resume="allow", config=config.model_dump(mode="json")
        )
        self.id = self.run.id

    def log(self, record: Record) -> None:
        """Log the numbers of an epoch, or raise an alert for an event."""
        if "epoch" in record:
            self.run.log(flat(record), step=record["epoch"])
        else:
            self.run.alert(title="memscore", text=str(record.get("event")))

    def end(self, *, finished: bool) -> None:
        """Close the run."""
        self.run.finish(exit_code=0 if finished else 1)


class Function(Tracker):
    """A function of the user's, which is called with each record as a dict."""

    def __init__(self, name: str) -> None:
        self.function: Callable[..., Any] = users_function(name, "tracker")

    def begin(self, name: str, config: TrainConfig, known: str | None) -> None:
        """Nothing to open."""

    def log(self, record: Record) -> None:
        """Call the function."""
        self.function(dict(record))

    def end(self, *, finished: bool) -> None:
        """Nothing to close."""


class Trackers:
    """The trackers of one run, which are opened with its first record. `on_warning` hears of one that fails."""

    def __init__(
        self, names: Sequence[str], config: TrainConfig, folder: Path | None, on_warning: Callable[[str], None]
    ) -> None:
        self.config, self.folder, self.on_warning = config, folder, on_warning
        self.following = {name: tracker_of(name) for name in names}
        self.begun = self.finished = False

    def __call__(self, record: Record) -> None:
        """Give all trackers a record."""
        if not self.begun:
            self.begun = True
            self._begin()
        for name, tracker in list(self.following.items()):
            self._try(name, lambda tracker=tracker: tracker.log(record))
        self.finished = record.get("epoch") == self.config.epochs

    def close(self) -> None:
        """Close those that were opened."""
        if self.begun:
            for name, tracker in list(self.following.items()):
                self._try(name, lambda tracker=tracker: tracker.end(finished=self.finished))

    def _begin(self) -> None:
        known = _ids(self.folder)
        title = self.config.method if self.folder is None else self.folder.resolve().name
        for name, tracker in list(self.following.items()):
            self._try(name, lambda name=name, tracker=tracker: tracker.begin(title, self.config, known.get(name)))
        ids = {name: one.id for name, one in self.following.items() if one.id is not None}
        if self.folder is not None and ids:
            with contextlib.suppress(OSError), atomic_write(self.folder / IDS) as scratch:
                scratch.write_text(strict_json.dumps(known | ids))

    def _try(self, name: str, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # whatever another package raises, the run is worth more
            pass_on(error)
            self.following.pop(name, None)
            why = " ".join(str(error).split())[:200]
            self.on_warning(f"{name} gets no more records: it raised {type(error).__name__} ({why}).")


def tracker_of(name: str) -> Tracker:
    """`mlflow`, `wandb`, or `package.module:function`. Raises InvalidInput, or MissingPackage."""
    if name == "mlflow":
        return MLflow()
    if name == "wandb":
        return WandB()
    if ":" not in name:
        raise InvalidInput(f"There is no tracker {name!r}; use mlflow, wandb, or package.module:function.")
    return Function(name)


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingPackage(f"--log-to {name} needs {name}, which is not installed: pip install {name}") from error


def _ids(folder: Path | None) -> dict[str, str]:
    """The trackers' names for an earlier attempt of the run; none if there was none, or the file is damaged."""
    try:
        found = {} if folder is None else json.loads((folder / IDS).read_text())
        return {str(name): str(one) for name, one in found.items()}
    except (OSError, ValueError, AttributeError):
        return {}
