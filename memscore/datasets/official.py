"""Files of published datasets, from a user's folder or downloaded by torchvision."""

from __future__ import annotations

import http.client
import socket
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from memscore.counted import counted
from memscore.datasets.dataset import Dataset
from memscore.datasets.options import SourceOptions
from memscore.errors import InvalidDataset
from memscore.files import make_folder, sync, sync_all

NETWORK_TIMEOUT = 10  # seconds without a byte


@dataclass(frozen=True)
class OfficialFiles:
    """The files of a dataset and how to download them.

    `subfolder` is torchvision's location below its root. `missing` lists which of the `count` files a folder
    lacks; `download` fetches them into an empty folder, verifies them, and returns the folder that holds them.
    `wanted` describes the files to the user if a download is not possible.
    """

    name: str
    subfolder: str
    wanted: str
    count: int
    missing: Callable[[Path], list[str]]
    download: Callable[[Path], Path]


def locate(files: OfficialFiles, options: SourceOptions) -> Path:
    """The folder that holds the files: `root` or its `subfolder`; without root, `downloads` or its `subfolder`.

    Missing files are downloaded and get their final names only when complete. Raises InvalidDataset that explains
    which files to put where.
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
        make_folder(root)
        with tempfile.TemporaryDirectory(prefix=".downloading-", dir=root) as scratch, _impatient_network():
            downloaded = files.download(Path(scratch))
            make_folder(target)
            for file in downloaded.iterdir():
                sync_all(file)
                file.replace(target / file.name)
            sync(target)
    except (OSError, RuntimeError, http.client.HTTPException) as error:
        reason = " ".join(str(getattr(error, "reason", None) or error).split()).rstrip(".")
        raise InvalidDataset(
            f"{files.name} is not in {root} and cannot be downloaded ({reason}): put {files.wanted} in a folder "
            "and give it with --root."
        ) from error
    return target


def named_folder(name: str, wanted: str, options: SourceOptions) -> Path:
    """The folder to search for a published dataset. Raises InvalidDataset if `root` is missing or not a folder."""
    if options.root is not None:
        root = options.root.expanduser()
        if not root.is_dir():
            raise InvalidDataset(f"There is no folder {root}; --root must be the folder with {wanted}.")
        return root
    if options.downloads is None:
        raise InvalidDataset(f"{name} needs a folder: put {wanted} in one and give it with --root.")
    return options.downloads


def keep_classes(dataset: Dataset, classes: int | None) -> Dataset:
    """Keep the samples of the first `classes` classes, in order. Raises InvalidDataset if there are fewer."""
    if classes is None:
        return dataset
    refuse_more_classes(classes, dataset.classes)
    kept = dataset.select(dataset.y_train < classes, dataset.y_test < classes)
    return replace(kept, class_names=dataset.class_names[:classes])


def refuse_more_classes(wanted: int | None, there: int) -> None:
    """Raise InvalidDataset if --classes exceeds the number of classes."""
    if wanted is not None and wanted > there:
        raise InvalidDataset(f"--classes {wanted} is too many: the data has {counted(there, 'class')}.")


@contextmanager
def _impatient_network() -> Generator[None]:
    """Set a socket timeout: torchvision sets none, so a network that drops packets would hang the command."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(NETWORK_TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
