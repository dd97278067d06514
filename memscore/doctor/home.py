"""Check of the home folder: whether it is writable and has enough space for unfinished jobs."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

from memscore.doctor.diagnosis import Context, Diagnosis, ok, problem, problem_of, size, warning
from memscore.errors import MemscoreError
from memscore.files import open_to_others
from memscore.scores.planning import trial_bytes
from memscore.settings import Settings
from memscore.store import datasets, evidence, jobs, open_database, studies
from memscore.store.database import sqlite_file
from memscore.store.locality import file_system

LEAST_BYTES, ENOUGH_BYTES = 200e6, 2e9


def check(context: Context) -> Iterator[Diagnosis]:
    """Check the folder, its disk, and the disk of an SQLite database."""
    home = context.settings.home
    existing = _existing(home)
    if existing == home:
        try:
            context.settings.prepare_home()
            yield _writable(home)
        except MemscoreError as error:
            yield problem_of("home", error, "set MEMSCORE_HOME to a folder that you can write to")
    elif os.access(existing, os.W_OK) and existing.is_dir():
        yield ok("home", f"{home} does not exist yet and is created when needed")
    else:
        remedy = "set MEMSCORE_HOME to a folder that you can write to"
        yield problem("home", f"{home} cannot be created in {existing}", remedy)
    file = sqlite_file(context.settings.database)
    folders = {existing.stat().st_dev: existing}
    if file is not None:
        of_database = _existing(file)
        folders.setdefault(of_database.stat().st_dev, of_database)
    for device, folder in folders.items():
        needed = 0
        if file is not None and file.exists() and file.stat().st_dev == device:
            needed = _to_come(context.settings)
        yield _space(folder, needed)


def _writable(home: Path) -> Diagnosis:
    """Whether other users of the machine may enter a home that can be written."""
    found = f"{home} can be written ({file_system(home) or 'unknown file system'})"
    if open_to_others(home):
        remedy = f"chmod 700 {shlex.quote(str(home))}, or 770 for a group, unless it also holds what others need"
        return warning("home", f"{found}, and every user of this machine may enter it", remedy)
    return ok("home", found)


def _space(folder: Path, needed: int) -> Diagnosis:
    free = shutil.disk_usage(folder).free
    subject = "disk space"
    found = f"{size(free)} free at {folder}" + (f"; queued and running jobs will need {size(needed)}" * bool(needed))
    if free < max(LEAST_BYTES, needed):
        return problem(subject, found, "free some space, or cancel a job: a full disk stops every job")
    if free < ENOUGH_BYTES + 2 * needed:
        return warning(subject, found, "free some space soon; memscore db prune --vacuum shrinks a database")
    return ok(subject, found)


def _to_come(settings: Settings) -> int:
    """Bytes that unfinished jobs will store; 0 if the database is unavailable, which its own check reports."""
    database = None
    try:
        database = open_database(settings.database)
        with database.reading() as connection:
            sizes = {one.fingerprint: (one.train_samples, one.test_samples) for one in datasets.listing(connection)}
            total = 0
            for job in jobs.unfinished(connection):
                fingerprint = studies.find(connection, job.study_id).fingerprint
                outputs = evidence.output_bytes(connection, job.study_id)
                each = trial_bytes(*sizes[fingerprint], job.wanted, outputs)
                total += max(0, job.total - job.done) * each
            return total
    except Exception:
        return 0
    finally:
        if database is not None:
            database.close()


def _existing(path: Path) -> Path:
    """The path, or its nearest existing parent."""
    path = path.absolute()
    return next(one for one in (path, *path.parents) if one.exists())
