"""The command that trains with scores: train."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memscore import settings as settings_module
from memscore.cli.options import Json, Scores
from memscore.console import err, for_json, note, out, print_json, warn
from memscore.errors import InvalidInput
from memscore.progress import stage_progress
from trainer.assignments import assigned, number
from trainer.printing import notes_on, print_run

if TYPE_CHECKING:
    from trainer.config import TrainConfig
    from trainer.planning import RunPlan
    from trainer.run import Run, Watch
    from trainer.stopping import Stop


def train(
    method: Annotated[str, typer.Option(help="erm, pgd, trades, mart, gairat, bat or dpls.")],
    dataset: Annotated[str, typer.Option(help="A registered dataset; digits is added automatically.")],
    scores: Scores = None,
    preset: Annotated[
        str,
        typer.Option(
            help="small, paper (its comparison), unified (one rate for all), original (by its authors), or fast."
        ),
    ] = "small",
    network: Annotated[str | None, typer.Option(help="A network's name, or package.module:function.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1)] = None,
    epsilon: Annotated[str | None, typer.Option(help="Maximum change of a pixel in [0, 1], such as 8/255.")] = None,
    alpha: Annotated[float | None, typer.Option(help="BAT: how strongly poisoning samples lose weight.")] = None,
    beta: Annotated[
        float | None, typer.Option(help="Weight of BAT's discrimination loss, or of TRADES's divergence.")
    ] = None,
    keep_atypical: Annotated[
        float | None, typer.Option(help="Train on typical samples and this share of the atypical ones.")
    ] = None,
    settings_given: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=VALUE: a field of the configuration, or an option of the method."),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0)] = None,
    max_minutes: Annotated[
        float | None, typer.Option(min=0, help="Stop after this many minutes; the same command resumes the run.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for the run, needed to resume it.")
    ] = None,
    initial: Annotated[
        Path | None,
        typer.Option("--from", metavar="CHECKPOINT", help="Start with these weights: a checkpoint folder or a file."),
    ] = None,
    planned: Annotated[
        bool,
        typer.Option(
            "--plan", help="Only say what the run would take, also in pieces of --max-minutes; nothing is trained."
        ),
    ] = False,
    log_to: Annotated[
        str | None,
        typer.Option(
            envvar="MEMSCORE_LOG_TO",
            help="Trackers that get the metrics, with commas between: mlflow, wandb, package.module:function.",
        ),
    ] = None,
    allow_changed_network: Annotated[
        bool, typer.Option("--allow-changed-network", help="Continue even if the network's code has changed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Train one model and evaluate its checkpoints on typical and atypical samples.

    With --output you can interrupt the run at any time: the same command resumes it and gives the same result.
    """
    from memscore.workflows import training
    from trainer.stopping import Stop

    if max_minutes is not None and output is None and not planned:
        raise InvalidInput("--max-minutes needs --output, the folder from which to resume the run.")
    given = {"network": network, "epochs": epochs, "epsilon": epsilon and number(epsilon), "seed": seed}
    given |= {"alpha": alpha, "beta": beta, "keep_atypical": keep_atypical}
    config = _config(method, preset, given, settings_given or [])
    if planned:
        with for_json(as_json):
            settings = settings_module.load()
            found = training.plan(
                dataset, config, settings, scores=scores, output=output, initial=initial, on_warning=warn
            )
        _print_plan(found, max_minutes, as_json)
        return
    stop = Stop(max_minutes)
    with for_json(as_json):
        run = training.train(
            dataset,
            config,
            settings_module.load(),
            scores=scores,
            output=output,
            initial=initial,
            watching=_watching(method, stop, lines=not as_json),
            stop=stop,
            on_warning=warn,
            allow_changed_network=allow_changed_network,
            log_to=() if log_to is None else settings_module.listed(log_to),
        )
    if run is not None:
        _print(run, output, stop, as_json)


def _print_plan(plan: RunPlan, minutes: float | None, as_json: bool) -> None:
    if not as_json:
        for text in plan.sentences(minutes):
            out.print(text, markup=False)
        return
    pieces = None if minutes is None else plan.pieces(minutes)
    print_json({**asdict(plan), "pieces": pieces})


@contextmanager
def _watching(method: str, stop: Stop, *, lines: bool) -> Generator[Watch]:
    """Show a run in a bar, or in lines; Ctrl-C and SIGTERM ask it to stop."""
    from trainer.run import Watch
    from trainer.stopping import stopping_on_signals

    with stage_progress(err, "done", method, lines=lines) as stage, stopping_on_signals(stop):
        yield Watch(lambda cost: err.print(f"{method}: {cost.sentence()}"), stage)


def _config(method: str, preset: str, given: dict[str, Any], assignments: list[str]) -> TrainConfig:
    """The configuration set by options and --set. Raises InvalidInput if both set the same field."""
    from trainer.config import TrainConfig
    from trainer.presets import configured

    fields, options = assigned(assignments, TrainConfig.model_fields)
    for name, value in given.items():
        if value is not None and name in {**fields, **options}:
            raise InvalidInput(f"{name} is given twice; leave out one of --{name.replace('_', '-')} and --set {name}.")
        if value is not None:
            (options if name in ("alpha", "beta") else fields)[name] = value
    return configured(method, preset, **fields, options=options)


def _print(run: Run, output: Path | None, stop: Stop, as_json: bool) -> None:
    """Print the results of a run. Raises typer.Exit if it stopped before its end."""
    if not run.finished:
        where = "" if output is None else f"; the same command resumes from {output}"
        note(f"stopped before the end{where}.")
        raise typer.Exit(130 if stop.asked else 0)
    if as_json:
        print_json([asdict(one) for one in run.checkpoints])
    else:
        print_run(run)
    warn(*notes_on(run))
