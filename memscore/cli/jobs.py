"""Commands on jobs: list, show, watch, cancel, resume, log, events."""

from __future__ import annotations

import sys
import time
from itertools import islice
from typing import Annotated

import typer

from memscore.cli.context import opened_client
from memscore.cli.options import MOST_LISTED, Json, Url
from memscore.console import err, out, print_json, print_record, print_table
from memscore.durations import local_time
from memscore.messages.jobs import JobEvent, State
from memscore.messages.message import MOST_A_PAGE
from memscore.workflows.job_progress import follow as follow_job


def list_jobs(
    state: Annotated[State | None, typer.Option(help="Only jobs in this state.")] = None,
    study: Annotated[str | None, typer.Option(help="Only jobs of this study.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST_LISTED, help="Maximum number of jobs, newest first.")] = 100,
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
        ("job", "study", "state", "trials", "attempt", "created (local time)"),
        (
            (
                job.id,
                job.study_name,
                job.state,
                f"{job.progress.done}/{job.progress.total}",
                job.attempt,
                local_time(job.created_at),
            )
            for job in found
        ),
    )


def show_job(job: str, url: Url = None, as_json: Json = False) -> None:
    """Show one job."""
    with opened_client(url) as client:
        print_record(client.job(job), as_json)


def watch_job(job: str, url: Url = None, as_json: Json = False) -> None:
    """Follow a job until it ends; a service or `memscore dispatch` must run it."""
    with opened_client(url) as client:
        finished = follow_job(client, client.job(job), lines=not as_json)
    print_record(finished, as_json)


def cancel_job(job: str, url: Url = None, as_json: Json = False) -> None:
    """Cancel a job. Its evidence is kept: `resume` or a later job continues from there."""
    with opened_client(url) as client:
        print_record(client.cancel(job), as_json)


def resume_job(job: str, url: Url = None, as_json: Json = False) -> None:
    """Queue a cancelled or failed job again; it continues from its evidence."""
    with opened_client(url) as client:
        print_record(client.resume(job), as_json)


def job_log(
    job: str,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing until the job has ended.")] = False,
    url: Url = None,
) -> None:
    """Print the output of a job's driver and workers, from all its attempts."""
    with opened_client(url) as client:
        after = 0
        while True:
            finished = client.job(job).finished  # read before the log, so that its last lines are not missed
            part = client.log(job, after)
            for line in part.lines:
                print(line)
            sys.stdout.flush()
            after = part.next
            if finished or not follow:
                if not after:
                    err.print("No log of this job is stored.")
                return
            time.sleep(1)


def job_events(
    job: str,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing until the job has ended.")] = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Print the state changes of a job; with --json, one JSON object per line."""
    with opened_client(url) as client:
        happenings = client.events(job) if follow else client.history(job).events
        for event in happenings:
            if not isinstance(event, JobEvent):
                continue
            if as_json:
                print(event.model_dump_json(), flush=True)
            else:
                out.print(f"{local_time(event.at)}  {event.state:10}  {event.message}", soft_wrap=True)
