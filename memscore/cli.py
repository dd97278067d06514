"""The command line: one command, `memscore`."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

import memscore
from memscore import settings as settings_module
from memscore.client import Client, is_url
from memscore.console import complain, decimal, err, out, percent, print_json, print_record, print_table, warn
from memscore.datasets import load_source
from memscore.datasets.label_noise import flip_labels
from memscore.embedded import dispatching, ensure_registered, register
from memscore.errors import InvalidInput, MemscoreError
from memscore.farm.lifeline import wait_for_closed_input
from memscore.messages import JobMessage
from memscore.progress import progress_bar
from memscore.recipes import RECIPES
from memscore.sets import Thresholds
from memscore.settings import Settings
from memscore.spec import NAME_PATTERN, Design
from memscore.store import Database, open_database
from memscore.store.migrate import current_revision, require_current, upgrade

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=memscore.__doc__)
database_app = typer.Typer(no_args_is_help=True, help="The database.")
datasets_app = typer.Typer(no_args_is_help=True, help="Datasets: add, list, show.")
jobs_app = typer.Typer(no_args_is_help=True, help="Jobs: list, show, watch, cancel.")
scores_app = typer.Typer(no_args_is_help=True, help="Scores of a study: show, top.")
app.add_typer(database_app, name="db")
app.add_typer(datasets_app, name="datasets")
app.add_typer(jobs_app, name="jobs")
app.add_typer(scores_app, name="scores")

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Url = Annotated[
    str | None,
    typer.Option("--url", envvar="MEMSCORE_URL", help="A service; without it the embedded database is used."),
]


@contextmanager
def _database(settings: Settings) -> Generator[Database]:
    """The configured database at the current revision."""
    settings.prepare_home()
    database = open_database(settings.database)
    try:
        require_current(database)
        yield database
    finally:
        database.close()


@contextmanager
def _client(url: str | None) -> Generator[Client]:
    """A client of the service at `url`, or of the application in this process."""
    settings = settings_module.load()
    if url is not None:
        with Client(url, cache=settings.home / "cache") as client:
            yield client
        return
    from api.in_process import in_process

    with _database(settings) as database, Client(http=in_process(database)) as client:
        yield client


def _print_version(asked: bool) -> None:
    if asked:
        out.print(f"memscore {memscore.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    pass


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.", min=0, max=65535)] = 8000,
    dispatch: Annotated[bool, typer.Option(help="Also run a dispatcher.")] = True,
    follow_stdin: Annotated[bool, typer.Option("--follow-stdin", hidden=True)] = False,
) -> None:
    """Run the service: the API, and a dispatcher beside it."""
    from api.server import serve as run

    _log_to_stderr()
    settings = settings_module.load()
    with _database(settings) as database:

        def announce(address: str) -> None:
            print(f"memscore serves {address} (documentation: {address}/docs), home {settings.home}", flush=True)

        if follow_stdin:
            _at_end_of_input(lambda: os.kill(os.getpid(), signal.SIGTERM))
        run(database, settings, host, port, dispatch=dispatch, announce=announce)


@app.command()
def dispatch(
    follow_stdin: Annotated[bool, typer.Option("--follow-stdin", hidden=True)] = False,
) -> None:
    """Claim and run jobs until interrupted."""
    from memscore.farm.dispatcher import Dispatcher

    _log_to_stderr()
    settings = settings_module.load()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    if follow_stdin:
        _at_end_of_input(stop.set)
    with _database(settings) as database:
        Dispatcher(database, settings).run(stop)


@database_app.command("upgrade")
def upgrade_database(as_json: Json = False) -> None:
    """Bring the database to the schema of this version."""
    settings = settings_module.load()
    settings.prepare_home()
    database = open_database(settings.database)
    try:
        before = current_revision(database)
        upgrade(database)
        after = current_revision(database)
    finally:
        database.close()
    if as_json:
        print_json({"before": before, "after": after})
    else:
        out.print(f"Database {database.shown}: revision {before or 'none'} -> {after}")


@datasets_app.command("add")
def add_dataset(
    source: Annotated[str, typer.Argument(metavar="NAME", help="digits, or npz:FILE, or any name with --from.")],
    origin: Annotated[str | None, typer.Option("--from", help="Where a dataset of another name comes from.")] = None,
    name: Annotated[str | None, typer.Option(help="The name to register under.")] = None,
    flip: Annotated[float | None, typer.Option("--flip-labels", help="Share of training labels to make wrong.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the flipped labels.")] = 0,
    as_json: Json = False,
) -> None:
    """Add a dataset: its arrays go to the home folder, its name to the database."""
    import re

    if origin is not None and name is None:
        name = source
    dataset = load_source(origin or source)
    if name is None:
        name = Path(source.partition(":")[2]).stem if ":" in source else source
        if flip is not None:
            name = f"{name}-flipped-{flip:g}-seed-{seed}"
    if not re.match(NAME_PATTERN, name):
        raise InvalidInput(f"{name!r} cannot be a name: use letters, digits, '.', '_' and '-', at most 63; see --name.")
    if flip is not None:
        dataset = flip_labels(dataset, flip, seed)
    settings = settings_module.load()
    with _database(settings) as database:
        record = register(database, settings, name, dataset)
    if as_json:
        print_json({**record.__dict__, "flipped": list(record.flipped)})
        return
    out.print(
        f"Dataset {record.name}: {record.train_samples} training and {record.test_samples} test images "
        f"{'x'.join(map(str, record.image_shape))}, {len(record.class_names)} classes"
        + (f", {len(record.flipped)} labels flipped" if record.flipped else "")
        + f", fingerprint {record.fingerprint[:12]}",
        highlight=False,
    )


@datasets_app.command("list")
def list_datasets(url: Url = None, as_json: Json = False) -> None:
    """List the registered datasets."""
    with _client(url) as client:
        message = client.datasets()
    if as_json:
        print_json(message)
        return
    columns = ("name", "train", "test", "image", "classes", "flipped", "fingerprint")
    print_table(
        columns,
        (
            (
                one.name,
                one.train_samples,
                one.test_samples,
                "x".join(map(str, one.image_shape)),
                len(one.class_names),
                one.flipped,
                one.fingerprint[:12],
            )
            for one in message.datasets
        ),
    )


@datasets_app.command("show")
def show_dataset(name: str, url: Url = None, as_json: Json = False) -> None:
    """Show one dataset, with the indices of labels flipped on purpose."""
    with _client(url) as client:
        print_record(client.dataset(name), as_json)


@app.command()
def estimate(
    dataset: Annotated[str, typer.Option(help="A registered dataset; digits is added by itself.")],
    recipe: Annotated[str, typer.Option(help=f"One of: {', '.join(RECIPES)}.")] = "digits",
    trials: Annotated[int, typer.Option(min=1, help="Trials the study is brought to.")] = 200,
    ratio: Annotated[float, typer.Option(help="Share of the samples in each subset.")] = 0.7,
    design_kind: Annotated[str, typer.Option("--design", help="balanced or uniform.")] = "balanced",
    seed: Annotated[int, typer.Option(help="Seed of the design.")] = 0,
    study_name: Annotated[str | None, typer.Option(help="Name of the study; default: the dataset's.")] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Estimate the scores of a dataset: submit a job, and run it here unless --url names a service."""
    try:
        design = Design.model_validate({"kind": design_kind, "subset_ratio": ratio, "seed": seed})
    except ValidationError as error:
        raise InvalidInput(f"--design, --ratio or --seed: {_sentence(error)}.") from error

    def follow(client: Client) -> JobMessage:
        job = client.submit(dataset, recipe, trials=trials, design=design, study_name=study_name)
        for note in job.notes:
            complain("note", note, "bold")
        return _follow(client, job)

    if url is not None:
        with _client(url) as client:
            job = follow(client)
            study = client.study(job.study)
    else:
        from api.in_process import in_process

        settings = settings_module.load()
        with _database(settings) as database, Client(http=in_process(database)) as client:
            ensure_registered(database, settings, dataset)
            with dispatching(database, settings):
                job = follow(client)
            study = client.study(job.study)
    if as_json:
        print_json({"job": job.model_dump(mode="json"), "study": study.model_dump(mode="json")})
        return
    assert study.table is not None
    out.print(
        f"Study {study.name} ({study.id}): {study.table.trials} trials, accuracy in-sample "
        f"{study.table.in_sample_accuracy:.3f}, held-out {study.table.held_out_accuracy:.3f}",
        highlight=False,
    )
    for warning in study.table.warnings:
        complain("warning", warning, "bold yellow")
    out.print(f"Next: memscore scores top {study.name}")


