"""Provenance of a study: its inputs, and the commands that reproduce it."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from dataclasses import dataclass

import memscore
from memscore.counted import counted
from memscore.datasets.dataset import Dataset
from memscore.datasets.forgotten import described
from memscore.datasets.sources import PATH_SOURCES, SOURCES
from memscore.durations import readable
from memscore.exchange.evidence_file import StudyEvidence
from memscore.learning.estimators import in_words
from memscore.messages.studies import StudyMessage
from memscore.naming import legible
from memscore.scores.tables import PairsTable, ScoreTable
from memscore.study.spec import ESTIMATOR, Design, Recipe

FULL_TRIALS = 5  # the default of `memscore estimate`

ENDINGS = (
    (re.compile(r", ([\d.e-]+) of the labels flipped with seed (\d+)$"), "--flip-labels {} --seed {}"),
    (re.compile(r", ([\d.e-]+) of each class as the test set$"), "--test-share {}"),
    (re.compile(r", resized to (\d+)x\d+$"), "--resize {}"),
    (re.compile(r", first (\d+) classes$"), "--classes {}"),
)
"""Suffixes of a dataset's source description, last first, each with the option that produces it."""


@dataclass(frozen=True)
class Making:
    """How the models were trained, from the evidence: trials per device and code version, and the total time."""

    devices: dict[str, int]
    code_versions: dict[str, int]
    seconds: float

    @classmethod
    def of(cls, evidence: StudyEvidence) -> Making:
        """Count the trials, including full ones."""
        trials = (*evidence.trials, *evidence.full)
        return cls(
            dict(Counter(trial.device for trial in trials).most_common()),
            dict(Counter(trial.code_version for trial in trials).most_common()),
            sum(trial.seconds for trial in trials),
        )


def recipe_in_words(recipe: Recipe, name: str | None) -> str:
    """Describe a recipe: `digits: mlp 128-128, 60 epochs, batch size 32, sgd at learning rate 0.1, ..., float32`."""
    if recipe.network == ESTIMATOR:
        return (f"{name}: " if name else "") + f"the estimator {in_words(recipe)}"
    network = " ".join(
        [recipe.network, *(["-".join(map(str, recipe.hidden))] if recipe.hidden else []),
         *(f"{option} {value}" for option, value in recipe.options.items())]
    )  # fmt: skip
    words = [
        network,
        f"{counted(recipe.epochs, 'epoch')}",
        f"batch size {recipe.batch_size}",
        f"{recipe.optimizer} at learning rate {recipe.learning_rate:g}, {recipe.schedule} schedule",
    ]
    words += [f"weight decay {recipe.weight_decay:g}"] if recipe.weight_decay else []
    words += [f"crop {recipe.crop}"] if recipe.crop else []
    words += ["flip"] if recipe.flip else []
    words.append(recipe.precision)
    return (f"{name}: " if name else "") + ", ".join(words)


def facts(
    study: StudyMessage, scores: ScoreTable, pairs: PairsTable, dataset: Dataset, making: Making | None
) -> dict[str, str]:
    """The inputs of the study, by name, in display order."""
    rows = {
        "dataset": f"{study.dataset} ({legible(dataset.source)}): {len(dataset.y_train):,} training and "
        f"{len(dataset.y_test):,} test {_shape(dataset)}; {counted(dataset.classes, 'class')}",
        "dataset fingerprint": study.fingerprint,
        "study": f"{study.name}, {study.id}",
    }
    if study.recipe is not None and study.design is not None:
        rows["recipe"] = recipe_in_words(study.recipe, study.recipe_name)
        rows["recipe as JSON"] = study.recipe.model_dump_json(exclude_defaults=True)
        named = "images" if dataset.kind == "images" else "samples"
        rows["design"] = _design_in_words(study.design, named)
        full, recorded = int(scores.meta.get("full_trials", 0)), int(scores.meta.get("probability_trials", 0))
        rows["trials"] = f"{scores.trials:,} on subsets, {full:,} on all training {named}"
        if recorded:
            rows["trials"] += f"; the true class's probability recorded in {recorded:,}"
    else:
        rows["scores"] = f"imported ({scores.meta.get('source', 'origin unknown')}), without evidence"
    if making is not None:
        rows["trained on"] = _counted(making.devices)
        rows["trained by"] = _counted({f"memscore {version}": count for version, count in making.code_versions.items()})
        rows["training time"] = f"{readable(making.seconds)} in total, on one worker"
    versions = scores.meta.get("versions", {})
    if versions:
        rows["tables built with"] = ", ".join(f"{name} {version}" for name, version in versions.items())
    if dataset.forgotten:
        rows["removed on request"] = f"the content of {described(dataset.forgotten)}; labels and scores stay"
    if dataset.notes:
        rows["reading the data"] = " ".join(legible(one) for one in dataset.notes)
    rows["score table digest"] = scores.digest
    rows["pairs table digest"] = pairs.digest
    rows["this page"] = f"memscore {memscore.__version__}"
    return rows


