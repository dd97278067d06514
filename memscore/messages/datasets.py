"""Registered datasets."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from memscore.messages.message import Message

UploadFormat = Literal["npz", "csv", "parquet", "zip"]
"""Of a file with a dataset; zip: an archive with a folder of images for each class."""


class DatasetMessage(Message):
    """A registered dataset."""

    name: str
    fingerprint: str
    source: str
    train_samples: int
    test_samples: int
    image_shape: tuple[int, ...] = Field(description="height, width, channels; of features, their number")
    kind: Literal["images", "features"] = "images"
    class_names: tuple[str, ...]
    flipped: int = Field(description="training labels flipped on purpose")
    forgotten: int = Field(
        default=0, description="samples whose content was removed on request; nothing more is trained on the dataset"
    )


class DatasetRequest(BaseModel):
    """A published dataset to register."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    source: str = Field(max_length=63, description="name of a published dataset that memscore knows, such as digits")


class KnownDatasets(Message):
    """Published datasets that can be registered by name."""

    sources: list[str]


class DatasetDetail(DatasetMessage):
    """A registered dataset with the indices of its flipped labels and of its forgotten samples."""

    flipped_indices: list[int]
    forgotten_train: list[int] = Field(default=[], description="training samples whose content was removed on request")
    forgotten_test: list[int] = Field(default=[], description="test samples whose content was removed on request")
    notes: list[str] = Field(default=[], description="what reading the data changed, skipped or found")


class Sample(Message):
    """One sample of a dataset, without its image or features."""

    index: int
    label: int
    class_name: str
    name: str = Field(description="its id or the name of its file; else its part and index, such as `train 17`")
    text: str | None = None
    columns: dict[str, str | float | None] = Field(default={}, description="other columns of the data, by name")
    forgotten: bool = Field(default=False, description="whether its content was removed on request; it has no columns")


class Samples(Message):
    """Samples of a dataset, in the order of the request."""

    samples: list[Sample]


class SampleNames(Message):
    """The ids or file names of all samples of a part, empty where removed on request; null if there are none."""

    names: list[str] | None


class Neighbour(Sample):
    """A training sample near another sample."""

    closeness: float = Field(
        description="correlation of the pixels, or 2 ab / (aa + bb) of the features a and b: 1 if equal"
    )


class Neighbours(Message):
    """Training samples near a sample, the nearest first."""

    neighbours: list[Neighbour]


class Datasets(Message):
    """A page of registered datasets, by name; `next` is the cursor of the next page, null on the last."""

    datasets: list[DatasetMessage]
    next: str | None = None
