"""Copies over REST: those that the engine finds, with names, page by page, looked for once and off the event loop."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from api import table_cache
from api.table_cache import MOST_SEARCHES, TableCache
from memscore.datasets.dataset import Dataset
from memscore.datasets.storage import folder_of
from memscore.messages.pairs import Duplicates
from memscore.scores.duplicates import LIMITS, Copies, near_duplicates
from memscore.store import Database
from tests.api.conftest import problem
from tests.conftest import StoredStudy

ADDRESS = "/v1/studies/copied/duplicates"


def test_copies_are_those_of_the_engine_with_names(copied: Dataset, http: httpx.Client):
    found = http.get(ADDRESS).json()
    expected = near_duplicates(copied.x_train, copied.y_train, copied.x_test, copied.y_test)
    assert [(one["index"], one["split"], one["other"], one["kind"]) for one in found["copies"]] == [
        (one.index, one.split, one.other, one.kind) for one in expected
    ]
    assert {(1, "test", 5), (4, "test", 2), (3, "train", 9)} <= {
        (one["index"], one["split"], one["other"]) for one in found["copies"]
    }
    assert (found["matching"], found["note"]) == (len(expected), LIMITS)
    scores = http.get("/v1/studies/copied/scores/4").json()
    one = next(one for one in found["copies"] if one["index"] == 4)
    assert (one["name"], one["other_name"], one["mem"]) == ("a-4", "b-2", scores["mem"])
    assert (one["label"], one["other_label"]) == (copied.y_train[4], copied.y_test[2])
    within = next(one for one in found["copies"] if one["split"] == "train")
    assert (within["other_name"], within["infl"]) == ("a-9", None)
    assert Duplicates.model_validate(found).copies[0].correlation == 1.0


def test_copies_come_in_pages(copied: Dataset, http: httpx.Client):
    whole = http.get(ADDRESS).json()
    pages = [http.get(ADDRESS, params={"limit": 1, "offset": place}).json() for place in range(whole["matching"] + 1)]
    assert [one for page in pages for one in page["copies"]] == whole["copies"]
    assert {page["matching"] for page in pages} == {whole["matching"]}


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"alike": "0.5"}, "alike must be at least 0.98, not 0.5"),
        ({"alike": "2"}, "alike must be at most 1, not 2"),
        ({"alike": "nan"}, "alike must be"),
        ({"limit": "0"}, "limit must be at least 1, not 0"),
        ({"offset": "-1"}, "offset must be at least 0, not -1"),
        ({"near": "1"}, "near"),
    ],
)
def test_wrong_parameters_are_refused(copied: Dataset, http: httpx.Client, parameters: dict[str, str], said: str):
    problem(http.get(ADDRESS, params=parameters), 422, said)


def test_without_the_dataset_s_files_it_says_so(copied: Dataset, http: httpx.Client, home: Path):
    shutil.rmtree(folder_of(home, copied.fingerprint))
    problem(http.get(ADDRESS), 404, "")
    problem(http.get("/v1/studies/nothing/duplicates"), 404, "There is no study 'nothing'")


@pytest.mark.databases("sqlite")
def test_copies_are_looked_for_once_and_off_the_event_loop(
    database: Database, stored_study: StoredStudy, monkeypatch: pytest.MonkeyPatch
):
    searches: list[float] = []
    running: list[bool] = []

    def search(*samples: Any, alike: float, **_: Any) -> list[Copies]:
        assert threading.current_thread() is not threading.main_thread()
        searches.append(alike)
        running.append(True)
        assert len(running) == 1, "one at a time"
        time.sleep(0.05)
        running.pop()
        if alike == 0.5:
            raise MemoryError
        return []

    monkeypatch.setattr(table_cache, "near_duplicates", search)

    async def ask() -> None:
        current, dataset = await TableCache(database).get("made-up"), stored_study.dataset
        await asyncio.gather(*(current.copies(dataset, 0.99) for _ in range(5)), current.copies(dataset, 0.98))
        await current.copies(dataset, 0.99)
        assert sorted(searches) == [0.98, 0.99]
        gone = asyncio.create_task(current.copies(dataset, 0.97))
        await asyncio.sleep(0.01)
        gone.cancel()
        await current.copies(dataset, 0.97)
        assert searches.count(0.97) == 1, "a request that is gone does not end the search"
        for _ in range(2):
            with pytest.raises(MemoryError):
                await current.copies(dataset, 0.5)
        assert searches.count(0.5) == 2, "a search that failed is tried again"
        for more in range(MOST_SEARCHES + 1):
            await current.copies(dataset, 0.9 + more / 1000)
        assert len(current.copying) == MOST_SEARCHES

    asyncio.run(ask())
