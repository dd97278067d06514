"""Queries on forgotten samples, whose content was removed on request."""

from __future__ import annotations

from sqlalchemy import Connection, select

from memscore.datasets.dataset import SPLITS, refused
from memscore.datasets.forgotten import Forgotten
from memscore.errors import Conflict
from memscore.store.database import insert_new
from memscore.store.datasets import DatasetRecord
from memscore.store.schema import forgotten_samples


def of(connection: Connection, fingerprint: str) -> Forgotten:
    """The forgotten samples of a dataset."""
    found: dict[str, list[int]] = {split: [] for split in SPLITS}
    columns = forgotten_samples.c
    for row in connection.execute(
        select(columns.split, columns.sample_index).where(columns.fingerprint == fingerprint)
    ):
        found[row.split].append(row.sample_index)
    return Forgotten.of(found["train"], found["test"])


def add(connection: Connection, fingerprint: str, samples: Forgotten, key_name: str | None) -> None:
    """Note that samples are forgotten, on request of the API key of that name; those already noted stay as they are."""
    rows = [
        {"fingerprint": fingerprint, "split": split, "sample_index": index, "key_name": key_name}
        for split in SPLITS
        for index in samples.part(split)
    ]
    if rows:
        insert_new(connection, forgotten_samples, rows)


def require_whole(dataset: DatasetRecord) -> None:
    """Raises Conflict if samples of a dataset were forgotten, so that nothing can be trained on it."""
    if dataset.forgotten:
        raise Conflict(refused(dataset.name, dataset.forgotten))
