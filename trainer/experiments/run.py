"""A run behind figures and tables: its name, its configuration and the commands that produce it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from memscore import strict_json
from memscore.errors import InvalidInput
from memscore.launch import python
from memscore.runs.layout import ATTACKED, CHECKPOINTS, TABLE_JSON
from trainer.attacks import autoattack
from trainer.config import TrainConfig
from trainer.experiments.setting import Fields, Setting
from trainer.folder import RunFolder
from trainer.methods import METHODS
from trainer.outcome import is_finished

APGD = "apgd"
"""How tables 4 to 7 call the first two parts of AutoAttack, which leave next to nothing for the others."""


def attack_named(attack: str, classes: int) -> str:
    """What an attack of these tables is called in evaluations: APGD's parts differ with the number of classes."""
    if attack != APGD:
        return attack
    return "+".join(part for part in autoattack.parts(classes) if part.startswith(APGD))


def attacks_tried(classes: int) -> tuple[str, ...]:
    """The attacks of tables 4 to 7, as evaluations call them."""
    return tuple(attack_named(one, classes) for one in ("fgsm", "pgd", "cw", APGD, "autoattack"))


@dataclass(frozen=True)
class ExperimentRun:
    """One training run. Runs with the same name in the same setting are the same run, whichever item needs them.

    stage: its method, after the part of the paper if that matters. point: what distinguishes it from other runs of its
    stage and seed. fields: all fields that are set for it, including `point`.
    attacked: checkpoints to evaluate with the attacks of tables 4 to 7.
    """

    setting: Setting
    stage: tuple[str, ...]
    seed: int
    point: tuple[tuple[str, str], ...]
    fields: tuple[tuple[str, str], ...]
    attacked: tuple[str, ...] = ()

    @property
    def method(self) -> str:
        """The training method."""
        return self.stage[-1]

    @property
    def name(self) -> str:
        """The name of its folder."""
        return "-".join((*self.stage, *(f"{name}={value}" for name, value in self.point), f"seed={self.seed}"))

    def config(self) -> TrainConfig:
        """Its configuration. Raises pydantic's ValidationError if it is invalid."""
        given = {name: json.loads(value) for name, value in self.fields}
        known = {name: value for name, value in given.items() if name in TrainConfig.model_fields}
        options = {name: value for name, value in given.items() if name not in known}
        return TrainConfig.model_validate({**known, "method": self.method, "seed": self.seed, "options": options})

    def folder(self, runs: Path) -> Path:
        """Its folder within that of all runs of its setting."""
        return runs / self.name

    def unattacked(self, runs: Path, classes: int) -> list[str]:
        """The checkpoints that remain to be attacked."""
        folder, attacks = self.folder(runs) / ATTACKED, attacks_tried(classes)
        return [one for one in self.attacked if not _is_attacked(folder / one, attacks)]

    def steps(self, runs: Path, dataset: str, study: str, classes: int) -> list[tuple[str, ...]]:
        """The commands that remain to be run for it, in order; `classes` is the number that the dataset has.

        Raises Conflict if its folder holds a finished run with other settings, such as those of another version.
        """
        memscore, folder = python("memscore.cli"), self.folder(runs)
        steps: list[tuple[str, ...]] = []
        if is_finished(folder):
            RunFolder(folder).require_settings(self.config())
        else:
            assignments = [word for name, value in self.fields for word in ("--set", f"{name}={value}")]
            about = ("--method", self.method, "--dataset", dataset, "--scores", study, "--seed", str(self.seed))
            steps.append((*memscore, "train", *about, *assignments, "--output", str(folder)))
        for checkpoint in self.unattacked(runs, classes):
            output = folder / ATTACKED / checkpoint
            attacks, few = ",".join(attacks_tried(classes)), str(self.setting.autoattack_samples)
            how = ("--attacks", attacks, "--splits", "test", "--autoattack-samples", few)
            how += ("--alarm-samples", "0", "--scores", study)
            steps.append((*memscore, "evaluate", str(folder / CHECKPOINTS / checkpoint), *how, "--output", str(output)))
        return steps


def _is_attacked(evaluation: Path, attacks: Sequence[str]) -> bool:
    """Whether a checkpoint was evaluated with all of these attacks; earlier versions had fewer."""
    try:
        return set(attacks) <= set(json.loads((evaluation / TABLE_JSON).read_text())["meta"]["attacks"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


@dataclass(frozen=True)
class Contender:
    """A method of the comparison, with the options and fields that distinguish it."""

    method: str
    point: dict[str, float] = field(default_factory=dict[str, float])
    label: str = ""


AVERAGING = 0.995
"""The decay of averaged weights, per step."""

CONTENDERS = (
    Contender("pgd", label="PGD"),
    Contender("trades", label="TRADES"),
    Contender("mart", label="MART"),
    Contender("gairat", label="GAIRAT"),
    Contender("bat", {"alpha": 1, "beta": 0.2}, "BAT, alpha 1, beta 0.2"),
    Contender("bat", {"alpha": 2, "beta": 0.2}, "BAT, alpha 2, beta 0.2"),
)
"""The paper's contenders, in tables 2 to 7 and figure 4."""

AVERAGED = (
    Contender("pgd", {"averaging": AVERAGING}, "PGD, averaged"),
    Contender("trades", {"averaging": AVERAGING}, "TRADES, averaged"),
)
"""Contenders with averaged weights, which the paper does not have, in the tables: averaging costs next to nothing and
helps more than most methods, so that a claim for one has to meet it."""


def preliminary(setting: Setting, method: str, seed: int, **point: float) -> ExperimentRun:
    """A run for section 3 of the paper, with networks kept along the way; `point` has keep_atypical and match_size.

    In a setting that treats both sections alike, it is also the run for section 5.
    """
    stage = ("preliminary",) if setting.preliminary else ()
    return _run(setting, (*stage, method), seed, point, {**setting.preliminary, "keep_every": setting.along})


def compared(
    setting: Setting, contender: Contender, seed: int, *, attacked: tuple[str, ...] = (), along: bool = True
) -> ExperimentRun:
    """A run for section 5 of the paper. `along` must be the same in all items that use a contender."""
    further: Fields = {"keep_every": setting.along} if along else {}
    fields = {**setting.methods.get(contender.method, {}), **further}
    run = _run(setting, (contender.method,), seed, contender.point, fields)
    return replace(run, attacked=attacked)


def check_fields(given: Fields) -> None:
    """Raise InvalidInput for a name that no run has, or that users cannot set."""
    own = {"method", "seed", "options", "keep_atypical", "match_size", "network", "atypical", "typical"}
    options = {name for method in METHODS.values() for name in method.Options.model_fields}
    for name in given:
        if name in own:
            raise InvalidInput(f"{name} is set by each item and cannot be set for all of them.")
        if name not in TrainConfig.model_fields and name not in options:
            raise InvalidInput(f"{name} is neither a field of the configuration nor an option of any method.")


def merged(runs: list[ExperimentRun]) -> list[ExperimentRun]:
    """Each run once, with the attacks that all its users need."""
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
