"""Train the trials of a study without a service: `python -m memscore.learning --help`.

Writes an evidence file, which `memscore evidence import` merges into a study. Needs neither Ray nor a database, so it
runs on any machine with torch. If the file exists, training resumes from it.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Annotated, cast, get_args

import torch
import typer

from memscore.counted import counted
from memscore.datasets import SourceOptions, load_source
from memscore.errors import Conflict, InvalidInput
from memscore.exchange.evidence_file import read_evidence, write_evidence
from memscore.learning.data import DeviceData
from memscore.learning.networks.behaviour import signature_of_recipe
from memscore.learning.unit import blocks_at_once, prepare, train_unit
from memscore.progress import progress_lines, tracked
from memscore.study import signatures
from memscore.study.evidence import Trial
from memscore.study.recipes import RECIPES, read_recipe
from memscore.study.spec import Design, EvidenceKind, Recipe, study_id
from memscore.study.subsets import grouped, units

SAVE_SECONDS = 10.0


def run(
    dataset: Annotated[str, typer.Option(help="A source, such as digits or npz:FILE.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The evidence file.")],
    recipe: Annotated[str, typer.Option(help=f"One of {', '.join(RECIPES)}; or a JSON file.")] = "digits",
    trials: Annotated[int, typer.Option(min=1, help="Trials in the finished file.")] = 200,
    full_trials: Annotated[int, typer.Option(min=0, help="Trials on all samples.")] = 5,
    ratio: Annotated[float, typer.Option(help="Share of the samples in each subset.")] = 0.7,
    design_kind: Annotated[str, typer.Option("--design", help="balanced or uniform.")] = "balanced",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the design.")] = 0,
    evidence: Annotated[str, typer.Option(help="margins (and predictions), or bits only.")] = "margins",
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Record the true class's probability.")
    ] = False,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; default: cuda if available.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Stop after this many minutes; keep finished trials.")] = None,
    allow_changed_network: Annotated[
        bool, typer.Option("--allow-changed-network", help="Continue even if the network's code has changed.")
    ] = False,
    part: Annotated[
        str, typer.Option(help="K/N: this is process K of N that share the trials, each with its own --output.")
    ] = "1/1",
) -> None:
    """Train the trials of a study on this machine and write their evidence to a file."""
    started = time.monotonic()
    mine = _part(part)
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    prepare(place)
    if evidence not in get_args(EvidenceKind):
        raise InvalidInput(f"--evidence must be margins or bits, not {evidence!r}.")
    kind = cast("EvidenceKind", evidence)
    chosen = read_recipe(recipe)
    design = Design.model_validate({"kind": design_kind, "subset_ratio": ratio, "seed": seed})
    images = load_source(dataset, SourceOptions(track=tracked))
    study = study_id(images.fingerprint, chosen, design)
    done = _there(output, study)
    data = DeviceData.of(images, place)
    signature = signature_of_recipe(chosen, data.shape, data.classes)
    known = [trial.network for trial in done if trial.network is not None]
    if not allow_changed_network and not signatures.is_known(signature, known):
        since = f"the trials in {output}"
        raise Conflict(signatures.has_changed(chosen.network, since, "--allow-changed-network"))
    present = {(trial.number, trial.full) for trial in done}
    every = units(chosen, trials) + units(chosen, full_trials, full=True)
    todo = [unit for unit in every[mine] if any((number, unit.full) not in present for number in unit.numbers)]
    if chosen.stacked:
        todo = list(grouped(todo, blocks_at_once(place)))
    saved = time.monotonic()
    with progress_lines("training", "parts") as show:  # a part may take long
        for position, unit in enumerate(todo):
            show(position, len(todo), str(unit))
            if minutes is not None and time.monotonic() - started > 60 * minutes:
                break
            found = train_unit(data, chosen, design, unit, kind=kind, probabilities=probabilities, signature=signature)
            done = [
                trial for trial in done if (trial.number, trial.full) not in {(new.number, new.full) for new in found}
            ]
            done += found
            accuracy = sum(trial.in_accuracy for trial in found) / len(found)
            seconds = sum(trial.seconds for trial in found)
            print(
                f"{unit}: {seconds:.2f} s, in-sample accuracy {accuracy:.4f}; {position + 1} of {len(todo)}", flush=True
            )
            if time.monotonic() - saved > SAVE_SECONDS or position + 1 == len(todo):
                _save(output, done, images.fingerprint, chosen, design, len(images.y_train), len(images.y_test))
                saved = time.monotonic()
    _save(output, done, images.fingerprint, chosen, design, len(images.y_train), len(images.y_test))
    print(f"{counted(len(done), 'trial')} of study {study} in {output}")


def _save(
    path: Path, trials: list[Trial], fingerprint: str, recipe: Recipe, design: Design, samples: int, test_samples: int
) -> None:
    write_evidence(
        path,
        trials,
        fingerprint=fingerprint,
        recipe=recipe,
        design=design,
        train_samples=samples,
        test_samples=test_samples,
    )


def _part(text: str) -> slice:
    """Parse K/N as the slice of every N-th unit, starting at the K-th. Raises InvalidInput for anything else."""
    match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    number, parts = (int(one) for one in match.groups()) if match else (0, 0)
    if not 1 <= number <= parts:
        raise InvalidInput(f"--part must be K/N with K from 1 to N, such as 1/4, not {text!r}.")
    return slice(number - 1, None, parts)


def _there(path: Path, study: str) -> list[Trial]:
    """The trials in an existing evidence file. Raises Conflict if they belong to another study."""
    if not path.exists():
        return []
    evidence = read_evidence(path)
    if evidence.meta.study != study:
        raise Conflict(f"{path} holds evidence of study {evidence.meta.study}, not {study}; choose another --output.")
    return [*evidence.trials, *evidence.full]


def main() -> None:
    """Run the command. Errors meant for the user propagate."""
    typer.run(run)
