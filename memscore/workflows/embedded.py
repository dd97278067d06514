"""Estimation in one process, without a service: submit a job and dispatch it here."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager

from memscore.datasets import SOURCES, SourceOptions, load_source
from memscore.datasets.dataset import Dataset
from memscore.datasets.storage import save
from memscore.errors import NotFound
from memscore.farm.dispatcher import Dispatcher, owner_may_live
from memscore.progress import tracked
from memscore.settings import Settings
from memscore.store import Database, datasets, jobs, leases
from memscore.store.datasets import DatasetRecord
from memscore.store.jobs import JobRecord


def register(database: Database, settings: Settings, name: str, dataset: Dataset) -> DatasetRecord:
    """Keep a dataset's arrays under the home folder and give them a name."""
    settings.prepare_home()
    with database.reading() as connection:
        taken = {record.name: record for record in datasets.listing(connection)}.get(name)
    if taken is None or taken.fingerprint == dataset.fingerprint:
        save(dataset, settings.home)
    with database.writing() as connection:
        return datasets.register(connection, name, dataset)


def ensure_registered(database: Database, settings: Settings, name: str) -> DatasetRecord:
    """The dataset of that name; a built-in one is registered on first use, from files in home/downloads.

    Raises NotFound, or InvalidDataset if files of a built-in one are neither there nor can be downloaded.
    """
    with database.reading() as connection:
        try:
            return datasets.by_name(connection, name)
        except NotFound:
            if name not in SOURCES:
                raise
    options = SourceOptions(downloads=settings.home / "downloads", track=tracked)
    return register(database, settings, name, load_source(name, options))


def interrupted(database: Database, but: str) -> list[JobRecord]:
    """The unfinished jobs, oldest first and without one, that no process works on, nor is to begin by itself."""
    with database.reading() as connection:
        leader = leases.current(connection, leases.LEADER)
        if leader is not None and leader.seconds_left >= 0 and owner_may_live(leader.owner):
            return []
        others = sorted(jobs.unfinished(connection), key=lambda job: (job.created_at, job.id))
    return [job for job in others if job.id != but and (job.lease_owner is None or not owner_may_live(job.lease_owner))]


@contextmanager
def dispatching(database: Database, settings: Settings, first: str | None = None) -> Generator[None]:
    """A dispatcher in a thread of this process, for as long as the block lasts; the job `first` goes before others."""
    stop = threading.Event()
    thread = threading.Thread(target=Dispatcher(database, settings, first=first).run, args=(stop,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
