"""Commands on jobs: list, show, watch, cancel, resume, log, events."""

from __future__ import annotations

import sys
import time
from itertools import islice
from typing import Annotated

import typer

from memscore.cli.apps import Json, Url, jobs_app
from memscore.cli.context import opened_client
from memscore.client import Client
from memscore.console import complain, err, out, print_json, print_record, print_table
from memscore.messages.jobs import JobEvent, JobMessage, State
from memscore.progress import progress_bar
from memscore.settings import Settings
from memscore.store import Database
from memscore.workflows.embedded import dispatching, interrupted

SILENT_WAIT_SECONDS = 3.0  # before the user is told why a job does not start
MOST_A_PAGE = 1000


@jobs_app.command("list")
def list_jobs(
    state: Annotated[State | None, typer.Option(help="Only jobs in this state.")] = None,
    study: Annotated[str | None, typer.Option(help="Only jobs of this study.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 100,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List jobs, newest first."""
    with opened_client(url) as client:
        found = list(islice(client.iter_jobs(state, study, page=min(limit, MOST_A_PAGE)), limit))
    if as_json:
        print_json({"jobs": [job.model_dump(mode="json") for job in found]})
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
            for job in found
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
        finished = follow(client, client.job(job), lines=not as_json)
    print_record(finished, as_json)


@jobs_app.command("cancel")
def cancel_job(job: str, url: Url = None, as_json: Json = False) -> None:
    """Cancel a job. Its evidence stays; resume, or a later job, goes on from there."""
    with opened_client(url) as client:
        print_record(client.cancel(job), as_json)


@jobs_app.command("resume")
def resume_job(job: str, url: Url = None, as_json: Json = False) -> None:
    """Queue a cancelled or failed job again; it goes on from its evidence."""
    with opened_client(url) as client:
        print_record(client.resume(job), as_json)


@jobs_app.command("log")
def job_log(
    job: str,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job has ended.")] = False,
    url: Url = None,
) -> None:
    """Print what driver and workers of a job wrote, over all its attempts."""
    with opened_client(url) as client:
        after = 0
        while True:
            finished = client.job(job).finished  # asked before the log, so that nothing is missed at the end
            part = client.log(job, after)
            for line in part.lines:
                print(line)
            sys.stdout.flush()
            after = part.next
            if finished or not follow:
                if not after:
                    err.print("No log is stored of this job.")
                return
            time.sleep(1)


@jobs_app.command("events")
def job_events(
    job: str,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job has ended.")] = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Print how a job's state has changed; with --json a line for each event."""
    with opened_client(url) as client:
        happenings = client.events(job) if follow else client.history(job).events
        for event in happenings:
            if not isinstance(event, JobEvent):
                continue
            if as_json:
                print(event.model_dump_json(), flush=True)
            else:
                out.print(f"{event.at:%Y-%m-%d %H:%M:%S}  {event.state:10}  {event.message}", soft_wrap=True)


def run_here(client: Client, database: Database, settings: Settings, job: JobMessage, *, lines: bool) -> JobMessage:
    """Run a job in this process before all others, and show its progress until it has succeeded.

    Says which jobs wait meanwhile that another command was interrupted in. Raises JobFailed.
    """
    waiting = interrupted(database, job.id)
    if waiting:
        others = f", and {len(waiting) - 1} others (memscore jobs list)" if len(waiting) > 1 else ""
        one = client.job(waiting[0].id)
        done = f"{one.progress.done:,} of {one.progress.total:,} trials"
        text = (
            f"job {one.id} of study {one.study_name} ({done}){others} was interrupted and is not going on; to go on "
            f"with it: memscore dispatch; to end it: memscore jobs cancel {one.id}"
        )
        complain("note", text, "bold")
    with dispatching(database, settings, job.id):
        return follow(client, job, lines=lines)


def follow(client: Client, job: JobMessage, *, lines: bool = True) -> JobMessage:
    """Show a job's progress until it has succeeded, without a terminal in `lines`. Raises JobFailed otherwise."""
    with progress_bar("trials", err, lines=lines) as progress:
        task = progress.add_task(job.progress.phase, total=job.progress.total, completed=job.progress.done)
        waiting: list[float] = []  # since when, until it is said

        def show(message: JobMessage) -> None:
            if message.waiting_for is None:
                waiting.clear()
            elif not waiting:
                waiting.append(time.monotonic())
            elif 0 < waiting[0] < time.monotonic() - SILENT_WAIT_SECONDS:
                waiting[0] = 0.0
                complain("note", f"job {message.id} waits: {message.waiting_for}", "bold")
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
