"""The registry of dataset sources: a name such as `digits`, or `KIND:PATH` such as `npz:FILE`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from memscore.arguments import typed
from memscore.datasets.cifar import load_cifar10, load_cifar100
from memscore.datasets.csv_file import load_csv
from memscore.datasets.dataset import Dataset
from memscore.datasets.digits import load_digits
from memscore.datasets.folder import load_folder
from memscore.datasets.function import load_function
from memscore.datasets.huggingface import load_huggingface
from memscore.datasets.mnist import load_fashion_mnist, load_mnist
from memscore.datasets.npz import load_npz
from memscore.datasets.options import ROLES, SourceOptions
from memscore.datasets.parquet_file import load_parquet
from memscore.datasets.tiny_imagenet import load_tiny_imagenet
from memscore.errors import NotFound


@dataclass(frozen=True)
class Source:
    """A named dataset: its loader and the options it supports."""

    load: Callable[[SourceOptions], Dataset]
    takes: tuple[str, ...] = ()


@dataclass(frozen=True)
class PathSource:
    """A kind of file, folder or function: its loader, the placeholder for its path, and the options it supports."""

    load: Callable[[Path, SourceOptions], Dataset]
    names: str
    takes: tuple[str, ...] = ()


SOURCES = {
    "cifar10": Source(load_cifar10, ("root", "classes")),
    "cifar100": Source(load_cifar100, ("root", "classes")),
    "digits": Source(lambda _: load_digits()),
    "fashion_mnist": Source(load_fashion_mnist, ("root", "classes")),
    "mnist": Source(load_mnist, ("root", "classes")),
    "tiny_imagenet": Source(load_tiny_imagenet, ("root", "classes", "resize")),
}
TABLE = ("resize", "test_share", *ROLES)
PATH_SOURCES = {
    "csv": PathSource(load_csv, "FILE", TABLE),
    "folder": PathSource(load_folder, "DIR", ("classes", "resize", "test_share")),
    "huggingface": PathSource(load_huggingface, "DIR", TABLE),
    "npz": PathSource(lambda path, options: load_npz(path, options.test_share), "FILE", ("test_share",)),
    "parquet": PathSource(load_parquet, "FILE", TABLE),
    "torch": PathSource(lambda path, options: load_function(str(path), options), "MODULE:FUNCTION", TABLE),
}
KNOWN = ", ".join([*SOURCES, *(f"{kind}:{source.names}" for kind, source in PATH_SOURCES.items())])


@typed
def load_source(source: str, options: SourceOptions | None = None) -> Dataset:
    """Load `NAME` or `KIND:PATH`.

    Without options, nothing is downloaded. Raises NotFound for an unknown source, InvalidInput for an option that
    does not apply, InvalidDataset for unusable or missing data.
    """
    options = options or SourceOptions()
    kind, colon, path = source.partition(":")
    if source in SOURCES:
        options.refuse_all_but(source, SOURCES[source].takes)
        return SOURCES[source].load(options)
    if colon and kind in PATH_SOURCES:
        options.refuse_all_but(f"{kind}:{PATH_SOURCES[kind].names}", PATH_SOURCES[kind].takes)
        return PATH_SOURCES[kind].load(Path(path).expanduser(), options)
    hint = _meant(Path(source)) or f"the sources are: {KNOWN}."
    raise NotFound(f"There is no dataset source {source!r}; {hint}")


def _meant(path: Path) -> str:
    """A question after the source that was probably meant, for the bare path of a file or folder."""
    kinds = {".csv": "csv", ".tsv": "csv", ".gz": "csv", ".npz": "npz", ".parquet": "parquet", ".pq": "parquet"}
    if path.is_dir():
        saved = any((path / file).is_file() for file in ("dataset_dict.json", "state.json"))
        return f"did you mean {'huggingface' if saved else 'folder'}:{path}?"
    kind = kinds.get(path.suffix.lower()) if path.is_file() else None
    return f"did you mean {kind}:{path}?" if kind else ""
