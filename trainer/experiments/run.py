"""A run that figures and tables are made from: its name, its configuration and the commands that make it."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

from memscore import strict_json
from memscore.errors import InvalidInput
from trainer.config import TrainConfig
from trainer.evaluation.result import TABLE_JSON
from trainer.experiments.setting import Fields, Setting
from trainer.folder import CHECKPOINTS, RunFolder
from trainer.methods import METHODS
from trainer.outcome import is_finished

ATTACKED = "attacks"
"""Where in a run's folder the evaluations by the slow attacks are."""


@dataclass(frozen=True)
class ExperimentRun:
    """One training run. Two with the same name in the same setting are the same run, by whatever item they are wanted.

    stage: its method, after the part of the paper where that matters. point: what tells it from other runs of its stage
    and seed. fields: all that is set for it, `point` included.
    attacked: checkpoints that are also tried by CW and AutoAttack.
    """

    setting: Setting
    stage: tuple[str, ...]
    seed: int
    point: tuple[tuple[str, str], ...]
    fields: tuple[tuple[str, str], ...]
    attacked: tuple[str, ...] = ()

    @property
    def method(self) -> str:
        """The method of training."""
        return self.stage[-1]

    @property
    def name(self) -> str:
        """The name of its folder."""
        return "-".join((*self.stage, *(f"{name}={value}" for name, value in self.point), f"seed={self.seed}"))

    def config(self) -> TrainConfig:
        """Its configuration. Raises pydantic's ValidationError if it cannot be."""
        given = {name: json.loads(value) for name, value in self.fields}
        known = {name: value for name, value in given.items() if name in TrainConfig.model_fields}
        options = {name: value for name, value in given.items() if name not in known}
        return TrainConfig.model_validate({**known, "method": self.method, "seed": self.seed, "options": options})

    def folder(self, runs: Path) -> Path:
        """Its folder below that of all runs of its setting."""
        return runs / self.name

    def steps(self, runs: Path, dataset: str, study: str) -> list[tuple[str, ...]]:
        """The commands that are still to be run for it, in order.

        Raises Conflict if its folder holds a finished run with other settings, as another version had them.
        """
        memscore, folder = (sys.executable, "-m", "memscore.cli"), self.folder(runs)
        steps: list[tuple[str, ...]] = []
        if is_finished(folder):
            RunFolder(folder, {}).require_settings(self.config())
        else:
            assignments = [word for name, value in self.fields for word in ("--set", f"{name}={value}")]
            about = ("--method", self.method, "--dataset", dataset, "--scores", study, "--seed", str(self.seed))
            steps.append((*memscore, "train", *about, *assignments, "--output", str(folder)))
        for checkpoint in self.attacked:
            output = folder / ATTACKED / checkpoint
            if not (output / TABLE_JSON).is_file():
                samples = str(self.setting.autoattack_samples)
                how = ("--splits", "test", "--autoattack-samples", samples, "--alarm-samples", "0", "--scores", study)
                steps.append(
                    (*memscore, "evaluate", str(folder / CHECKPOINTS / checkpoint), *how, "--output", str(output))
                )
        return steps


@dataclass(frozen=True)
class Contender:
    """A method of the comparison, with the options that it is told apart by."""

    method: str
    point: dict[str, float] = field(default_factory=dict[str, float])
    label: str = ""


CONTENDERS = (
    Contender("pgd", label="PGD"),
    Contender("trades", label="TRADES"),
    Contender("mart", label="MART"),
    Contender("gairat", label="GAIRAT"),
    Contender("bat", {"alpha": 1, "beta": 0.2}, "BAT, alpha 1, beta 0.2"),
    Contender("bat", {"alpha": 2, "beta": 0.2}, "BAT, alpha 2, beta 0.2"),
)
"""Those of tables 2 to 7 and figure 4."""


def preliminary(setting: Setting, method: str, seed: int, **point: float) -> ExperimentRun:
    """A run of the paper's section 3, with networks kept along its way; `point` has keep_atypical and match_size.

    Where a setting makes no difference between the sections, it is the run of section 5 too.
    """
    stage = ("preliminary",) if setting.preliminary else ()
    return _run(setting, (*stage, method), seed, point, {**setting.preliminary, "keep_every": setting.along})


def compared(
    setting: Setting, contender: Contender, seed: int, *, attacked: tuple[str, ...] = (), along: bool = True
) -> ExperimentRun:
    """A run of the paper's section 5. `along` must be the same wherever a contender is wanted."""
    further: Fields = {"keep_every": setting.along} if along else {}
    fields = {**setting.methods.get(contender.method, {}), **further}
    run = _run(setting, (contender.method,), seed, contender.point, fields)
    return replace(run, attacked=attacked)


def check_fields(given: Fields) -> None:
    """Raises InvalidInput for a name that no run could have, or that is not to be set."""
    own = {"method", "seed", "options", "keep_atypical", "match_size", "network", "atypical", "typical"}
    options = {name for method in METHODS.values() for name in method.Options.model_fields}
    for name in given:
        if name in own:
            raise InvalidInput(f"{name} is decided by each item and cannot be set for all of them.")
        if name not in TrainConfig.model_fields and name not in options:
            raise InvalidInput(f"{name} is neither a field of the configuration nor an option of any method.")


def merged(runs: list[ExperimentRun]) -> list[ExperimentRun]:
    """Each run once, with everything that is wanted of it."""
    found: dict[tuple[str, str, str], ExperimentRun] = {}
    for run in runs:
        key = (run.setting.dataset, run.setting.model, run.name)
        before = found.get(key)
        if before is not None:
            run = replace(before, attacked=tuple(dict.fromkeys((*before.attacked, *run.attacked))))
        found[key] = run
    return list(found.values())


def _run(setting: Setting, name: tuple[str, ...], seed: int, point: dict[str, float], further: Fields) -> ExperimentRun:
    method, fields = name[-1], {**setting.fields, **further, **setting.extra, **point}
    own = METHODS[method].Options.model_fields
    usable = {name: value for name, value in fields.items() if name in TrainConfig.model_fields or name in own}
    shown = tuple((name, f"{value:g}") for name, value in point.items())
    return ExperimentRun(
        setting, name, seed, shown, tuple((name, strict_json.dumps(value)) for name, value in usable.items())
    )
