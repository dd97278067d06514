"""The registry of dataset sources: a name such as `digits`, or `KIND:PATH` such as `npz:FILE`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from memscore.datasets.cifar import load_cifar10, load_cifar100
from memscore.datasets.dataset import Dataset
from memscore.datasets.digits import load_digits
from memscore.datasets.folder import load_folder
from memscore.datasets.mnist import load_fashion_mnist, load_mnist
from memscore.datasets.npz import load_npz
from memscore.datasets.options import SourceOptions
from memscore.datasets.tiny_imagenet import load_tiny_imagenet
from memscore.errors import NotFound


@dataclass(frozen=True)
class Source:
    """A named dataset: its loader and the options it supports."""

    load: Callable[[SourceOptions], Dataset]
    takes: tuple[str, ...] = ()


@dataclass(frozen=True)
class PathSource:
    """A kind of file or folder: its loader, the placeholder for its path, and the options it supports."""

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
PATH_SOURCES = {
    "folder": PathSource(load_folder, "DIR", ("classes", "resize", "test_share")),
    "npz": PathSource(lambda path, _: load_npz(path), "FILE"),
}
KNOWN = ", ".join([*SOURCES, *(f"{kind}:{source.names}" for kind, source in PATH_SOURCES.items())])


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
    raise NotFound(f"There is no dataset source {source!r}; the sources are: {KNOWN}.")
