"""Train without a service: `python -m trainer --help`. Needs torch, and neither Ray nor a database.

The dataset is a source such as npz:FILE; the scores are a table file or a service's address. A run that the output
folder already holds is resumed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
import typer

from memscore.console import err
from memscore.datasets import SourceOptions, load_source
from memscore.progress import stage_progress, tracked
from memscore.scores.sets import Thresholds
from trainer.assignments import assigned
from trainer.config import TrainConfig
from trainer.distributed import joined_world
from trainer.initial import InitialWeights
from trainer.presets import configured
from trainer.printing import print_run
from trainer.run import Watch, train
from trainer.scores import read
from trainer.stopping import Stop, stopping_on_signals


def run(
    method: Annotated[str, typer.Option(help="erm, pgd, trades, mart, gairat, bat or dpls.")],
    dataset: Annotated[str, typer.Option(help="A source, such as digits or npz:FILE.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the run; rerun to resume.")],
    scores: Annotated[
        str | None, typer.Option(help="A table file, URL#STUDY, or values as FILE.npy, FILE.npz:KEY, FILE.csv:COLUMN.")
    ] = None,
    preset: Annotated[str, typer.Option(help="small, paper, unified, original or fast.")] = "small",
    settings: Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE. May be repeated.")] = None,
    initial: Annotated[
        Path | None,
        typer.Option("--from", metavar="CHECKPOINT", help="Start with these weights: a checkpoint folder or a file."),
    ] = None,
    max_minutes: Annotated[float | None, typer.Option(min=0, help="Stop after this time, with a resume point.")] = None,
) -> None:
    """Train one model here and evaluate its checkpoints."""
    torch.set_num_threads(1)
    fields, options = assigned(settings or [], TrainConfig.model_fields)
    config = configured(method, preset, **fields, options=options)
    weights = None if initial is None else InitialWeights.of(initial)
    images = load_source(dataset, SourceOptions(track=tracked))
    stop = Stop(max_minutes)
    with joined_world() as world, stage_progress(err, "done", method) as stage, stopping_on_signals(stop):
        watch = Watch(lambda cost: err.print(f"{method}: {cost.sentence()}"), stage)
        thresholds = Thresholds(config.atypical, config.typical)
        table = None if scores is None else read(scores, thresholds=thresholds)
        finished = train(images, images.source, config, table, output, watch, stop, world, initial=weights)
        if not world.first:
            return
    if finished.finished:
        print_run(finished)
    else:
        err.print(f"note: stopped before the end; run the same command again to resume from {output}.")


def main() -> None:
    """Run the command. Raises the errors that are meant for the user."""
    typer.run(run)
