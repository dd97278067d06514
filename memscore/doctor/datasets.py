"""Check of the registered datasets: whether their arrays are in the home folder and readable."""

from __future__ import annotations

from collections.abc import Iterator

from memscore.datasets.storage import open_dataset
from memscore.doctor.diagnosis import Context, Diagnosis, ok, problem
from memscore.errors import Damaged, NotFound
from memscore.store import datasets, open_database
from memscore.store.database import sqlite_file
from memscore.store.migrate import current_revision


def check(context: Context) -> Iterator[Diagnosis]:
    """Open the arrays and compare their sizes with the registered ones; `memscore db check` reads them completely."""
    file = sqlite_file(context.settings.database)
    if file is not None and not file.exists():
        yield ok("datasets", "none is registered yet")
        return
    database = open_database(context.settings.database)
    try:
        if current_revision(database) is None:
            yield ok("datasets", "none is registered yet")
            return
        with database.reading() as connection:
            records = datasets.listing(connection)
    finally:
        database.close()
    faults = 0
    for record in records:
        again = f"memscore datasets add {record.name}, with the MEMSCORE_HOME of the jobs"
        try:
            dataset = open_dataset(context.settings.home, record.fingerprint)
        except NotFound:
            found = f"the arrays of {record.name} are not under {context.settings.home / 'datasets'}"
        except Damaged as error:
            found = f"the arrays of {record.name} cannot be read: {str(error).partition(';')[0]}"
        else:
            if (len(dataset.y_train), len(dataset.y_test)) == (record.train_samples, record.test_samples):
                continue
            found = f"the arrays of {record.name} differ in size from the registered ones"
            again = "run memscore db check for details"
        faults += 1
        yield problem("datasets", found, again)
    if not faults:
        names = ", ".join(record.name for record in records[:5]) + (", ..." if len(records) > 5 else "")
        there = f"{len(records)} registered, with all their arrays: {names}"
        yield ok("datasets", there if records else "none is registered yet")
