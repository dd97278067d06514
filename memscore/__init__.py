"""memscore: how much a classifier memorizes each training sample, and which test samples that influences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memscore.client import AsyncClient, Client
    from memscore.scores.tables import PairsTable, ScoreTable

__all__ = ["AsyncClient", "Client", "PairsTable", "ScoreTable", "__version__"]
__version__ = "0.2.0"


def __getattr__(name: str) -> Any:
    """Import the public names on first use, so that `import memscore` costs nothing."""
    if name in ("AsyncClient", "Client"):
        from memscore import client

        return getattr(client, name)
    if name in ("PairsTable", "ScoreTable"):
        from memscore.scores import tables

        return getattr(tables, name)
    raise AttributeError(f"module 'memscore' has no attribute {name!r}")
