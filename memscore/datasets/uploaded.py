"""Datasets from a file that somebody sent: nothing outside the file is read, and nothing of it stays on disk."""

from __future__ import annotations

import errno
import lzma
import shutil
import stat
import tempfile
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from memscore.datasets.dataset import Dataset
from memscore.datasets.options import SourceOptions
from memscore.datasets.sources import load_source
from memscore.errors import InvalidDataset, StoreError
from memscore.files import reason
from memscore.messages.datasets import UploadFormat

MOST_FILES = 2_000_000  # of an archive
CHUNK = 2**20
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES)
"""What is wrong with the disk, not with the archive."""


def load_uploaded(
    file: BinaryIO,
    format: UploadFormat,
    options: SourceOptions = SourceOptions(),
    *,
    name: str = "upload",
    most_bytes: int = 2**32,
) -> Dataset:
    """The dataset in a file of this format. An archive has any of the layouts of `folder:DIR`.

    name: of the file in messages and in the dataset's source, a valid name of a dataset. most_bytes: of the unpacked
    files of an archive. Raises InvalidDataset with the reason.
    """
    with tempfile.TemporaryDirectory(prefix="memscore-upload-") as made:
        folder = Path(made)
        if format == "zip":
            _unpack(file, folder / name, most_bytes)
            source = f"folder:{_inner(folder / name)}"
        else:
            path = folder / f"{name}.{format}"
            with path.open("wb") as copy:
                shutil.copyfileobj(file, copy, CHUNK)
            source = f"{format}:{path}"
        try:
            return load_source(source, replace(options, files=False))
        except InvalidDataset as error:
            raise InvalidDataset(str(error).replace(f"{folder}/", "")) from None


def _inner(folder: Path) -> Path:
    """The folder that holds the dataset: archives often hold one folder, which holds everything."""
    while True:
        inside = list(folder.iterdir())
        if len(inside) != 1 or not inside[0].is_dir() or not any(one.is_dir() for one in inside[0].iterdir()):
            return folder
        folder = inside[0]


def _unpack(file: BinaryIO, folder: Path, most_bytes: int) -> None:
    """Unpack an archive. Raises InvalidDataset for what is no archive, leads out of its folder, or is too large."""
    try:
        with zipfile.ZipFile(file) as archive:
            listed = archive.infolist()
            if any(not one.filename for one in listed):
                raise InvalidDataset("The archive holds a file without a name.")
            entries = [one for one in listed if not one.is_dir() and not _of_a_desktop(one.filename)]
            if len(entries) > MOST_FILES:
                raise InvalidDataset(f"The archive has more than {MOST_FILES:,} files.")
            left = most_bytes
            for entry in entries:
                left = _unpack_one(archive, entry, folder, left, most_bytes)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError, EOFError) as error:
        raise InvalidDataset(f"The upload is not a readable zip archive ({error}).") from error
    except OSError as error:
        if error.errno in DISK:
            raise StoreError(f"The archive cannot be unpacked ({reason(error)}); free some space.") from error
        raise InvalidDataset(f"The archive has a file that cannot be written ({reason(error)}).") from error
    if not folder.is_dir():
        raise InvalidDataset("The archive is empty; put a folder of images for each class into it.")


def _of_a_desktop(name: str) -> bool:
    """Whether a file was put into the archive by a desktop, such as .DS_Store and __MACOSX/._1.png."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return bool(parts) and (parts[0] == "__MACOSX" or (parts[-1].startswith(".") and parts[-1] != ".."))


def _unpack_one(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path, left: int, most_bytes: int) -> int:
    """Unpack a file; how many bytes may still come. The sizes that an archive claims are not relied on."""
    name = PurePosixPath(entry.filename.replace("\\", "/"))
    mode = entry.external_attr >> 16
    if name.is_absolute() or ".." in name.parts or "\0" in entry.filename or (mode and stat.S_ISLNK(mode)):
        raise InvalidDataset(f"The archive holds {entry.filename[:100]!r}, which leads out of it.")
    target = folder.joinpath(*name.parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(entry) as packed, target.open("wb") as out:
        while part := packed.read(CHUNK):
            left -= len(part)
            if left < 0:
                raise InvalidDataset(f"The archive unpacks to more than {most_bytes / 2**30:g} GiB.")
            out.write(part)
    return left
