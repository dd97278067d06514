"""The registry of dataset sources: a name such as `digits`, or `npz:FILE`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from memscore.datasets.dataset import Dataset
from memscore.datasets.digits import load_digits
from memscore.datasets.npz import load_npz
from memscore.errors import NotFound

SOURCES: dict[str, Callable[[], Dataset]] = {"digits": load_digits}
FILE_SOURCES: dict[str, Callable[[Path], Dataset]] = {"npz": load_npz}


def load_source(source: str) -> Dataset:
    """Load `NAME` or `KIND:PATH`. Raises NotFound for an unknown source, InvalidDataset for unusable data."""
    if source in SOURCES:
        return SOURCES[source]()
    kind, colon, path = source.partition(":")
    if colon and kind in FILE_SOURCES:
        return FILE_SOURCES[kind](Path(path).expanduser())
    known = sorted(SOURCES) + [f"{kind}:FILE" for kind in sorted(FILE_SOURCES)]
    raise NotFound(f"There is no dataset source {source!r}; the sources are: {', '.join(known)}.")
