"""Registered datasets."""

from __future__ import annotations

from pydantic import Field

from memscore.messages.message import Message


class DatasetMessage(Message):
    """A registered dataset."""

    name: str
    fingerprint: str
    source: str
    train_samples: int
    test_samples: int
    image_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    flipped: int = Field(description="training labels flipped on purpose")


class DatasetDetail(DatasetMessage):
    """A registered dataset with the indices of its flipped labels."""

    flipped_indices: list[int]


class Datasets(Message):
    """A page of registered datasets, by name; `next` is the cursor of the next page, null on the last."""

    datasets: list[DatasetMessage]
    next: str | None = None
