"""Calls on datasets."""

from __future__ import annotations

from typing import Literal

from memscore.client.pages import gathered
from memscore.client.service_access import ServiceAccess, ask, exchange, get, part
from memscore.client.steps import Flow
from memscore.messages.datasets import DatasetDetail, Datasets


def datasets(service: ServiceAccess) -> Flow[Datasets]:
    """All registered datasets, by name."""
    found = yield from gathered(service, Datasets, get("/v1/datasets"), lambda page: page.datasets)
    return Datasets(datasets=found)


def dataset(service: ServiceAccess, name: str) -> Flow[DatasetDetail]:
    """One dataset, with the indices of the training labels that were flipped on purpose.

    Raises NotFound.
    """
    return (yield from ask(service, DatasetDetail, get(f"/v1/datasets/{part(name)}")))


def image(
    service: ServiceAccess, dataset: str, split: Literal["train", "test"], index: int, scale: int = 1
) -> Flow[bytes]:
    """The image of one sample as a PNG file.

    Each pixel is drawn `scale` times as wide and as high, from 1 to 16. Raises NotFound.
    """
    path = f"/v1/datasets/{part(dataset)}/{part(split)}/{index}/image.png"
    reply = yield from exchange(service, get(path, scale=None if scale == 1 else scale))
    return reply.content
