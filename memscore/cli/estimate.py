"""Commands that run and follow jobs: estimate, jobs list, show, watch, cancel."""

from __future__ import annotations

from typing import Annotated

import typer
from pydantic import ValidationError

from memscore import settings as settings_module
from memscore.cli.apps import Json, Url, app, jobs_app
from memscore.cli.context import opened_client, opened_database, sentence
from memscore.client import Client
from memscore.console import complain, err, out, print_json, print_record, print_table
from memscore.embedded import dispatching, ensure_registered
from memscore.errors import InvalidInput
from memscore.messages import JobMessage
from memscore.progress import progress_bar
from memscore.recipes import RECIPES
from memscore.spec import Design


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
        raise InvalidInput(f"--design, --ratio or --seed: {sentence(error)}.") from error

    def submit(client: Client) -> JobMessage:
        job = client.submit(dataset, recipe, trials=trials, design=design, study_name=study_name)
        for note in job.notes:
            complain("note", note, "bold")
        return follow(client, job)

    if url is not None:
        with opened_client(url) as client:
            job = submit(client)
            study = client.study(job.study)
    else:
        from api.in_process import in_process

        settings = settings_module.load()
        with opened_database(settings) as database, Client(http=in_process(database)) as client:
            ensure_registered(database, settings, dataset)
            with dispatching(database, settings):
                job = submit(client)
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
    with opened_client(url) as client:
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
    with opened_client(url) as client:
        print_record(client.job(job), as_json)


@jobs_app.command("watch")
def watch_job(job: str, url: Url = None, as_json: Json = False) -> None:
    """Follow a job to its end; it must be run by a service or by `memscore dispatch`."""
    with opened_client(url) as client:
        finished = follow(client, client.job(job))
    print_record(finished, as_json)


@jobs_app.command("cancel")
def cancel_job(job: str, url: Url = None, as_json: Json = False) -> None:
    """Cancel a job. Its evidence stays; a later job goes on from there."""
    with opened_client(url) as client:
        print_record(client.cancel(job), as_json)


def follow(client: Client, job: JobMessage) -> JobMessage:
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