def _shape(dataset: Dataset) -> str:
    if dataset.kind == "features":
        return f"samples of {dataset.x_train.shape[1]:,} features"
    height, width, channels = dataset.x_train.shape[1:]
    colours = {1: "grey", 3: "colour"}.get(channels, f"{channels} channels")
    return f"images of {width} x {height} pixels, {colours}"


def commands(study: StudyMessage, scores: ScoreTable, pairs: PairsTable, dataset: Dataset) -> str:
    """The shell commands that reproduce the study and this page."""
    lines = [_adding(study.dataset, dataset)]
    if study.recipe is None or study.design is None:
        lines.append(f"memscore scores import scores.npz --dataset {study.dataset} --name {study.name}")
    else:
        recipe = study.recipe_name
        if recipe is None:
            recipe = "recipe.json"
            json = study.recipe.model_dump_json(exclude_defaults=True)
            lines.append(f"cat > {recipe} <<'END'\n{json}\nEND")
        lines.append(_estimating(study, study.design, recipe, scores, pairs))
    lines.append(f"memscore report {study.name} --output report.html")
    return "\n".join(lines)


def _adding(name: str, dataset: Dataset) -> str:
    """The command that adds the dataset, or a comment if its source does not determine one."""
    source, options = legible(dataset.source), []
    for ending, option in ENDINGS:
        if (found := ending.search(source)) is not None:
            source = source[: found.start()]
            options.insert(0, option.format(*found.groups()))
    if source not in SOURCES and source.partition(":")[0] not in PATH_SOURCES:
        return f"# add the dataset with the fingerprint above as {name}; its source: {source}"
    if source != name or options:
        options.insert(0, f"--name {name}")
    return " ".join(["memscore datasets add", shlex.quote(source), *options])


def _estimating(study: StudyMessage, design: Design, recipe: str, scores: ScoreTable, pairs: PairsTable) -> str:
    parts = [f"memscore estimate --dataset {study.dataset} --recipe {recipe} --trials {scores.trials}"]
    full = int(scores.meta.get("full_trials", 0))
    parts += [f"--ratio {design.subset_ratio:g}"] if design.subset_ratio != Design().subset_ratio else []
    parts += [f"--design {design.kind}"] if design.kind != Design().kind else []
    parts += [f"--seed {design.seed}"] if design.seed != Design().seed else []
    parts += [f"--full-trials {full}"] if full != FULL_TRIALS else []
    parts += ["--evidence bits"] if scores.trials and not scores.meta.get("margin_trials") else []
    parts += ["--probabilities"] if scores.meta.get("probability_trials") else []
    parts += ["--all-pairs"] if pairs.meta.get("scope") == "all" else []
    parts += [f"--study-name {study.name}"] if study.name != study.dataset else []
    return " ".join(parts)


def _design_in_words(design: Design, named: str) -> str:
    kind = (
        f"balanced: every {named[:-1]} is held out of {design.held_out_per_block} in each 10 trials"
        if design.kind == "balanced"
        else "uniform: subsets drawn independently"
    )
    return f"subsets of {100 * design.subset_ratio:g} % of the training {named}, {kind}; seed {design.seed}"


def _counted(trials: dict[str, int]) -> str:
    """The names, each with its number of trials if there are several."""
    if len(trials) == 1:
        return legible(next(iter(trials)))
    return ", ".join(f"{legible(name)} ({counted(count, 'trial')})" for name, count in trials.items())
