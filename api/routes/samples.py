"""What is known of single samples: names, texts and other columns, and the nearest samples."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Literal, cast

import numpy as np
from fastapi import APIRouter, Query, Request
from fastapi import Path as InPath

from api import errors
from api.dependencies import DatabaseOf, DatasetInPath, HomeOf, IndexInPath
from api.routes.datasets import arrays_of, found, indices_in, require_sample
from api.table_cache import TableCache
from memscore.datasets.dataset import Dataset
from memscore.datasets.forgotten import Forgotten
from memscore.datasets.resemblance import closeness
from memscore.messages.datasets import Neighbour, Neighbours, Sample, SampleNames, Samples
from memscore.store import Database

NUMBERS = 1 << 24  # pixels or features compared at once: 64 MB
SHOWN_BY_NAME = ("text", "id", "file")

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])

SplitInPath = Annotated[Literal["train", "test"], InPath(description="training or test samples", examples=["train"])]


@router.get("/{name}/{split}/samples", operation_id="list_samples", responses=errors.documented(404))
def list_samples(
    database: DatabaseOf,
    home: HomeOf,
    name: DatasetInPath,
    split: SplitInPath,
    indices: Annotated[
        str,
        Query(
            max_length=5000,
            description="indices of at most 500 samples, separated by commas",
            examples=["17,4,23"],
            json_schema_extra={"pattern": "^[0-9]{1,9}(,[0-9]{1,9}){0,499}$"},
        ),
    ],
) -> Samples:
    """Samples with their label, name, text and other columns, in the order of the request."""
    wanted = indices_in(indices)
    record, gone = found(database, name)
    for index in wanted:
        require_sample(record, split, index)
    dataset = arrays_of(home, record.fingerprint)
    return Samples(samples=[_sample(dataset, split, index, gone) for index in wanted])


@router.get("/{name}/{split}/names", operation_id="list_sample_names", responses=errors.documented(404))
def list_names(database: DatabaseOf, home: HomeOf, name: DatasetInPath, split: SplitInPath) -> SampleNames:
    """The ids or file names of all samples; null if the dataset was added without."""
    record, gone = found(database, name)
    dataset = arrays_of(home, record.fingerprint)
    names = dataset.columns.names(split)
    if names is not None:
        names[list((gone | dataset.forgotten).part(split))] = ""
    return SampleNames(names=None if names is None else names.tolist())


@router.get("/{name}/{split}/{index}/neighbours", operation_id="list_neighbours", responses=errors.documented(404, 410))
async def list_neighbours(
    request: Request,
    database: DatabaseOf,
    home: HomeOf,
    name: DatasetInPath,
    split: SplitInPath,
    index: IndexInPath,
    count: Annotated[int, Query(ge=1, le=100, description="number of neighbours")] = 10,
) -> Neighbours:
    """The training samples that are nearest to a sample, by pixels or features, nearest first."""
    lanes = cast("TableCache", request.app.state.tables).lanes
    find = partial(_neighbours, database, home, name, split, index, count)
    return await lanes.whole.once(("neighbours", name, split, index, count), find)


def _neighbours(
    database: Database, home: Path, name: str, split: Literal["train", "test"], index: int, count: int
) -> Neighbours:
    """Compare a sample with all training samples, except forgotten ones. Raises NotFound, or Gone."""
    record, gone = found(database, name)
    require_sample(record, split, index)
    dataset = arrays_of(home, record.fingerprint)
    gone |= dataset.forgotten
    gone.require(name, split, index)
    asked = (dataset.x_train if split == "train" else dataset.x_test)[index : index + 1]
    step = max(1, NUMBERS // int(np.prod(record.image_shape)))
    parts = [
        closeness(asked, dataset.x_train[first : first + step])[0] for first in range(0, len(dataset.x_train), step)
    ]
    close = np.concatenate(parts)
    left_out = {*gone.train, index} if split == "train" else {*gone.train}
    close[list(left_out)] = -np.inf
    order = np.argsort(-close, kind="stable")[: min(count, len(close) - len(left_out))]
    return Neighbours(
        neighbours=[
            Neighbour(**_sample(dataset, "train", int(one), gone).model_dump(), closeness=round(float(close[one]), 6))
            for one in order
        ]
    )


def _sample(dataset: Dataset, split: Literal["train", "test"], index: int, gone: Forgotten) -> Sample:
    columns = dataset.columns.part(split)
    label = int((dataset.y_train if split == "train" else dataset.y_test)[index])
    if (gone | dataset.forgotten).has(split, index):
        return Sample(
            index=index,
            label=label,
            class_name=dataset.class_names[label],
            name=f"{split} {index}",
            forgotten=True,
        )
    others = {name: _value(columns[name][index]) for name in columns if name not in SHOWN_BY_NAME}
    return Sample(
        index=index,
        label=label,
        class_name=dataset.class_names[label],
        name=dataset.columns.name_of(split, index),
        text=str(columns["text"][index]) if "text" in columns else None,
        columns=others,
    )


def _value(value: np.str_ | np.float64) -> str | float | None:
    """A value for JSON; NaN becomes null."""
    if isinstance(value, np.str_):
        return str(value)
    return float(value) if np.isfinite(value) else None