@jobs_app.command("list")
def list_jobs(url: Url = None, as_json: Json = False) -> None:
    """List jobs, newest first."""
    with _client(url) as client:
        message = client.jobs()
    if as_json:
        print_json(message)
        return
    print_table(
        ("job", "study", "state", "trials", "attempt", "created"),
        (
            (
                job.id,
                job.study_name,
                job.state,
                f"{job.progress.done}/{job.progress.total}",
                job.attempt,
                f"{job.created_at:%Y-%m-%d %H:%M:%S}",
            )
            for job in message.jobs
        ),
    )


@jobs_app.command("show")
def show_job(job: str, url: Url = None, as_json: Json = False) -> None:
    """Show one job."""
    with _client(url) as client:
        print_record(client.job(job), as_json)


@jobs_app.command("watch")
def watch_job(job: str, url: Url = None, as_json: Json = False) -> None:
    """Follow a job to its end; it must be run by a service or by `memscore dispatch`."""
    with _client(url) as client:
        finished = _follow(client, client.job(job))
    print_record(finished, as_json)


@jobs_app.command("cancel")
def cancel_job(job: str, url: Url = None, as_json: Json = False) -> None:
    """Cancel a job. Its evidence stays; a later job goes on from there."""
    with _client(url) as client:
        print_record(client.cancel(job), as_json)


@scores_app.command("show")
def show_score(study: str, index: int, url: Url = None, as_json: Json = False) -> None:
    """Show the scores of one training sample."""
    with _client(url) as client:
        print_record(client.score(study, index), as_json)


