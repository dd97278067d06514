"""Queries on datasets: names and the fingerprints they refer to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, delete, func, select, update

from memscore.datasets import SOURCES
from memscore.datasets.dataset import Dataset
from memscore.errors import Conflict, InvalidInput, NotFound
from memscore.store.database import insert_ignoring, insert_new, one_at_a_time
from memscore.store.schema import datasets, forgotten_samples, studies
from memscore.texts import harmless
from memscore.validation import NAME_PATTERN

IN_USE = "names of studies"
"""What `one_at_a_time` holds while a study is made or resumed, or a dataset renamed, removed or partly forgotten."""

_FORGOTTEN = (
    select(func.count()).where(forgotten_samples.c.fingerprint == datasets.c.fingerprint).correlate(datasets)
).scalar_subquery()
_RECORDS = select(datasets, _FORGOTTEN.label("forgotten"))


@dataclass(frozen=True)
class DatasetRecord:
    """A registered dataset.

    flipped: indices of deliberately flipped training labels. forgotten: samples whose content was removed on request.
    """

    name: str
    fingerprint: str
    source: str
    train_samples: int
    test_samples: int
    image_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    flipped: tuple[int, ...]
    forgotten: int = 0


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
    row = connection.execute(_RECORDS.where(datasets.c.name == name)).one_or_none()
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


def rename(connection: Connection, old: str, new: str) -> DatasetRecord:
    """Give a dataset another name, under which its studies list it from now on.

    Raises NotFound, InvalidInput for an impossible name, or Conflict if it is taken.
    """
    require_valid(new)
    one_at_a_time(connection, IN_USE)
    row = connection.execute(select(datasets).where(datasets.c.name == by_name(connection, old).name)).one()
    if old == new:
        return by_name(connection, old)
    if new in SOURCES and row.source != new:
        raise InvalidInput(f"{new!r} is the name of a published dataset, and this is another one; choose another name.")
    if not insert_ignoring(connection, datasets, {**row._mapping, "name": new}):  # pyright: ignore[reportPrivateUsage] -- public, in spite of its name
        raise Conflict(f"The name {new!r} already belongs to another dataset; choose another name.")
    connection.execute(update(studies).where(studies.c.dataset == old).values(dataset=new))
    connection.execute(delete(datasets).where(datasets.c.name == old))
    return by_name(connection, new)


def require_valid(name: str) -> None:
    """Raises InvalidInput for a name that neither a dataset nor a study can have."""
    if not re.fullmatch(NAME_PATTERN, name):
        raise InvalidInput(f"{name[:100]!r} is not a valid name: use at most 63 letters, digits, '.', '_' and '-'.")


def listing(connection: Connection, limit: int | None = None, after: str | None = None) -> list[DatasetRecord]:
    """Datasets sorted by name: all, or those after this name."""
    query = _RECORDS.order_by(datasets.c.name).limit(limit)
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
        row.forgotten,
    )
