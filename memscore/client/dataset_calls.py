"""Calls on datasets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from memscore.client.pages import gathered
from memscore.client.service_access import (
    TRANSFER_SECONDS,
    ServiceAccess,
    ask,
    delete,
    exchange,
    get,
    part,
    post_file,
)
from memscore.client.steps import Flow, Request
from memscore.messages.datasets import (
    DatasetDetail,
    DatasetMessage,
    Datasets,
    KnownDatasets,
    Neighbour,
    Neighbours,
    Sample,
    SampleNames,
    Samples,
    UploadFormat,
)
from memscore.messages.removal import DatasetRemoved, SamplesForgotten

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


def sources(service: ServiceAccess) -> Flow[list[str]]:
    """The names of the published datasets that `add_dataset` takes."""
    return (yield from ask(service, KnownDatasets, get("/v1/sources"))).sources


def add_dataset(service: ServiceAccess, source: str) -> Flow[DatasetMessage]:
    """Register a published dataset by its name, such as `digits`; the service takes its files, or downloads them.

    What is registered already stays as it is. Needs the scope write. Raises NotFound for an unknown name,
    InvalidDataset if the files are neither there nor can be downloaded.
    """
    request = Request("POST", "/v1/datasets", json={"source": source}, timeout=TRANSFER_SECONDS)
    return (yield from ask(service, DatasetMessage, request))


def import_dataset(
    service: ServiceAccess,
    payload: bytes,
    name: str,
    format: UploadFormat = "npz",
    *,
    label: str | None = None,
    resize: int | None = None,
    test_share: float | None = None,
) -> Flow[DatasetMessage]:
    """Send a dataset as a file, passed as bytes, and register it.

    format: `npz`, `csv`, `parquet`, or `zip`, an archive with a folder of images for each class. label: the column of
    the classes, in a table. resize: the side of the images in pixels, if these differ in size. test_share: the share of
    each class for the test part, if the file has none. Needs the scope write. Raises InvalidDataset for an unusable
    file, Conflict if the name is taken.
    """
    params = {"name": name, "format": format, "label": label, "resize": resize, "test_share": test_share}
    return (yield from ask(service, DatasetMessage, post_file("/v1/datasets/import", payload, **params)))


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
    """The ids or file names of all samples of a part, empty where removed; None if the dataset was added without.

    Raises NotFound.
    """
    path = f"/v1/datasets/{part(dataset)}/{part(split)}/names"
    return (yield from ask(service, SampleNames, get(path))).names


def neighbours(
    service: ServiceAccess, dataset: str, index: int, split: Literal["train", "test"] = "train", count: int = 10
) -> Flow[list[Neighbour]]:
    """The training samples that are nearest to a sample, by pixels or features, nearest first.

    Raises NotFound, or Gone if the sample was removed on request.
    """
    path = f"/v1/datasets/{part(dataset)}/{part(split)}/{index}/neighbours"
    return (yield from ask(service, Neighbours, get(path, count=count))).neighbours


def image(
    service: ServiceAccess, dataset: str, split: Literal["train", "test"], index: int, scale: int = 1
) -> Flow[bytes]:
    """The image of one sample as a PNG file.

    Each pixel is drawn `scale` times as wide and as high, from 1 to 16. Raises NotFound, or Gone if it was removed on
    request.
    """
    path = f"/v1/datasets/{part(dataset)}/{part(split)}/{index}/image.png"
    reply = yield from exchange(service, get(path, scale=None if scale == 1 else scale))
    return reply.content


def forget_samples(
    service: ServiceAccess,
    name: str,
    train: Sequence[int] = (),
    test: Sequence[int] = (),
    *,
    confirm: str | None = None,
    dry_run: bool = False,
) -> Flow[SamplesForgotten]:
    """Overwrite samples of a dataset, such as images of people who ask for it; their labels and all scores stay.

    `confirm` repeats the dataset's name; with `dry_run`, only what would go is returned. At most 500 samples of each
    part. Needs the scope admin. Raises NotFound, Conflict while a job of the dataset waits or works, or InvalidInput
    unless it is confirmed.
    """
    given = {
        split: ",".join(str(int(one)) for one in some) or None for split, some in (("train", train), ("test", test))
    }
    request = delete(f"/v1/datasets/{part(name)}/samples", **given, confirm=confirm, dry_run=dry_run or None)
    return (yield from ask(service, SamplesForgotten, request))


def rename_dataset(service: ServiceAccess, name: str, new: str) -> Flow[DatasetMessage]:
    """Give a dataset another name; its studies stay.

    Needs the scope admin. Raises NotFound, InvalidInput for an impossible name, or Conflict if it is taken.
    """
    request = Request("PATCH", f"/v1/datasets/{part(name)}", json={"name": new}, repeatable=False)
    return (yield from ask(service, DatasetMessage, request))


def remove_dataset(
    service: ServiceAccess, name: str, *, confirm: str | None = None, dry_run: bool = False
) -> Flow[DatasetRemoved]:
    """Remove a dataset and its files; `confirm` repeats its name. With `dry_run`, only what would go is returned.

    Needs the scope admin. Raises NotFound, Conflict while a study uses it, or InvalidInput unless it is confirmed.
    """
    request = delete(f"/v1/datasets/{part(name)}", confirm=confirm, dry_run=dry_run or None)
    return (yield from ask(service, DatasetRemoved, request))
