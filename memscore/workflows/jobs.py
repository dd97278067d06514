"""Running jobs in this process, with a dispatcher in a thread."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager

from memscore.client import Client
from memscore.counted import counted
from memscore.farm.dispatcher import Dispatcher
from memscore.messages.jobs import JobMessage
from memscore.settings import Settings
from memscore.store import Database, jobs, leadership
from memscore.store.jobs import JobRecord
from memscore.store.owners import owner_may_live
from memscore.workflows.watching import Follow, OnNote, follow_silently, ignore


def run_job(
    database: Database,
    client: Client,
    settings: Settings,
    job: JobMessage,
    *,
    follow: Follow = follow_silently,
    on_note: OnNote = ignore,
) -> JobMessage:
    """Run a job in this process, before all others, until it has succeeded. Raises JobFailed.

    Calls `on_note` if another command left a job unfinished; that job waits meanwhile.
    """
    waiting = interrupted(database, job.id)
    if waiting:
        others = f", and {len(waiting) - 1} others (memscore jobs list)" if len(waiting) > 1 else ""
        one = client.job(waiting[0].id)
        done = f"{one.progress.done:,} of {counted(one.progress.total, 'trial')}"
        on_note(
            f"job {one.id} of study {one.study_name} ({done}){others} was interrupted and is not running; to resume "
            f"it: memscore dispatch; to end it: memscore jobs cancel {one.id}"
        )
    with dispatching(database, settings, job.id):
        return follow(client, job)


def interrupted(database: Database, but: str) -> list[JobRecord]:
    """The unfinished jobs except `but`, oldest first, that no process is working on or will start by itself."""
    with database.reading() as connection:
        leader = leadership.current(connection, leadership.LEADER)
        if leader is not None and leader.seconds_left >= 0 and owner_may_live(leader.owner):
            return []
        others = sorted(jobs.unfinished(connection), key=lambda job: (job.created_at, job.id))
    return [job for job in others if job.id != but and (job.lease_owner is None or not owner_may_live(job.lease_owner))]


@contextmanager
def dispatching(database: Database, settings: Settings, first: str | None = None) -> Generator[None]:
    """Run a dispatcher in a thread of this process within the block; the job `first` runs before all others."""
    stop = threading.Event()
    thread = threading.Thread(target=Dispatcher(database, settings, first=first).run, args=(stop,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
