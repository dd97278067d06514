"""Queries on datasets: names and the fingerprints they refer to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, select

from memscore.datasets.dataset import Dataset
from memscore.errors import Conflict, NotFound
from memscore.store.database import insert_new
from memscore.store.schema import datasets
from memscore.texts import harmless


@dataclass(frozen=True)
class DatasetRecord:
    """A registered dataset. `flipped`: indices of deliberately flipped training labels."""

    name: str
    fingerprint: str
    source: str
    train_samples: int
    test_samples: int
    image_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    flipped: tuple[int, ...]


def register(connection: Connection, name: str, dataset: Dataset) -> DatasetRecord:
    """Give a dataset a name; repeating that is a no-op.

    Raises Conflict if the name belongs to another dataset.
    """
    row = {
        "name": name,
        "fingerprint": dataset.fingerprint,
        "source": dataset.source,
        "train_samples": len(dataset.y_train),
        "test_samples": len(dataset.y_test),
        "image_shape": list(dataset.x_train.shape[1:]),
        "class_names": list(dataset.class_names),
        "flipped": np.flatnonzero(dataset.flipped).tolist(),
    }
    insert_new(connection, datasets, [row])
    record = by_name(connection, name)
    if record.fingerprint != row["fingerprint"]:
        raise Conflict(f"The name {name!r} already belongs to another dataset; choose another with --name.")
    return record


def by_name(connection: Connection, name: str) -> DatasetRecord:
    """The dataset with this name. Raises NotFound, which lists the existing names."""
    row = connection.execute(select(datasets).where(datasets.c.name == name)).one_or_none()
    if row is None:
        known = connection.execute(select(datasets.c.name).order_by(datasets.c.name).limit(11)).scalars().all()
        there = (
            f"registered datasets: {', '.join(known[:10])}{', ...' if len(known) > 10 else ''}"
            if known
            else "none is registered"
        )
        source = name[:100] if ":" in name else "NAME"
        raise NotFound(f"There is no dataset {name[:100]!r}; {there}. Add one with: memscore datasets add {source}")
    return _record(row)


def listing(connection: Connection, limit: int | None = None, after: str | None = None) -> list[DatasetRecord]:
    """Datasets sorted by name: all, or those after this name."""
    query = select(datasets).order_by(datasets.c.name).limit(limit)
    if after is not None:
        query = query.where(datasets.c.name > after)
    return [_record(row) for row in connection.execute(query)]


def _record(row: Row[Any]) -> DatasetRecord:
    return DatasetRecord(
        row.name,
        row.fingerprint,
        row.source,
        row.train_samples,
        row.test_samples,
        tuple(row.image_shape),
        tuple(harmless(one) for one in row.class_names),
        tuple(row.flipped),
    )
