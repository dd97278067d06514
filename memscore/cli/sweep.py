"""The command that trains many runs and compares them: sweep."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from math import floor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memscore import settings as settings_module
from memscore.cli.apps import GpusPerRun, Json, Slots, app
from memscore.cli.context import opened_database
from memscore.cli.files import alone, write_file
from memscore.cli.sweep_progress import SweepProgress
from memscore.cli.training import pulled_scores
from memscore.console import complain, err, out, print_json, print_table, warn
from memscore.errors import InvalidInput
from memscore.farm import commands
from memscore.farm.commands import Command, CommandPlan, Ended
from memscore.logs import end_of
from memscore.progress import duration
from memscore.settings import Settings
from memscore.workflows.embedded import ensure_registered
from trainer.assignments import assigned

if TYPE_CHECKING:
    from trainer.config import TrainConfig
    from trainer.run_comparison import RunComparison
    from trainer.sweep import SweepRequest, SweptRun

LOCK, LOGS, RAY_LOG = "sweep.lock", "logs", "ray.log"
TAIL = 1_500  # bytes of a failed run's log that are shown


@app.command()
def sweep(
    methods: Annotated[str, typer.Option(help="Methods, separated by commas: erm, pgd, trades, mart, gairat, bat.")],
    dataset: Annotated[str, typer.Option(help="A registered dataset; digits is added by itself.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the runs and their comparison.")],
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each method at each point, with seeds 0, 1, ...")] = 3,
    grid: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE,VALUE: an option to vary; METHOD.NAME for one method alone. May be repeated."),
    ] = None,
    settings_given: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=VALUE: a field of the configuration, or an option of methods, for all runs."),
    ] = None,
    scores: Annotated[
        str | None, typer.Option(help="Table file, URL#STUDY, or a study of the embedded database.")
    ] = None,
    preset: Annotated[str, typer.Option(help="small, paper, original or fast.")] = "small",
    attacks: Annotated[
        str | None, typer.Option(help="Evaluate every run by these too, such as cw,autoattack.  [default: fgsm,pgd]")
    ] = None,
    gpus_per_run: GpusPerRun = 1.0,
    slots: Slots = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list the runs.")] = False,
    as_json: Json = False,
) -> None:
    """Train methods x seeds x grid side by side, and compare them: mean and deviation over seeds.

    The same command goes on where it was interrupted, trains what is missing, and makes the comparison anew.
    """
    from trainer.outcome import made_with
    from trainer.run_comparison import compare
    from trainer.sweep import SweepRequest, assignments, expand, expand_all, read_requests, record_requests
    from trainer.sweep import grid as grid_of

    request = SweepRequest(
        methods=settings_module.listed(methods),
        seeds=seeds,
        dataset=dataset,
        scores=_stable(scores),
        preset=preset,
        settings=assignments(settings_given or [], "--set"),
        grid=grid_of(grid or []),
        attacks=settings_module.listed(attacks or ""),
    )
    earlier = read_requests(output)
    requests = earlier if request in earlier else (*earlier, request)
    runs = expand(request, requests[0])
    configurations = {run: _configuration(run) for run in runs}
    left = {run: command for run in runs if (command := _command(run, output.resolve(), request.attacks))}
    if dry_run:
        _print_plan(configurations, left, output, as_json)
        return
    settings = settings_module.load()
    fingerprint, digest = _check_data(request, configurations.values(), settings)
    troubled: list[Ended] = []
    with alone(output, LOCK, LOGS, "sweep") as lock:
        record_requests(output, requests)
        if left:
            err.print(_announced(configurations, left, output))
            plan = CommandPlan(
                commands=tuple(left.values()),
                folder=Path.cwd(),
                slots=slots or settings.slots,
                per_gpu=floor(1 / gpus_per_run + 1e-9),
                at_most=slots,
            )
            epochs = {run.name: configuration.epochs for run, configuration in configurations.items()}
            done = {run.name for run in runs if run not in left}
            with SweepProgress(output, epochs, done, lines=not as_json) as progress:
                commands.run(plan, settings, output / RAY_LOG, progress.report, held=(lock,))
            troubled = progress.troubled
        comparison = compare(output, expand_all(requests))
        outdated = {run.name: made_with(output / run.name, fingerprint, digest) for run in runs if run not in left}
        comparison = replace(
            comparison,
            warnings=[
                *comparison.warnings,
                *(
                    f"{name} is older: it was trained with {what}. Remove its folder to train it anew."
                    for name, what in outdated.items()
                    if what
                ),
            ],
        )
        for name, text in comparison.files().items():
            write_file(output / name, text.encode())
    _print(comparison, output, as_json)
    for one in troubled:
        log = output / LOGS / f"{one.ended}.log"
        complain("error", f"{one.ended} {one.trouble}; the end of {log}:\n{end_of(log, TAIL)}", "bold red")
    if troubled:
        raise typer.Exit(1)


def _stable(scores: str | None) -> str | None:
    """The scores by a name that does not depend on the current folder."""
    return str(Path(scores).expanduser().resolve()) if scores and Path(scores).expanduser().is_file() else scores


def _configuration(run: SweptRun) -> TrainConfig:
    """The configuration that a run will have. Raises InvalidInput or pydantic's ValidationError if it cannot be."""
    from trainer.config import TrainConfig
    from trainer.presets import configured

    fields, options = assigned([f"{name}={value}" for name, value in run.settings], TrainConfig.model_fields)
    return configured(run.method, run.preset, **fields, seed=run.seed, options=options)


