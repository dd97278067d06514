"""Lists of jobs, studies and datasets page by page, and cursors."""

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.paging import cursor_of, values_of
from memscore.errors import InvalidInput
from memscore.store import Database
from memscore.store import datasets as stored_datasets
from tests.conftest import QUICK, StoredStudy, make_dataset

NAMED = st.characters(exclude_categories=("C",))


def pages(http: httpx.Client, path: str, of: str, **params: Any) -> list[Any]:
    found: list[Any] = []
    while True:
        page = http.get(path, params=params).raise_for_status().json()
        found += page[of]
        if page["next"] is None:
            return found
        assert len(page[of]) == params["limit"]
        params["cursor"] = page["next"]


@pytest.mark.usefixtures("stored_study")
def test_lists_hold_everything_once_in_their_order(http: httpx.Client, database: Database):
    with database.writing() as connection:
        for name in ("b", "a", "c"):
            stored_datasets.register(connection, name, make_dataset(seed=ord(name)))
    for seed in range(5):
        body = {"dataset": "made-up", "recipe": QUICK.model_dump(mode="json"), "design": {"seed": seed}}
        http.post("/v1/jobs", json={**body, "target": {"trials": 50}}).raise_for_status()
    for path, of, count in (("/v1/jobs", "jobs", 5), ("/v1/studies", "studies", 5), ("/v1/datasets", "datasets", 4)):
        whole = http.get(path).json()[of]
        assert len(whole) == count
        for limit in (1, 2, count, count + 1):
            assert pages(http, path, of, limit=limit) == whole
    created = [job["created_at"] for job in http.get("/v1/jobs").json()["jobs"]]
    assert created == sorted(created, reverse=True)
    assert [dataset["name"] for dataset in http.get("/v1/datasets").json()["datasets"]] == ["a", "b", "c", "made-up"]


def test_lists_are_filtered(http: httpx.Client, stored_study: StoredStudy):
    body = {"dataset": "made-up", "recipe": QUICK.model_dump(mode="json"), "target": {"trials": 50}}
    job = http.post("/v1/jobs", json=body).json()["id"]
    other = http.post("/v1/jobs", json={**body, "design": {"seed": 1}}).json()["id"]
    for study in ("made-up", stored_study.record.id):
        assert [one["id"] for one in http.get("/v1/jobs", params={"study": study}).json()["jobs"]] == [job]
    assert len(http.get("/v1/jobs", params={"state": "queued"}).json()["jobs"]) == 2
    assert http.get("/v1/jobs", params={"state": "running"}).json()["jobs"] == []
    assert http.get("/v1/jobs", params={"study": "nothing"}).status_code == 404
    assert len(http.get("/v1/studies", params={"dataset": "made-up"}).json()["studies"]) == 2
    assert http.get("/v1/studies", params={"dataset": "nothing"}).json()["studies"] == []
    http.post(f"/v1/jobs/{other}/cancel")
    assert [one["id"] for one in http.get("/v1/jobs", params={"state": "cancelled"}).json()["jobs"]] == [other]


@pytest.mark.slower
@given(
    st.floats(width=32, allow_nan=False, allow_infinity=False), st.text(NAMED, max_size=20), st.integers(0, 2**63 - 1)
)
def test_a_cursor_gives_its_values_back(number: float, text: str, count: int):
    assert values_of(cursor_of(number, text, count), float, str, int) == [number, text, count]


@given(st.text())
def test_what_no_page_gave_is_refused(cursor: str):
    with pytest.raises(InvalidInput, match="cursor is not the"):
        values_of(cursor, float, str, int, int, int)


def test_a_cursor_with_other_values_is_refused():
    for values in ((1, "x"), (1.0,), (1.0, 2), ("x", 1.0), (float("inf"), "x"), (True, "x")):
        with pytest.raises(InvalidInput, match="cursor is not the"):
            values_of(cursor_of(*values), float, str)
