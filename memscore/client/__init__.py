"""The Python client of the service, through which the trainer reads scores too.

    client = memscore.Client("http://127.0.0.1:8000")
    client.score("digits", 17).mem
    table = client.table("digits")          # ScoreTable with NumPy columns
    sets = client.sets("digits")            # boolean masks

`AsyncClient` has the same calls, awaited. Each call is written once, in `*_calls.py` and `following.py`, as steps that
either client takes; `scripts/client_calls.py` generates the methods of both clients from them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memscore.client.following import Happening
from memscore.client.job_calls import Extras
from memscore.client.retries import Retries
from memscore.client.sources import is_url, load_table, parse_source
from memscore.client.study_calls import PairFilters, ScoreFilters
from memscore.client.table_calls import Fingerprinted

if TYPE_CHECKING:
    from memscore.client.asynchronous import AsyncClient
    from memscore.client.blocking import Client

__all__ = [
    "AsyncClient",
    "Client",
    "Extras",
    "Fingerprinted",
    "Happening",
    "PairFilters",
    "Retries",
    "ScoreFilters",
    "is_url",
    "load_table",
    "parse_source",
]


def __getattr__(name: str) -> Any:
    """Import the clients, and with them httpx, on first use: reading a table file needs neither."""
    if name == "Client":
        from memscore.client.blocking import Client

        return Client
    if name == "AsyncClient":
        from memscore.client.asynchronous import AsyncClient

        return AsyncClient
    raise AttributeError(f"module 'memscore.client' has no attribute {name!r}")