def _check_data(
    request: SweepRequest, configurations: Iterable[TrainConfig], settings: Settings
) -> tuple[str, str | None]:
    """Refuse once, instead of in every run, what dataset and scores do not allow; a built-in dataset is added.

    The dataset's fingerprint and the digest of the scores, if there are some.
    """
    with opened_database(settings) as database:
        record = ensure_registered(database, settings, request.dataset)
    if request.scores is not None:
        table = pulled_scores(request.scores, settings).table
        table.require_dataset(record.fingerprint, record.name)
        return record.fingerprint, table.digest
    needing = dict.fromkeys(one.method for one in configurations if one.needs_scores)
    if needing:
        raise InvalidInput(f"{', '.join(needing)} need memorization scores; name them with --scores.")
    return record.fingerprint, None


def _command(run: SweptRun, output: Path, attacks: tuple[str, ...]) -> Command | None:
    """What is left to do for a run: to train, or go on with it, and to evaluate it by further attacks; None if nothing.

    An evaluation takes the place of the one before, and so has the attacks of both; what it finds again costs nothing.
    """
    from trainer.outcome import is_finished, read_outcome
    from trainer.run import ATTACKS

    folder = output / run.name
    tried = read_outcome(folder).attacks if is_finished(folder) else None
    if tried is not None and {*attacks} <= {*tried}:
        return None
    memscore = (sys.executable, "-m", "memscore.cli")
    scores = () if run.scores is None else ("--scores", run.scores)
    about = ("--method", run.method, "--dataset", run.dataset, "--preset", run.preset, "--seed", str(run.seed))
    settings = tuple(word for name, value in run.settings for word in ("--set", f"{name}={value}"))
    steps = [(*memscore, "train", *about, *scores, *settings, "--output", str(folder))]
    if attacks:
        every = ",".join(dict.fromkeys((*(tried or ATTACKS), *attacks)))
        steps += [(*memscore, "evaluate", str(folder), "--attacks", every, *scores)]
    return Command(name=run.name, steps=tuple(steps), log=output / LOGS / f"{run.name}.log")


def _print_plan(runs: Mapping[SweptRun, TrainConfig], left: Collection[SweptRun], output: Path, as_json: bool) -> None:
    rows = [
        {
            "run": run.name,
            "method": run.method,
            "point": run.label,
            "seed": run.seed,
            "state": "to do" if run in left else "finished",
        }
        for run in runs
    ]
    if as_json:
        print_json(rows)
        return
    print_table(tuple(rows[0]), (row.values() for row in rows))
    out.print(_announced(runs, left, output))


def _announced(runs: Mapping[SweptRun, TrainConfig], left: Collection[SweptRun], output: Path) -> str:
    """How much there is to do; with the time of training if every method due was trained in the folder before."""
    from trainer.outcome import progress

    told = f"{len(runs)} runs: {len(runs) - len(left)} finished, {len(left)} to do"
    done = {run: progress(output / run.name) for run in runs}
    total = 0.0
    for run in left:
        alike = [done[other] for other in runs if other.method == run.method]
        epochs, seconds = (sum(part) for part in zip(*alike, strict=True))
        due = runs[run].epochs - done[run][0]
        if due and not epochs:
            return told
        total += due and due * seconds / epochs
    return f"{told}, about {duration(total)} of training one after the other" if total else told


def _print(comparison: RunComparison, output: Path, as_json: bool) -> None:
    if as_json:
        print_json(comparison.as_json())
    else:
        for title, columns, lines in comparison.tables(("test",)):
            print_table(columns, lines, title=title)
        out.print("Per cent: mean ± standard deviation over seeds.")
        out.print(f"Training samples too, and as CSV, JSON and Markdown: {', '.join(comparison.files())} in {output}")
    warn(comparison.warnings)
    if comparison.unfinished:
        complain("note", f"not finished: {', '.join(comparison.unfinished)}.", "bold")
