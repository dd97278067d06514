"""Forgets samples of a dataset on request: their content goes, their labels and all scores stay.

Rows come first, in one transaction, and files afterwards: nothing that a row names is served any more, whatever is
still in the files. The transaction also lists the dataset in `leftovers`, so that a crash in between loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, select

from memscore.datasets.dataset import SPLITS
from memscore.datasets.forgetting import copies_of
from memscore.datasets.forgotten import Forgotten, described
from memscore.datasets.storage import alone
from memscore.errors import Conflict, InvalidInput, NotFound
from memscore.messages.jobs import TERMINAL
from memscore.store import datasets, forgotten, leftovers
from memscore.store.database import Database, one_at_a_time
from memscore.store.datasets import IN_USE, DatasetRecord
from memscore.store.schema import jobs, studies


@dataclass(frozen=True)
class ForgottenSamples:
    """Samples of a dataset that were or would be forgotten.

    before: how many of them were already. names: other names of the same data. copies: equal samples, which stay.
    """

    name: str
    train: tuple[int, ...]
    test: tuple[int, ...]
    before: int
    names: tuple[str, ...]
    copies: tuple[str, ...]


def forget(
    database: Database,
    home: Path,
    name: str,
    samples: Forgotten,
    *,
    confirm: str | None = None,
    dry_run: bool = False,
    key_name: str | None = None,
) -> ForgottenSamples:
    """Overwrite samples of a dataset in this home, under all its names; `confirm` repeats the name.

    The same call finishes what a crash has interrupted. key_name: that of the API key that asked for it. Raises
    NotFound for an unknown dataset or sample, or if its arrays are not in this home; Damaged if they cannot be read;
    Conflict while a job of it waits or works; InvalidInput without samples, or without the right `confirm`.
    """
    with database.reading() as connection:
        record = _forgettable(connection, name, samples)
        every, noted = datasets.listing(connection), forgotten.of(connection, record.fingerprint)
    told = _told(home, record, samples, every, noted)
    if dry_run:
        return told
    _require_confirmed(name, confirm, samples)
    with alone(home, record.fingerprint):
        with database.writing() as connection:
            one_at_a_time(connection, IN_USE)  # whoever posts a job finds these rows, or is found by `_require_idle`
            if _forgettable(connection, name, samples).fingerprint != record.fingerprint:
                raise Conflict(f"The name {name!r} was given to another dataset in the meantime; try again.")
            forgotten.add(connection, record.fingerprint, samples, key_name)
            leftovers.note(connection, "forgotten", record.fingerprint)
        leftovers.overwrite_forgotten(database, home, record.fingerprint)
    return told


def _forgettable(connection: Connection, name: str, samples: Forgotten) -> DatasetRecord:
    """The dataset of that name, which has these samples and on which nothing works. Raises as `forget` does."""
    record = datasets.by_name(connection, name)
    unfinished = select(jobs.c.id, jobs.c.state, studies.c.name).join(studies, studies.c.id == jobs.c.study_id)
    unfinished = unfinished.where(studies.c.fingerprint == record.fingerprint, jobs.c.state.not_in(TERMINAL))
    row = connection.execute(unfinished.order_by(jobs.c.created_at, jobs.c.id)).first()
    if row is not None:
        raise Conflict(
            f"Job {row.id} of study {row.name!r}, which is trained on dataset {name!r}, is {row.state}; wait for its "
            f"end, or end it: memscore jobs cancel {row.id}"
        )
    if not samples:
        raise InvalidInput("Name the samples to forget: training samples by train (--train), others by test (--test).")
    for split in SPLITS:
        there = record.train_samples if split == "train" else record.test_samples
        for index in samples.part(split):
            if not 0 <= index < there:
                known = f"its indices go from 0 to {there - 1}" if there else "it has no such part"
                raise NotFound(f"Dataset {name!r} has no {split} sample {index}; {known}.")
    return record


def _told(
    home: Path, record: DatasetRecord, samples: Forgotten, every: list[DatasetRecord], noted: Forgotten
) -> ForgottenSamples:
    """What would be forgotten, of the datasets `every`. Raises NotFound, or Damaged, without readable arrays here."""
    others = {one.fingerprint: one.name for one in every} | {record.fingerprint: record.name}
    same = tuple(one.name for one in every if one.fingerprint == record.fingerprint and one.name != record.name)
    before = samples - (samples - noted)
    copies = copies_of(home, record.fingerprint, samples, others)
    return ForgottenSamples(record.name, samples.train, samples.test, len(before), same, tuple(copies))


def _require_confirmed(name: str, confirm: str | None, samples: Forgotten) -> None:
    if confirm != name:
        wrong = "" if confirm is None else f"{confirm[:63]!r} is not its name, {name!r}. "
        raise InvalidInput(
            f"{wrong}Nothing is forgotten before it is confirmed: the content of {described(samples)} of dataset "
            f"{name!r} would go for good, and nothing more could be trained on it. To forget "
            f"{'it' if len(samples) == 1 else 'them'}, repeat its name: confirm={name}"
        )