@scores_app.command("top")
def top_scores(
    study: str,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many.")] = 10,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List the most memorized training samples."""
    import numpy as np

    with _client(url) as client:
        table = client.table(study)
    mem = table["mem"]
    order = np.lexsort((np.arange(len(mem)), -np.nan_to_num(mem, nan=-np.inf)))[:count]
    rows = [
        {
            "index": int(index),
            **{
                name: _plain(table[name][index])
                for name in ("label", "mem", "se", "mem_low", "mem_high", "p_in", "p_out")
            },
        }
        for index in order
    ]
    if as_json:
        print_json(rows)
        return
    warn(table.warnings)
    columns = ("index", "label", "mem", "se", "95 % interval", "p_in", "p_out")
    print_table(
        columns,
        (
            (
                row["index"],
                row["label"],
                decimal(row["mem"]),
                decimal(row["se"]),
                f"[{decimal(row['mem_low'])}, {decimal(row['mem_high'])}]",
                decimal(row["p_in"]),
                decimal(row["p_out"]),
            )
            for row in rows
        ),
    )


@app.command()
def sets(
    study: str,
    atypical: Annotated[
        float, typer.Option(help="Lower bound of mem and infl of atypical samples.")
    ] = Thresholds.atypical,
    typical: Annotated[
        float, typer.Option(help="Upper bound of mem and infl of typical samples.")
    ] = Thresholds.typical,
    test_accuracy: Annotated[
        float, typer.Option(help="Least accuracy of typical test samples.")
    ] = Thresholds.test_accuracy,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the masks to this .npz file.")] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Count the typical and atypical samples, or write their masks."""
    from memscore.client import atomic_write

    thresholds = Thresholds(atypical, typical, test_accuracy)
    with _client(url) as client:
        message = client.set_indices(study, thresholds)
        if output is not None:
            masks = client.sets(study, thresholds)
            try:
                with atomic_write(output) as scratch:
                    scratch.write_bytes(masks.encode(digest=message.digest))
            except OSError as error:
                raise InvalidInput(f"{output} cannot be written ({error.strerror}).") from error
    if as_json:
        print_json(message)
        return
    print_table(("set", "samples"), message.counts.items())
    if output is not None:
        out.print(f"Masks written to {output}")


@app.command()
def report(
    study: str,
    output: Annotated[Path, typer.Option("--output", "-o", help="The HTML file to write.")] = Path("report.html"),
    url: Url = None,
) -> None:
    """Write a study as one self-contained HTML page."""
    from memscore.client import atomic_write
    from memscore.datasets.storage import open_dataset
    from memscore.report import Report

    settings = settings_module.load()
    with _client(url) as client:
        message = client.study(study)
        page = Report(
            message, client.table(study), client.pairs_table(study), open_dataset(settings.home, message.fingerprint)
        )
    try:
        with atomic_write(output) as scratch:
            scratch.write_text(page.html())
    except OSError as error:
        raise InvalidInput(f"{output} cannot be written ({error.strerror}).") from error
    out.print(f"Report written to {output}")


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
    with _database(settings) as database:
        record = ensure_registered(database, settings, dataset)
    pulled = None if scores is None else _scores(scores, settings)
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


def main() -> None:
    """Run the command line; an error meant for the user is one sentence and exit status 1."""
    try:
        app()
    except MemscoreError as error:
        complain("error", str(error), "bold red")
        sys.exit(1)
    except ValidationError as error:
        complain("error", _sentence(error), "bold red")
        sys.exit(1)


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)


def _at_end_of_input(action: Callable[[], None]) -> None:
    """Call `action` when standard input closes: when whoever started this process is gone."""

    def wait() -> None:
        wait_for_closed_input()
        action()

    threading.Thread(target=wait, daemon=True).start()


def _follow(client: Client, job: JobMessage) -> JobMessage:
    """Show a job's progress until it has succeeded. Raises JobFailed otherwise."""
    with progress_bar("trials", err) as progress:
        task = progress.add_task(job.progress.phase, total=job.progress.total, completed=job.progress.done)

        def show(message: JobMessage) -> None:
            progress.update(
                task,
                description=message.progress.phase,
                completed=message.progress.done,
                total=message.progress.total,
            )

        try:
            return client.wait(job.id, show)
        except KeyboardInterrupt:
            progress.stop()
            kept = (
                f"job {job.id} is not cancelled: its service goes on with it, or the next one that is started, or this "
                f"command when it is run again; memscore jobs cancel {job.id} ends it."
            )
            complain("note", kept, "bold")
            raise


def _scores(source: str, settings: Settings) -> Any:
    """Scores from URL#STUDY, a table file, or a study of the embedded database."""
    from trainer.scores import pull, read

    if is_url(source) or source.endswith(".npz") or Path(source).expanduser().is_file():
        return read(source, cache=settings.home / "cache")
    with _client(None) as client:
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


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if where else message


def _plain(value: Any) -> float | int | None:
    number = value.item()
    return None if number != number else number


if __name__ == "__main__":
    main()
