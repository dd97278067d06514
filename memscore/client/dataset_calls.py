"""Calls on datasets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from memscore.client.pages import gathered
from memscore.client.service_access import ServiceAccess, ask, exchange, get, part
from memscore.client.steps import Flow
from memscore.messages.datasets import DatasetDetail, Datasets, Neighbour, Neighbours, Sample, SampleNames, Samples

AT_ONCE = 400  # samples of one request


def datasets(service: ServiceAccess) -> Flow[Datasets]:
    """All registered datasets, by name."""
    found = yield from gathered(service, Datasets, get("/v1/datasets"), lambda page: page.datasets)
    return Datasets(datasets=found)


def dataset(service: ServiceAccess, name: str) -> Flow[DatasetDetail]:
    """One dataset, with the indices of the training labels that were flipped on purpose.

    Raises NotFound.
    """
    return (yield from ask(service, DatasetDetail, get(f"/v1/datasets/{part(name)}")))


def samples(
    service: ServiceAccess, dataset: str, indices: Sequence[int], split: Literal["train", "test"] = "train"
) -> Flow[list[Sample]]:
    """Samples with label, name, text and other columns, in the order of the indices.

    Raises NotFound.
    """
    found: list[Sample] = []
    for first in range(0, len(indices), AT_ONCE):
        some = ",".join(str(int(one)) for one in indices[first : first + AT_ONCE])
        path = f"/v1/datasets/{part(dataset)}/{part(split)}/samples"
        found += (yield from ask(service, Samples, get(path, indices=some))).samples
    return found


def sample_names(
    service: ServiceAccess, dataset: str, split: Literal["train", "test"] = "train"
) -> Flow[list[str] | None]:
    """The ids or file names of all samples of a part; None if the dataset was added without.

    Raises NotFound.
    """
    path = f"/v1/datasets/{part(dataset)}/{part(split)}/names"
    return (yield from ask(service, SampleNames, get(path))).names


def neighbours(
    service: ServiceAccess, dataset: str, index: int, split: Literal["train", "test"] = "train", count: int = 10
) -> Flow[list[Neighbour]]:
    """The training samples that are nearest to a sample, by pixels or features, nearest first.

    Raises NotFound.
    """
    path = f"/v1/datasets/{part(dataset)}/{part(split)}/{index}/neighbours"
    return (yield from ask(service, Neighbours, get(path, count=count))).neighbours


def image(
    service: ServiceAccess, dataset: str, split: Literal["train", "test"], index: int, scale: int = 1
) -> Flow[bytes]:
    """The image of one sample as a PNG file.

    Each pixel is drawn `scale` times as wide and as high, from 1 to 16. Raises NotFound.
    """
    path = f"/v1/datasets/{part(dataset)}/{part(split)}/{index}/image.png"
    reply = yield from exchange(service, get(path, scale=None if scale == 1 else scale))
    return reply.content
