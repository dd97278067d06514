"""Registered datasets."""

from __future__ import annotations

from fastapi import APIRouter

from api.context import DatabaseOf
from memscore.messages import DatasetDetail, DatasetMessage, Datasets
from memscore.store import datasets
from memscore.store.datasets import DatasetRecord

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])


@router.get("", operation_id="list_datasets")
def list_datasets(database: DatabaseOf) -> Datasets:
    """All registered datasets by name."""
    with database.reading() as connection:
        return Datasets(datasets=[_message(record) for record in datasets.listing(connection)])


@router.get("/{name}", operation_id="get_dataset")
def get_dataset(database: DatabaseOf, name: str) -> DatasetDetail:
    """One dataset, with the indices of labels flipped on purpose."""
    with database.reading() as connection:
        record = datasets.by_name(connection, name)
    return DatasetDetail(**_message(record).model_dump(), flipped_indices=list(record.flipped))


def _message(record: DatasetRecord) -> DatasetMessage:
    return DatasetMessage(
        name=record.name,
        fingerprint=record.fingerprint,
        source=record.source,
        train_samples=record.train_samples,
        test_samples=record.test_samples,
        image_shape=record.image_shape,
        class_names=record.class_names,
        flipped=len(record.flipped),
    )
