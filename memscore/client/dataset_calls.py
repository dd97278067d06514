"""Calls on datasets."""

from __future__ import annotations

from typing import Literal

from memscore.client.pages import gathered
from memscore.client.session import Session, ask, exchange, get, part
from memscore.client.steps import Flow
from memscore.messages.datasets import DatasetDetail, Datasets


def datasets(session: Session) -> Flow[Datasets]:
    """All registered datasets."""
    found = yield from gathered(session, Datasets, get("/v1/datasets"), lambda page: page.datasets)
    return Datasets(datasets=found)


def dataset(session: Session, name: str) -> Flow[DatasetDetail]:
    """One dataset, with the indices of labels flipped on purpose."""
    return (yield from ask(session, DatasetDetail, get(f"/v1/datasets/{part(name)}")))


def image(session: Session, dataset: str, split: Literal["train", "test"], index: int, scale: int = 1) -> Flow[bytes]:
    """The image of one sample as PNG, each pixel drawn `scale` times as wide and high, at most 16."""
    path = f"/v1/datasets/{part(dataset)}/{part(split)}/{index}/image.png"
    reply = yield from exchange(session, get(path, scale=None if scale == 1 else scale))
    return reply.content
