"""How the paper's items come about: studies, then runs side by side, then every item whose runs are there."""

from __future__ import annotations

import os
import platform
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import matplotlib as mpl
import torch

from memscore.cli.jobs import follow
from memscore.cli.sweep_progress import SweepProgress
from memscore.client import Client
from memscore.datasets import SourceOptions, load_source
from memscore.datasets.dataset import Dataset
from memscore.datasets.storage import open_dataset
from memscore.embedded import dispatching, ensure_registered, register
from memscore.errors import Conflict, InvalidInput, MemscoreError, NotFound
from memscore.farm import commands
from memscore.farm.commands import Command, Ended, Plan, Started
from memscore.files import held
from memscore.settings import Settings
from memscore.spec import Design, study_id
from memscore.store import Database
from trainer.experiments.artifact import STYLE
from trainer.experiments.item import Item
from trainer.experiments.material import LEAST_TRIALS, Panel, StudyMaterial
from trainer.experiments.miniature import MINIATURES
from trainer.experiments.run import Run, merged
from trainer.experiments.scales import TINY_50
from trainer.experiments.setting import Setting
from trainer.experiments.summary import summarize
from trainer.experiments.verdict import Verdict
from trainer.folder import versions
from trainer.outcome import is_finished

LOCK, RUNS, ITEMS, LOGS, RAY_LOG = "reproduce.lock", "runs", "items", "logs", "ray.log"
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts the official files."""


@dataclass(frozen=True)
class Wanted:
    """An item with the settings of its panels, and the seeds of its runs."""

    item: Item
    settings: tuple[Setting, ...]
    seeds: range

    @property
    def datasets(self) -> set[str]:
        """Those of its panels."""
        return {setting.dataset for setting in self.settings}

    def runs(self) -> list[Run]:
        """The runs of all panels."""
        return [run for setting in self.settings for run in self.item.kind.runs(setting, self.seeds)]


@dataclass
class Reproduction:
    """Items in a folder. `database` is the embedded one, `client` asks the application on it."""

    settings: Settings
    database: Database
    client: Client
    folder: Path
    wanted: Sequence[Wanted]
    studies: dict[str, StudyMaterial] = field(default_factory=dict[str, StudyMaterial])
    datasets: dict[str, Dataset] = field(default_factory=dict[str, Dataset])

    @contextmanager
    def alone(self) -> Generator[int]:
        """Have the folder alone; gives the open lock. Raises Conflict or InvalidInput."""
        try:
            (self.folder / LOGS).mkdir(parents=True, exist_ok=True)
            with held(self.folder / LOCK) as lock:
                yield lock.fileno()
        except BlockingIOError as error:
            raise Conflict(f"Another reproduction works in {self.folder}, or is just ending; wait for it.") from error
        except OSError as error:
            raise InvalidInput(
                f"The folder {self.folder} cannot be written ({error.strerror}); name another one."
            ) from error

    def dataset(self, name: str) -> Dataset:
        """A dataset by its registered name; the scales' own are made and registered. Raises what loading raises."""
        if name not in self.datasets:
            self.datasets[name] = self._dataset(name)
        return self.datasets[name]

    def study_of(self, setting: Setting) -> StudyMaterial | None:
        """The study of a setting; None if trials are missing. Raises FingerprintMismatch for one of another dataset."""
        if setting.dataset not in self.studies:
            found = self._study(setting)
            if found is None:
                return None
            self.studies[setting.dataset] = found
        return self.studies[setting.dataset]

    def make_study(self, setting: Setting) -> None:
        """Bring the study of a setting to its trials, here. Raises JobFailed."""
        if self.study_of(setting) is not None:
            return
        spec = setting.study
        with dispatching(self.database, self.settings):
            name = None if setting.dataset not in MINIATURES else f"reproduce-{setting.dataset}"
            job = self.client.submit(
                setting.dataset, spec.recipe, trials=spec.trials, full_trials=spec.full_trials, study_name=name
            )
            follow(self.client, job)
        if self.study_of(setting) is None:
            raise InvalidInput(f"The study of {setting.dataset} has too few trials still; run the command again.")

    def require_trials(self) -> None:
        """Raises InvalidInput, before any work, if a study has, or is to have, too few trials for the items."""
        for setting in self.settings_of_studies():
            names = " and ".join(one.item.name for one in self.wanted if setting.dataset in one.datasets)
            study = self.study_of(setting)
            if study is not None:
                study.require_trials(names)
            elif setting.study.trials < LEAST_TRIALS:
                missing = LEAST_TRIALS - setting.study.trials
                raise InvalidInput(
                    f"For {names} there must be a study of at least {LEAST_TRIALS} trials, so that values of 0.15 can "
                    f"be told from chance: ask for {missing} more than {setting.study.trials}."
                )

    def settings_of_studies(self) -> list[Setting]:
        """A setting for each dataset that is wanted."""
        return list({setting.dataset: setting for one in self.wanted for setting in one.settings}.values())

    def runs(self) -> list[Run]:
        """All runs that are wanted, each once."""
        return merged([run for one in self.wanted for run in one.runs()])

    def left(self) -> dict[str, Command]:
        """What is left to do for runs, by the name of each; all studies must be there."""
        found: dict[str, Command] = {}
        for run in self.runs():
            steps = run.steps(
                self.runs_folder(run.setting), run.setting.dataset, self.studies[run.setting.dataset].message.id
            )
            if steps:
                name = self.name_of(run)
                found[name] = Command(name=name, steps=tuple(steps), log=self.log_of(name).resolve())
        return found

    def name_of(self, run: Run) -> str:
        """The folder of a run below that of all."""
        return str(run.folder(self.runs_folder(run.setting)).relative_to((self.folder / RUNS).resolve()))

    def runs_folder(self, setting: Setting) -> Path:
        """Where the runs of a setting are: below its dataset and the version of its scores."""
        study = self.studies[setting.dataset]
        return (self.folder / RUNS).resolve() / f"{setting.dataset}-{study.scores.digest[:8]}" / setting.model

    def run(self, plan: Plan, lock: int, command: str, refused: dict[str, str]) -> list[Ended]:
        """Run what is left of all runs, side by side as in `plan`, and make each item once its runs are there.

        Gives the runs that failed; items that could not be made are added to `refused` with the reason.
        """
        left = self.left()
        epochs = {self.name_of(run): run.config().epochs for run in self.runs()}
        waiting = {one.item.name: {self.name_of(run) for run in one.runs()} & set(left) for one in self.wanted}
        items = {one.item.name: one for one in self.wanted}

        def tell() -> None:
            for name in [name for name, runs in waiting.items() if not runs]:
                del waiting[name]
                try:
                    self.make(items[name], command)
                except MemscoreError as error:
                    refused[name] = str(error)

        with SweepProgress(self.folder / RUNS, epochs, set(epochs) - set(left)) as progress:

            def report(event: Started | Ended | None) -> None:
                progress.report(event)
                if isinstance(event, Ended) and event.trouble is None:
                    for runs in waiting.values():
                        runs.discard(event.ended)
                    tell()

            tell()
            if left:
                todo = plan.model_copy(update={"commands": tuple(left.values())})
                commands.run(todo, self.settings, self.folder / RAY_LOG, report, held=(lock,))
        return progress.troubled

    def make(self, wanted: Wanted, command: str) -> None:
        """Make an item from its runs, and write its folder. Raises InvalidInput if a study is too small for it."""
        item = wanted.item
        with mpl.rc_context(STYLE):
            artifact = item.kind.make(item, self.panels(wanted))
        studies = [(setting, self.studies[setting.dataset]) for setting in wanted.settings]
        made = {
            "command": command,
            "date": datetime.now(UTC).date().isoformat(),
            "device": device(),
            "versions": {**versions(), "python": platform.python_version()},
            "seeds": list(wanted.seeds),
            "settings": [_described(setting, study) for setting, study in studies],
        }
        artifact.write(self.folder / ITEMS / item.name, item.title, made)

    def summarize(self) -> list[tuple[str, Verdict]]:
        """Write the page of all items that were made in the folder until now, and give their verdicts."""
        return summarize(self.folder, ITEMS)

    def missing_trials(self, setting: Setting) -> int:
        """Trials that the study of a setting lacks, full ones included."""
        if self.study_of(setting) is not None:
            return 0
        spec = setting.study
        return self.client.plan(
            setting.dataset, spec.recipe, trials=spec.trials, full_trials=spec.full_trials
        ).new_trials

    def is_finished(self, run: Run) -> bool:
        """Whether a run is trained and evaluated."""
        return run.setting.dataset in self.studies and is_finished(run.folder(self.runs_folder(run.setting)))

    def log_of(self, name: str) -> Path:
        """Where the output of a run is."""
        return self.folder / LOGS / f"{name.replace('/', '-')}.log"

    def panels(self, wanted: Wanted) -> list[Panel]:
        """What an item is made from."""
        return [
            Panel(setting, self.studies[setting.dataset], self.runs_folder(setting), wanted.seeds)
            for setting in wanted.settings
        ]

    def _study(self, setting: Setting) -> StudyMaterial | None:
        spec, dataset = setting.study, self.dataset(setting.dataset)
        if spec.existing is None:
            plan = self.client.plan(setting.dataset, spec.recipe, trials=spec.trials, full_trials=spec.full_trials)
            if plan.new_trials:
                return None
            name = study_id(dataset.fingerprint, spec.recipe, Design())
        else:
            name = spec.existing
        table = self.client.table(name)
        table.require_dataset(dataset.fingerprint, setting.dataset)
        sets = self.client.sets(name, setting.thresholds)
        return StudyMaterial(self.client.study(name), dataset, table, self.client.pairs_table(name), sets)

    def _dataset(self, name: str) -> Dataset:
        downloads = SourceOptions(downloads=self.settings.home / "downloads")
        if name in MINIATURES:
            record = register(self.database, self.settings, name, MINIATURES[name].of(fashion_mnist(downloads)))
        elif name == TINY_50:
            try:
                record = ensure_registered(self.database, self.settings, name)
            except NotFound:
                options = SourceOptions(classes=50, downloads=downloads.downloads)
                record = register(self.database, self.settings, name, load_source("tiny_imagenet", options))
        else:
            record = ensure_registered(self.database, self.settings, name)
        return open_dataset(self.settings.home, record.fingerprint)


def fashion_mnist(downloads: SourceOptions) -> Dataset:
    """From Debian's package, from files that were downloaded, or by downloading. Raises InvalidDataset."""
    if DEBIAN.is_dir():
        return load_source("fashion_mnist", SourceOptions(root=DEBIAN))
    return load_source("fashion_mnist", downloads)


def device() -> str:
    """What this machine computes on."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    model = next((line.partition(":")[2].strip() for line in _cpu_lines() if line.startswith("model name")), "")
    return f"{os.cpu_count()} cores, {model or platform.machine()}"


def _cpu_lines() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []


def _described(setting: Setting, study: StudyMaterial) -> str:
    """A setting in a line: what was trained, on what scores."""
    message, fields = study.message, setting.fields
    trained = ", ".join(f"{name} {fields[name]:g}" for name in ("epochs", "epsilon") if name in fields)
    counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in study.sets.counts().items())
    sizes = f"{len(study.dataset.y_train):,} training and {len(study.dataset.y_test):,} test images"
    return (
        f"{setting.described} ({sizes}), in the place of {' and '.join(setting.stands_for)}: {trained}; "
        f"scores of study {message.id}, {message.trials} trials, digest {study.scores.digest[:12]}; sets: {counts}"
    )
