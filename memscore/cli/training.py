"""Commands that train with scores: train, demo."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from memscore import settings as settings_module
from memscore.cli.apps import Json, app
from memscore.cli.context import opened_client, opened_database
from memscore.client import is_url
from memscore.console import complain, err, for_json, print_json
from memscore.errors import InvalidInput
from memscore.progress import stage_progress
from memscore.scores.sets import Thresholds
from memscore.settings import Settings
from memscore.workflows.embedded import ensure_registered
from trainer.assignments import assigned, number
from trainer.printing import print_run, told


@app.command()
def train(
    method: Annotated[str, typer.Option(help="erm, pgd, trades, mart, gairat or bat.")],
    dataset: Annotated[str, typer.Option(help="A registered dataset; digits is added by itself.")],
    scores: Annotated[
        str | None, typer.Option(help="Table file, URL#STUDY, or a study of the embedded database.")
    ] = None,
    preset: Annotated[
        str, typer.Option(help="small, paper (its comparison), original (the method's authors') or fast.")
    ] = "small",
    network: Annotated[str | None, typer.Option(help="A network's name, or package.module:function.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1)] = None,
    epsilon: Annotated[str | None, typer.Option(help="Largest change of a pixel in [0, 1], such as 8/255.")] = None,
    alpha: Annotated[float | None, typer.Option(help="BAT: how strongly poisoning samples lose weight.")] = None,
    beta: Annotated[
        float | None, typer.Option(help="BAT: of the discrimination loss; TRADES: of the divergence.")
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
        float | None, typer.Option(min=0, help="Stop after so long; the same command goes on from there.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder for the run; it goes on there.")] = None,
    allow_changed_network: Annotated[
        bool, typer.Option("--allow-changed-network", help="Go on though the network's code has changed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Train one model and evaluate its checkpoints on typical and atypical samples.

    With --output the run can be interrupted at any time: the same command goes on where it stopped, to the same end.
    """
    import torch

    from memscore.datasets.storage import open_dataset
    from trainer.config import TrainConfig
    from trainer.distributed import joined_world
    from trainer.presets import configured
    from trainer.run import Watch
    from trainer.run import train as run
    from trainer.stopping import Stop, stopping_on_signals
    from trainer.threat import warnings_of

    torch.set_num_threads(1)
    if max_minutes is not None and output is None:
        raise InvalidInput("--max-minutes needs --output, the folder in which the run goes on later.")
    given = {"network": network, "epochs": epochs, "epsilon": epsilon and number(epsilon), "seed": seed}
    given |= {"alpha": alpha, "beta": beta, "keep_atypical": keep_atypical}
    fields, options = assigned(settings_given or [], TrainConfig.model_fields)
    for name, value in given.items():
        if value is not None and name in {**fields, **options}:
            raise InvalidInput(f"{name} is given twice; leave out one of --{name.replace('_', '-')} and --set {name}.")
        if value is not None:
            (options if name in ("alpha", "beta") else fields)[name] = value
    config = configured(method, preset, **fields, options=options)
    for warning in warnings_of(config):
        complain("warning", warning, "bold yellow")
    settings = settings_module.load()
    with opened_database(settings) as database:
        record = ensure_registered(database, settings, dataset)
    thresholds = Thresholds(config.atypical, config.typical)
    pulled = None if scores is None else pulled_scores(scores, settings, thresholds)
    if pulled is not None:
        for warning in pulled.table.warnings:
            complain("warning", f"of the scores: {warning}", "bold yellow")
    images, stop = open_dataset(settings.home, record.fingerprint), Stop(max_minutes)
    with (
        joined_world() as world,
        for_json(as_json),
        stage_progress(err, "done", method, lines=not as_json) as stage,
        stopping_on_signals(stop),
    ):
        watch = Watch(lambda cost: err.print(f"{method}: {cost.sentence()}"), stage)
        finished = run(
            images,
            record.name,
            config,
            pulled,
            output,
            watch,
            stop,
            world,
            allow_changed_network=allow_changed_network,
        )
    if not world.first:
        return
    if not finished.finished:
        where = "" if output is None else f"; the same command goes on from {output}"
        complain("note", f"stopped before the end{where}.", "bold")
        raise typer.Exit(130 if stop.asked else 0)
    if as_json:
        print_json([asdict(one) for one in finished.checkpoints])
    else:
        print_run(finished)
    for text in told(finished):
        complain("warning", text, "bold yellow")


@app.command()
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the report.")] = Path("demo"),
    trials: Annotated[int, typer.Option(min=10)] = 200,
) -> None:
    """Everything once, on scikit-learn's digits: scores, look-ups, adversarial training, a report."""
    from trainer.demo import run

    try:
        run(settings_module.load(), output, trials)
    except KeyboardInterrupt:
        complain("note", "what was finished is stored; the same command goes on from there.", "bold")
        raise


def pulled_scores(source: str, settings: Settings, thresholds: Thresholds = Thresholds()) -> Any:
    """Scores from URL#STUDY, a table file, or a study of the embedded database."""
    from trainer.scores import pull, read

    if is_url(source) or source.endswith(".npz") or Path(source).expanduser().is_file():
        return read(source, key=settings.client_key, cache=settings.home / "cache", thresholds=thresholds)
    with opened_client(None) as client:
        return pull(client, source, thresholds)
