"""Deletes the files of removed data: after the rows that named them, and after a crash in between too.

The transaction that removes the rows lists the files in `leftovers`; they are deleted, then struck off the list. So no
row ever points at missing files, and nothing is deleted that nobody removed, as a home may serve several databases.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection, delete, select

from memscore.datasets.forgetting import overwrite
from memscore.datasets.storage import alone, clear_aside, set_aside
from memscore.errors import Damaged, StoreError
from memscore.files import reason
from memscore.private_folders import remove_private_folders
from memscore.store import forgotten
from memscore.store.database import Database, insert_ignoring, now, one_at_a_time
from memscore.store.schema import datasets, jobs, leftovers, studies

Kind = Literal["dataset", "forgotten", "job"]
AT_ONCE = 500  # values in one statement


def note(connection: Connection, kind: Kind, name: str) -> None:
    """List the files of a dataset's fingerprint, its forgotten samples, or the files of a job, as no longer needed."""
    insert_ignoring(connection, leftovers, {"kind": kind, "name": name, "created_at": now()})


def listed(connection: Connection) -> list[tuple[Kind, str]]:
    """What is listed, oldest first."""
    query = select(leftovers.c.kind, leftovers.c.name).order_by(leftovers.c.created_at, leftovers.c.name)
    return [(row.kind, row.name) for row in connection.execute(query)]


def hold_arrays(connection: Connection, fingerprint: str) -> None:
    """Keep the arrays of a dataset from being removed, or registered elsewhere, until the transaction ends."""
    one_at_a_time(connection, f"arrays {fingerprint}")


def sweep(database: Database, home: Path) -> int:
    """Delete all files that are listed, and return how many datasets and jobs had any.

    Forgotten samples are overwritten. Arrays that were registered again in the meantime stay. Raises StoreError if a
    file cannot be deleted or overwritten; it stays listed.
    """
    with database.reading() as connection:
        found = listed(connection)
    removed = 0
    try:
        logs = [name for kind, name in found if kind == "job"]
        if logs:
            removed += len(delete_logs(home, set(logs)))
            with database.writing() as connection:
                _strike_off_logs(connection, logs)
        for name in [name for kind, name in found if kind == "dataset"]:
            with database.writing() as connection:
                hold_arrays(connection, name)
                if not _needed(connection, name):
                    removed += set_aside(home, name)
                connection.execute(delete(leftovers).where(leftovers.c.kind == "dataset", leftovers.c.name == name))
        clear_aside(home)
        for name in [name for kind, name in found if kind == "forgotten"]:
            with suppress(Damaged), alone(home, name):  # what cannot be read stays listed, and a check reports it
                overwrite_forgotten(database, home, name)
    except OSError as error:
        raise StoreError(
            f"The rows are removed, but their files in {home} cannot be deleted ({reason(error)}); when they can, run: "
            "memscore db check --repair"
        ) from error
    return removed


def overwrite_forgotten(database: Database, home: Path, fingerprint: str) -> None:
    """Overwrite the forgotten samples of a dataset in all files of this home, and strike them off the list.

    Call it `alone` with the dataset. Raises Damaged or StoreError; then they stay listed.
    """
    done = None
    while True:  # another process may forget further samples meanwhile
        with database.writing() as connection:
            wanted = forgotten.of(connection, fingerprint)
            if wanted == done:
                mine = (leftovers.c.kind == "forgotten") & (leftovers.c.name == fingerprint)
                connection.execute(delete(leftovers).where(mine))
                return
            query = select(jobs.c.id).join(studies, studies.c.id == jobs.c.study_id)
            attempted = connection.execute(query.where(studies.c.fingerprint == fingerprint)).scalars().all()
        for job in attempted:
            remove_private_folders(job)  # of attempts that were killed with all that would have removed them
        overwrite(home, fingerprint, wanted)
        done = wanted


def _needed(connection: Connection, fingerprint: str) -> bool:
    """Whether a dataset or a study has this fingerprint."""
    return any(
        connection.execute(select(table.c.fingerprint).where(table.c.fingerprint == fingerprint)).first() is not None
        for table in (datasets, studies)
    )


def delete_logs(home: Path, jobs: Collection[str]) -> set[str]:
    """Delete the logs of these jobs' attempts on this machine; returns the jobs that had any. Raises OSError."""
    deleted = set[str]()
    for file in (home / "logs").glob("*-*.log"):
        job = file.stem.rpartition("-")[0]
        if job in jobs:
            file.unlink(missing_ok=True)
            deleted.add(job)
    return deleted


def _strike_off_logs(connection: Connection, names: list[str]) -> None:
    for first in range(0, len(names), AT_ONCE):
        some = names[first : first + AT_ONCE]
        connection.execute(delete(leftovers).where(leftovers.c.kind == "job", leftovers.c.name.in_(some)))
