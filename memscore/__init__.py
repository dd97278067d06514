"""memscore: how much a classifier memorizes each training sample, and which test samples that influences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memscore import datasets, errors, sampling
    from memscore.client import AsyncClient, Client
    from memscore.notebook.estimating import estimate
    from memscore.notebook.studies import Study, studies
    from memscore.scores.tables import PairsTable, ScoreTable

__all__ = [
    "AsyncClient",
    "Client",
    "PairsTable",
    "ScoreTable",
    "Study",
    "__version__",
    "datasets",
    "errors",
    "estimate",
    "sampling",
    "studies",
]
__version__ = "0.2.0"

_HOMES = {
    "AsyncClient": "memscore.client",
    "Client": "memscore.client",
    "PairsTable": "memscore.scores.tables",
    "ScoreTable": "memscore.scores.tables",
    "Study": "memscore.notebook.studies",
    "estimate": "memscore.notebook.estimating",
    "studies": "memscore.notebook.studies",
}


def __getattr__(name: str) -> Any:
    """Import the public names on first use, so that `import memscore` costs nothing."""
    if name not in __all__:
        raise AttributeError(f"module 'memscore' has no attribute {name!r}")
    from importlib import import_module

    home = _HOMES.get(name)
    return import_module(f"memscore.{name}") if home is None else getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
