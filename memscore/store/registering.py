"""Gives datasets names: their arrays go to the home folder, their record to the database."""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import Connection

from memscore.datasets import SOURCES
from memscore.datasets.dataset import Dataset
from memscore.datasets.forgotten import Forgotten
from memscore.datasets.storage import alone, folder_of, forgotten_in, is_whole, save
from memscore.errors import Conflict, InvalidInput
from memscore.store import datasets, forgotten, leftovers
from memscore.store.database import Database
from memscore.store.datasets import DatasetRecord
from memscore.study.spec import NAME_PATTERN


def require_free_name(name: str) -> None:
    """Raise InvalidInput unless a new dataset may have this name."""
    require_valid_name(name)
    if name in SOURCES:
        raise InvalidInput(f"{name!r} is the name of a published dataset; choose another one.")


def require_valid_name(name: str) -> None:
    """Raise InvalidInput unless this can be a name."""
    if not re.match(NAME_PATTERN, name):
        raise InvalidInput(
            f"{name!r} is not a valid name: use at most 63 letters, digits, '.', '_' and '-'; see --name."
        )


def register(database: Database, home: Path, name: str, dataset: Dataset) -> DatasetRecord:
    """Store a dataset's arrays in the home folder and register its name.

    Raises Conflict if another dataset has the name, or if samples of this one were forgotten; if its files are damaged
    or missing, they are written again without those samples.
    """
    fingerprint = dataset.fingerprint
    with alone(home, fingerprint):
        while True:
            with database.reading() as connection:
                taken = {record.name: record for record in datasets.listing(connection)}.get(name)
                gone = forgotten.of(connection, fingerprint) | forgotten_in(home, fingerprint)
            wanted = taken is None or taken.fingerprint == fingerprint
            if wanted and gone:
                if taken is None or is_whole(home, fingerprint, dataset.clean_labels):
                    raise Conflict(_not_again(name, len(gone)))
                dataset = dataset.blanked(gone)
            if wanted:
                save(dataset, home)
            with database.writing() as connection:
                leftovers.hold_arrays(connection, fingerprint)
                if not wanted or _may_stay(connection, home, fingerprint, gone):
                    return datasets.register(connection, name, dataset)
            # The arrays were those of a dataset that was removed just now, or samples of it were forgotten.
            leftovers.overwrite_forgotten(database, home, fingerprint)


def _may_stay(connection: Connection, home: Path, fingerprint: str, gone: Forgotten) -> bool:
    """Whether the arrays that were written are there, and no further sample of them was forgotten meanwhile."""
    return folder_of(home, fingerprint).is_dir() and not forgotten.of(connection, fingerprint) - gone


def _not_again(name: str, samples: int) -> str:
    was = "sample of it was" if samples == 1 else "samples of it were"
    return (
        f"Dataset {name!r} is not added again, since {samples:,} {was} removed on request and would come back; to add "
        f"the rest, leave {'it' if samples == 1 else 'them'} out of the data, which makes it another dataset."
    )
