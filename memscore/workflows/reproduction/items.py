"""The paper's items, made from finished studies: runs side by side, and each item once its runs are finished."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import matplotlib as mpl

from memscore.counted import counted
from memscore.errors import MemscoreError
from memscore.farm.commands import Command
from memscore.runs.layout import ITEMS
from memscore.workflows.reproduction.studies import ReproductionStudies
from memscore.workflows.side_by_side import FailedRun, Room, run_side_by_side
from memscore.workflows.watching import RunsWatch
from trainer.evaluation.lint import near_common
from trainer.experiments.artifact import STYLE
from trainer.experiments.inputs import Panel, StudyMaterial, require_trials
from trainer.experiments.item import Item
from trainer.experiments.run import ExperimentRun, merged
from trainer.experiments.scales import REGISTERED
from trainer.experiments.setting import Setting
from trainer.experiments.summary import summarize
from trainer.experiments.verdict import Verdict
from trainer.folder import RunFolder, device, versions
from trainer.outcome import is_finished

LOCK, RUNS, LOGS, RAY_LOG = "reproduce.lock", "runs", "logs", "ray.log"


@dataclass(frozen=True)
class WantedItem:
    """An item with the settings of its panels, and the seeds of its runs."""

    item: Item
    settings: tuple[Setting, ...]
    seeds: range

    @property
    def datasets(self) -> set[str]:
        """The datasets of its panels."""
        return {setting.dataset for setting in self.settings}

    def runs(self) -> list[ExperimentRun]:
        """The runs of all panels."""
        return [run for setting in self.settings for run in self.item.kind.runs(setting, self.seeds)]


@dataclass(frozen=True)
class Reproduction:
    """The items wanted in a folder."""

    folder: Path
    studies: ReproductionStudies
    wanted: Sequence[WantedItem]

    def require_trials(self) -> None:
        """Raises InvalidInput, before any work, if a study has, or will have, too few trials for the items."""
        for setting in self.settings_of_studies():
            names = " and ".join(one.item.name for one in self.wanted if setting.dataset in one.datasets)
            study = self.studies.find(setting)
            if study is not None:
                study.require_trials(names)
            else:
                require_trials(names, setting.study.trials, "asked for")

    def settings_of_studies(self) -> list[Setting]:
        """One setting for each wanted dataset."""
        return list({setting.dataset: setting for one in self.wanted for setting in one.settings}.values())

    def runs(self) -> list[ExperimentRun]:
        """All wanted runs, each once."""
        return merged([run for one in self.wanted for run in one.runs()])

    def left(self) -> dict[str, Command]:
        """The commands of the unfinished runs, by run name; all studies must exist."""
        found: dict[str, Command] = {}
        for run in self.runs():
            study = self.studies.of(run.setting)
            folder, classes = self.runs_folder(run.setting), study.dataset.classes
            steps = run.steps(folder, run.setting.dataset, study.message.id, classes)
            if steps:
                name = self.name_of(run)
                found[name] = Command(name=name, steps=tuple(steps), log=self.log_of(name).resolve())
        return found

    def unattacked(self, run: ExperimentRun) -> Sequence[str]:
        """The checkpoints of a run that remain to be attacked by the attacks of tables 4 to 7."""
        study = self.studies.find(run.setting)
        if study is None:
            return run.attacked
        return run.unattacked(self.runs_folder(run.setting), study.dataset.classes)

    def name_of(self, run: ExperimentRun) -> str:
        """The name of a run: its folder, relative to the folder of all runs."""
        return str(run.folder(self.runs_folder(run.setting)).relative_to((self.folder / RUNS).resolve()))

    def runs_folder(self, setting: Setting) -> Path:
        """The folder of a setting's runs, below its dataset and the version of its scores."""
        study = self.studies.of(setting)
        return (self.folder / RUNS).resolve() / f"{setting.dataset}-{study.scores.digest[:8]}" / setting.model

    def run(self, room: Room, lock: int, options: str, watch: RunsWatch) -> tuple[list[FailedRun], dict[str, str]]:
        """Run the unfinished runs side by side, and make each item as soon as its runs are finished.

        Returns the failed runs, and the items that could not be made, each with the reason. All studies must exist.
        """
        left, refused = self.left(), dict[str, str]()
        waiting = {one.item.name: {self.name_of(run) for run in one.runs()} & set(left) for one in self.wanted}
        items = {one.item.name: one for one in self.wanted}

        def make_ready() -> None:
            for name in [name for name, runs in waiting.items() if not runs]:
                del waiting[name]
                try:
                    self.make(items[name], options)
                except MemscoreError as error:
                    refused[name] = str(error)

        def count(finished: str) -> None:
            for runs in waiting.values():
                runs.discard(finished)
            make_ready()

        make_ready()
        if not left:
            return [], refused
        ended = run_side_by_side(
            room.plan(left.values(), self.studies.settings),
            self.studies.settings,
            self.folder / RUNS,
            {self.name_of(run): run.config().epochs for run in self.runs()},
            log=self.folder / RAY_LOG,
            lock=lock,
            watch=watch,
            on_success=count,
        )
        refused |= {name: f"runs that it needs failed: {', '.join(sorted(runs))}" for name, runs in waiting.items()}
        return [FailedRun(one.ended, one.trouble, self.log_of(one.ended)) for one in ended], refused

    def make(self, wanted: WantedItem, options: str) -> None:
        """Make an item from its runs, and write its folder; `options` are those of the command.

        Raises InvalidInput if a study is too small for it.
        """
        item = wanted.item
        with mpl.rc_context(STYLE):  # pyright: ignore[reportUnknownMemberType] -- matplotlib's own
            artifact = item.make(self.panels(wanted))
        studies = [(setting, self.studies.of(setting)) for setting in wanted.settings]
        made = {
            "command": f"memscore reproduce {item.name} {options}".rstrip(),
            "shown": "Shown: " + "; ".join(dict.fromkeys(_shown(one) for one in wanted.settings)) + ".",
            "date": datetime.now(UTC).date().isoformat(),
            "device": device(),
            "versions": {**versions(), "python": platform.python_version()},
            "seeds": list(wanted.seeds),
            "events": self.events(wanted),
            "settings": [_described(setting, study) for setting, study in studies],
        }
        artifact.write(self.folder / ITEMS / item.name, item.title, made)

    def events(self, wanted: WantedItem) -> list[str]:
        """The events in an item's runs that a reader has to know, each once; the radius is the scale's own choice."""
        names: dict[str, list[str]] = {}
        for run in merged(wanted.runs()):
            near = near_common(run.config().epsilon)
            for event in RunFolder(run.folder(self.runs_folder(run.setting)), {}).events():
                if near is None or near not in event:
                    names.setdefault(event, []).append(self.name_of(run))
        return [
            f"In {f'run {of[0]}' if len(of) == 1 else counted(len(of), 'run')}: {event}." for event, of in names.items()
        ]

    def summarize(self) -> list[tuple[str, Verdict]]:
        """Write the page of all items made in the folder so far, and return the verdicts of the wanted ones."""
        wanted = {one.item.name for one in self.wanted}
        return [(name, verdict) for name, verdict in summarize(self.folder, ITEMS) if name in wanted]

    def is_finished(self, run: ExperimentRun) -> bool:
        """Whether a run is trained and evaluated."""
        there = self.studies.find(run.setting) is not None
        return there and is_finished(run.folder(self.runs_folder(run.setting)))

    def log_of(self, name: str) -> Path:
        """The log file of a run."""
        return self.folder / LOGS / f"{name.replace('/', '-')}.log"

    def panels(self, wanted: WantedItem) -> list[Panel]:
        """The panels that an item is made from."""
        return [
            Panel(setting, self.studies.of(setting), self.runs_folder(setting), wanted.seeds)
            for setting in wanted.settings
        ]


def _shown(setting: Setting) -> str:
    """The dataset and network shown, and those of the paper that they replace, for the head of a page."""
    dataset, model = setting.paper_setting
    if (REGISTERED[dataset], model) == (setting.dataset, setting.model):
        return setting.described
    return f"{setting.described}, instead of the paper's {dataset}, {model}"


def _described(setting: Setting, study: StudyMaterial) -> str:
    """A setting in a line: its data, training, and scores."""
    message, fields = study.message, {**setting.fields, **setting.extra}
    shown = {"epochs": "epochs", "learning_rate": "learning rate", "epsilon": "epsilon"}
    trained = ", ".join(f"{name} {fields[field]:.4g}" for field, name in shown.items() if field in fields)
    counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in study.sets.counts().items())
    sizes = f"{len(study.dataset.y_train):,} training and {counted(len(study.dataset.y_test), 'test image')}"
    return (
        f"{_shown(setting)}: {sizes}; {trained}; scores of study {message.id}, "
        f"{counted(message.trials, 'trial')}, digest {study.scores.digest[:12]}; sets: {counts}"
    )
