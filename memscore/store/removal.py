"""Removes datasets, studies and finished jobs, with everything that belongs to them.

Nothing is removed while something rests on it. Rows go first, in one transaction, and files afterwards (see leftovers).
Whoever adds to a study at the same time waits for the lock on its row, and then finds it gone, or is found there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.filesize import decimal
from sqlalchemy import Connection, delete, func, select

from memscore.counted import counted
from memscore.datasets.storage import size_of
from memscore.errors import Conflict, InvalidInput, StoreError
from memscore.files import reason
from memscore.messages.jobs import TERMINAL
from memscore.store import datasets as datasets_module
from memscore.store import leftovers, studies, tallies
from memscore.store.database import Database, now, one_at_a_time
from memscore.store.datasets import IN_USE, DatasetRecord
from memscore.store.metrics import LOST
from memscore.store.schema import datasets, full_trials, job_events, job_logs, jobs, metadata, trials
from memscore.store.schema import studies as studies_table
from memscore.store.sizes import StudySize, study_sizes, text_bytes
from memscore.store.studies import StudyRecord
from memscore.study.spec import BLOCK

AT_ONCE = 500  # values in one statement
MOST_NAMED = 5


@dataclass(frozen=True)
class RemovedDataset:
    """A dataset that was or would be removed; `bytes` of its files, 0 where another name keeps them."""

    name: str
    samples: int
    bytes: int


@dataclass(frozen=True)
class RemovedStudy:
    """A study that was or would be removed, and its size."""

    id: str
    name: str
    size: StudySize


@dataclass(frozen=True)
class PrunedJobs:
    """The finished jobs that were or would be removed, and the bytes of their logs in the database."""

    jobs: int
    bytes: int


def remove_dataset(
    database: Database, home: Path, name: str, *, confirm: str | None = None, dry_run: bool = False
) -> RemovedDataset:
    """Remove a dataset and its files, unless another name has the same ones; `confirm` repeats its name.

    Raises NotFound, Conflict while studies use it, InvalidInput without the right `confirm`.
    """
    if dry_run:
        with database.reading() as connection:
            return _removable_dataset(connection, home, name)[0]
    with database.writing() as connection:
        one_at_a_time(connection, IN_USE)
        connection.execute(select(datasets.c.name).where(datasets.c.name == name).with_for_update())
        removed, record = _removable_dataset(connection, home, name)
        _require_confirmed("dataset", name, confirm, f"{counted(removed.samples, 'sample')}, {decimal(removed.bytes)}")
        connection.execute(delete(datasets).where(datasets.c.name == name))
        if not _has_another_name(connection, record):
            leftovers.note(connection, "dataset", record.fingerprint)
    leftovers.sweep(database, home)
    return removed


def remove_study(
    database: Database,
    home: Path,
    study: str,
    *,
    confirm: str | None = None,
    evidence: bool = False,
    dry_run: bool = False,
) -> RemovedStudy:
    """Remove a study with its tables and jobs, and with its trials if `evidence`; `confirm` repeats its name.

    Raises NotFound; Conflict while a job waits or works on it, or if it has trials and `evidence` was not asked for;
    InvalidInput without the right `confirm`.
    """
    if dry_run:
        with database.reading() as connection:
            record = studies.find(connection, study)
            _require_idle(connection, record)
            return _size_of(connection, record)
    with database.writing() as connection:
        one_at_a_time(connection, IN_USE)
        record = studies.find(connection, study)
        hold(connection, record.id)
        _require_idle(connection, record)
        removed = _size_of(connection, record)
        _require_confirmed("study", record.name, confirm, described(removed.size))
        if (removed.size.trials or removed.size.full_trials) and not evidence:
            raise Conflict(
                f"Study {record.name!r} has {described(removed.size)}; what trials have found can only be trained "
                "again. To remove them too, add evidence=true."
            )
        delete_study(connection, record.id)
    leftovers.sweep(database, home)
    return removed


def prune_jobs(database: Database, home: Path, older_seconds: float, *, dry_run: bool = False) -> PrunedJobs:
    """Remove the jobs that finished at least this long ago, with their events and logs. Their studies stay."""
    old = jobs.c.state.in_(TERMINAL) & (jobs.c.finished_at <= now() - older_seconds)
    query = select(jobs.c.id).where(old).order_by(jobs.c.finished_at, jobs.c.id)
    if dry_run:
        with database.reading() as connection:
            found = connection.execute(query).scalars().all()
            return PrunedJobs(len(found), _log_bytes(connection, found))
    with database.writing() as connection:
        found = connection.execute(query.with_for_update(skip_locked=True)).scalars().all()
        pruned = PrunedJobs(len(found), _log_bytes(connection, found))
        _remove_jobs(connection, found)
    leftovers.sweep(database, home)
    return pruned


def prune_logs(database: Database, home: Path, older_seconds: float) -> int:
    """Remove the logs of the jobs that finished at least this long ago; returns how many had any. The jobs stay.

    The rows of these jobs are locked meanwhile, so that none is resumed and writes to what is being deleted.
    """
    old = jobs.c.state.in_(TERMINAL) & (jobs.c.finished_at <= now() - older_seconds)
    logged = select(job_logs.c.job_id).where(job_logs.c.job_id == jobs.c.id).exists()
    with database.writing() as connection:
        query = select(jobs.c.id, logged.label("logged")).where(old).with_for_update(skip_locked=True)
        rows = connection.execute(query).all()
        try:
            on_disk = leftovers.delete_logs(home, {row.id for row in rows})
        except OSError as error:
            raise StoreError(f"Logs of old jobs in {home} cannot be deleted ({reason(error)}).") from error
        stored = [row.id for row in rows if row.logged]
        for some in _chunks(stored):
            connection.execute(delete(job_logs).where(job_logs.c.job_id.in_(some)))
    return len(on_disk.union(stored))


def hold(connection: Connection, study: str) -> None:
    """Keep others from adding anything to a study, or from resuming its jobs, until the transaction ends."""
    connection.execute(select(studies_table.c.id).where(studies_table.c.id == study).with_for_update())
    connection.execute(select(jobs.c.id).where(jobs.c.study_id == study).with_for_update())


def delete_study(connection: Connection, study: str) -> None:
    """Delete a study that is held, with all rows that belong to it, and list the files of its jobs."""
    found = connection.execute(select(jobs.c.id).where(jobs.c.study_id == study)).scalars().all()
    _remove_jobs(connection, found)
    _count_trials(connection, study)
    for table in reversed(metadata.sorted_tables):
        if "study_id" in table.c:
            connection.execute(delete(table).where(table.c.study_id == study))
    connection.execute(delete(studies_table).where(studies_table.c.id == study))


def described(size: StudySize) -> str:
    """What a study has, for a sentence: 40 trials, 2 tables, 3 jobs, 81.2 kB."""
    parts = [
        counted(size.trials, "trial"),
        *([counted(size.full_trials, "full trial")] if size.full_trials else []),
        counted(size.tables, "table"),
        *([counted(size.published, "published row")] if size.published else []),
        *([counted(size.reviews, "reviewer's verdict")] if size.reviews else []),
        counted(size.jobs, "job"),
        decimal(size.bytes),
    ]
    return ", ".join(parts)


def _removable_dataset(connection: Connection, home: Path, name: str) -> tuple[RemovedDataset, DatasetRecord]:
    """A dataset that nothing rests on. Raises NotFound, or Conflict."""
    record = datasets_module.by_name(connection, name)
    using = connection.execute(
        select(studies_table.c.name).where(studies_table.c.dataset == name).order_by(studies_table.c.name)
    )
    if names := using.scalars().all():
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        which, first = ("study", "that study") if len(names) == 1 else ("studies", "those studies")
        raise Conflict(
            f"Dataset {name!r} is used by {which} {', '.join(names[:MOST_NAMED])}{more}; remove {first} first."
        )
    kept = _has_another_name(connection, record)
    size = 0 if kept else size_of(home, record.fingerprint)
    return RemovedDataset(name, record.train_samples + record.test_samples, size), record


def _has_another_name(connection: Connection, record: DatasetRecord) -> bool:
    others = (datasets.c.fingerprint == record.fingerprint) & (datasets.c.name != record.name)
    return connection.execute(select(datasets.c.name).where(others)).first() is not None


def _require_confirmed(kind: str, name: str, confirm: str | None, what: str) -> None:
    if confirm != name:
        wrong = "" if confirm is None else f"{confirm[:63]!r} is not its name, {name!r}. "
        raise InvalidInput(
            f"{wrong}Nothing is removed before it is confirmed: {kind} {name!r} would go for good ({what}). To remove "
            f"it, repeat its name: confirm={name}"
        )


def _require_idle(connection: Connection, study: StudyRecord) -> None:
    """Raises Conflict while a job waits or works on a study."""
    unfinished = select(jobs.c.id, jobs.c.state).where(jobs.c.study_id == study.id, jobs.c.state.not_in(TERMINAL))
    row = connection.execute(unfinished.order_by(jobs.c.created_at)).first()
    if row is not None:
        raise Conflict(
            f"Job {row.id} of study {study.name!r} is {row.state}; wait for its end, or end it: "
            f"memscore jobs cancel {row.id}"
        )


def _size_of(connection: Connection, study: StudyRecord) -> RemovedStudy:
    return RemovedStudy(study.id, study.name, study_sizes(connection, study.id).get(study.id, StudySize()))


def _log_bytes(connection: Connection, found: Sequence[str]) -> int:
    total = 0
    for some in _chunks(found):
        size = select(func.sum(text_bytes(connection, job_logs.c.text))).where(job_logs.c.job_id.in_(some))
        total += int(connection.execute(size).scalar() or 0)
    return total


def _remove_jobs(connection: Connection, found: Sequence[str]) -> None:
    """Delete jobs with their events and logs, and list their files."""
    for some in _chunks(found):
        lost = select(func.count()).select_from(job_events)
        lost = lost.where(job_events.c.job_id.in_(some), job_events.c.state.in_(LOST))
        query = select(
            func.coalesce(func.sum(jobs.c.attempt), 0).label("attempts"),
            func.count(jobs.c.started_at).label("jobs_started"),
            func.coalesce(func.sum(jobs.c.started_at - jobs.c.created_at), 0).label("waited"),
        )
        row = connection.execute(query.where(jobs.c.id.in_(some))).one()
        counts: dict[tallies.Tally, float] = {
            "attempts": row.attempts,
            "attempts_lost": connection.execute(lost).scalar_one(),
            "jobs_started": row.jobs_started,
            "waited": row.waited,
        }
        tallies.add(connection, counts)
        started = select(jobs.c.id).where(jobs.c.id.in_(some), jobs.c.attempt > 0)
        for job in connection.execute(started).scalars().all():
            leftovers.note(connection, "job", job)
        for table in (job_logs, job_events):
            connection.execute(delete(table).where(table.c.job_id.in_(some)))
        connection.execute(delete(jobs).where(jobs.c.id.in_(some)))


def _count_trials(connection: Connection, study: str) -> None:
    """Remember how many trials were stored for a study that is being removed."""
    counts = [
        connection.execute(select(func.count()).where(table.c.study_id == study)).scalar_one()
        for table in (trials, full_trials)
    ]
    tallies.add(connection, {"trials": counts[0], "full_trials": counts[1], "blocks": counts[0] // BLOCK})


def _chunks(found: Sequence[str]) -> list[Sequence[str]]:
    return [found[first : first + AT_ONCE] for first in range(0, len(found), AT_ONCE)]
