"""Commands that train with scores: train, demo."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from memscore import settings as settings_module
from memscore.cli.apps import Json, app
from memscore.cli.context import opened_client, opened_database
from memscore.client import is_url
from memscore.console import complain, err, percent, print_json, print_table
from memscore.embedded import ensure_registered
from memscore.errors import InvalidInput
from memscore.progress import progress_bar
from memscore.settings import Settings


@app.command()
def train(
    method: Annotated[str, typer.Option(help="pgd or bat.")],
    dataset: Annotated[str, typer.Option(help="A registered dataset; digits is added by itself.")],
    scores: Annotated[
        str | None, typer.Option(help="Table file, URL#STUDY, or a study of the embedded database.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1)] = None,
    epsilon: Annotated[float | None, typer.Option(help="Largest change of a pixel in [0, 1].")] = None,
    alpha: Annotated[float, typer.Option(help="BAT: how strongly poisoning atypical samples lose weight.")] = 1.0,
    beta: Annotated[float, typer.Option(help="BAT: weight of the discrimination loss.")] = 0.2,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder for the checkpoint.")] = None,
    as_json: Json = False,
) -> None:
    """Train one model adversarially and evaluate it on typical and atypical samples."""
    import torch

    from memscore.datasets.storage import open_dataset
    from trainer.config import TrainConfig
    from trainer.methods import METHODS
    from trainer.run import train as run

    torch.set_num_threads(1)
    if method not in METHODS:
        raise InvalidInput(f"There is no method {method!r}; the methods are: {', '.join(METHODS)}.")
    given = {"epochs": epochs, "epsilon": epsilon, "alpha": alpha, "beta": beta, "seed": seed}
    config = TrainConfig.model_validate(
        {"method": method, **{name: value for name, value in given.items() if value is not None}}
    )
    settings = settings_module.load()
    with opened_database(settings) as database:
        record = ensure_registered(database, settings, dataset)
    pulled = None if scores is None else pulled_scores(scores, settings)
    with _stage_progress() as stage:
        finished = run(
            open_dataset(settings.home, record.fingerprint),
            record.name,
            config,
            pulled,
            output,
            lambda done, total, loss: stage(done, total, f"{method}, loss {loss:.3f}"),
        )
    if as_json:
        print_json([row.as_row() for row in finished.accuracy])
        return
    print_table(
        ("samples", "count", "clean", "PGD-20"),
        ((row.group, row.count, percent(row.clean), percent(row.pgd20)) for row in finished.accuracy),
    )


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


def pulled_scores(source: str, settings: Settings) -> Any:
    """Scores from URL#STUDY, a table file, or a study of the embedded database."""
    from trainer.scores import pull, read

    if is_url(source) or source.endswith(".npz") or Path(source).expanduser().is_file():
        return read(source, key=settings.client_key, cache=settings.home / "cache")
    with opened_client(None) as client:
        return pull(client, source)


@contextmanager
def _stage_progress() -> Generator[Callable[[int, int, str], None]]:
    """A progress bar that appears with the first epoch, so that a refusal stands alone."""
    progress = progress_bar("epochs", err)
    task = progress.add_task("training", total=None)

    def stage(done: int, total: int, text: str) -> None:
        progress.start()
        progress.update(task, completed=done, total=total, description=text)

    try:
        yield stage
    finally:
        if progress.live.is_started:
            progress.stop()
