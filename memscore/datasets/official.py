"""The files of a published dataset: found in a folder of the user's, or downloaded there by torchvision."""

from __future__ import annotations

import http.client
import socket
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from memscore.datasets.dataset import Dataset
from memscore.datasets.options import SourceOptions
from memscore.errors import InvalidDataset

NETWORK_TIMEOUT = 10  # seconds without a byte


@dataclass(frozen=True)
class OfficialFiles:
    """Which files a dataset consists of and how they are downloaded.

    `subfolder` is where torchvision keeps them below its root. `missing` says which of the `count` files a folder
    lacks; `download` fetches them into an empty folder, checks them, and returns the folder in which they then lie.
    `wanted` tells a person what to put where no download is possible.
    """

    name: str
    subfolder: str
    wanted: str
    count: int
    missing: Callable[[Path], list[str]]
    download: Callable[[Path], Path]


def locate(files: OfficialFiles, options: SourceOptions) -> Path:
    """The folder that holds the files: `root`, or `subfolder` in it; without root, the same in `downloads`.

    What is missing is downloaded. Files appear under their names only when they are whole. Raises InvalidDataset
    with what to put where.
    """
    root = named_folder(files.name, files.wanted, options)
    target = root / files.subfolder
    for folder in (root, target):
        missing = files.missing(folder)
        if not missing:
            return folder
        if options.root is not None and len(missing) < files.count:
            raise InvalidDataset(f"{folder} lacks {', '.join(missing)}; {files.name} consists of {files.wanted}.")
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".downloading-", dir=root) as scratch, _impatient_network():
            downloaded = files.download(Path(scratch))
            target.mkdir(parents=True, exist_ok=True)
            for file in downloaded.iterdir():
                file.replace(target / file.name)
    except (OSError, RuntimeError, http.client.HTTPException) as error:
        reason = " ".join(str(getattr(error, "reason", None) or error).split()).rstrip(".")
        raise InvalidDataset(
            f"{files.name} is not in {root} and cannot be downloaded ({reason}): put {files.wanted} into a folder "
            "and name it with --root."
        ) from error
    return target


def named_folder(name: str, wanted: str, options: SourceOptions) -> Path:
    """Where a published dataset is looked for. Raises InvalidDataset if `root` is no folder, or none is given."""
    if options.root is not None:
        root = options.root.expanduser()
        if not root.is_dir():
            raise InvalidDataset(f"There is no folder {root}; --root names the folder that holds {wanted}.")
        return root
    if options.downloads is None:
        raise InvalidDataset(f"{name} needs a folder: put {wanted} into one and name it with --root.")
    return options.downloads


def keep_classes(dataset: Dataset, classes: int | None) -> Dataset:
    """The samples of the first so many classes, in their order. Raises InvalidDataset if there are fewer."""
    if classes is None:
        return dataset
    refuse_more_classes(classes, dataset.classes)
    train, test = dataset.y_train < classes, dataset.y_test < classes
    return replace(
        dataset,
        x_train=dataset.x_train[train],
        y_train=dataset.y_train[train],
        x_test=dataset.x_test[test],
        y_test=dataset.y_test[test],
        class_names=dataset.class_names[:classes],
    )


def refuse_more_classes(wanted: int | None, there: int) -> None:
    """Raise InvalidDataset if --classes asks for more classes than there are."""
    if wanted is not None and wanted > there:
        raise InvalidDataset(f"--classes {wanted} is more than there are: the data has {there} classes.")


@contextmanager
def _impatient_network() -> Generator[None]:
    """torchvision sets no timeout; without one, a network that swallows packets would hang the command."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(NETWORK_TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
