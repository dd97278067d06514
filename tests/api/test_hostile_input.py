"""Input no honest client sends: always a problem document below 500, never a traceback."""

from collections.abc import Generator

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.in_process import in_process
from memscore.store import Database
from tests.conftest import StoredStudy

HUGE = str(10**30)


@pytest.fixture
def http(database: Database, stored_study: StoredStudy) -> Generator[httpx.Client]:
    with in_process(database) as client:
        yield client


@pytest.mark.parametrize(
    "path",
    [
        "/v1/studies/%00",
        "/v1/studies/%00/scores/1",
        "/v1/studies/made-up%00/table",
        "/v1/studies/%ff%fe",
        "/v1/studies/" + "x" * 5000,
        "/v1/studies/' OR 1=1 --",
        "/v1/studies/%ED%A0%80",
        "/v1/jobs/%00",
        "/v1/datasets/%00",
        f"/v1/studies/made-up/scores/{HUGE}",
        f"/v1/studies/made-up/scores/-{HUGE}",
        "/v1/studies/made-up/scores/1e3",
        "/v1/studies/made-up/scores/%00",
        "/v1/studies/made-up/pairs?infl_min=nan",
        "/v1/studies/made-up/pairs?infl_min=inf",
        "/v1/studies/made-up/pairs?limit=0",
        f"/v1/studies/made-up/pairs?limit={HUGE}",
        "/v1/studies/made-up/pairs?cursor=nan_1_1",
        "/v1/studies/made-up/pairs?cursor=%00",
        "/v1/studies/made-up/sets?atypical=nan",
        "/v1/studies/made-up/sets?typical=-inf",
        f"/v1/jobs?limit={HUGE}",
        "/v1/jobs?state=%00",
    ],
)
def test_hostile_addresses_are_problems(http: httpx.Client, path: str):
    response = http.get(path)
    assert 400 <= response.status_code < 500, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"]


@pytest.mark.parametrize("name", ["train_index", "test_index"])
def test_an_index_of_no_sample_has_no_pairs(http: httpx.Client, name: str):
    for value in (HUGE, "-1", "10000"):
        assert http.get("/v1/studies/made-up/pairs", params={name: value}).json()["pairs"] == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'"digits"',
        b"{}",
        b"\xff\xfe",
        b'{"dataset": "made-up", "recipe": "\\u0000"}',
        b'{"dataset": "made-up\\u0000", "recipe": "digits"}',
        b'{"dataset": "made-up", "recipe": "digits", "target": {"trials": 1e400}}',
        b'{"dataset": "made-up", "recipe": "digits", "target": {"trials": NaN}}',
        b'{"dataset": "made-up", "recipe": "digits", "design": {"seed": ' + HUGE.encode() + b"}}",
        b'{"dataset": "made-up", "recipe": "digits", "design": {"seed": -1}}',
        b'{"dataset": "made-up", "recipe": "digits", "design": {"subset_ratio": NaN}}',
        b'{"dataset": "made-up", "recipe": {"network": "mlp", "hidden": [], "epochs": 1, "batch_size": 1}}',
        b'{"dataset": "' + b"x" * 100_000 + b'", "recipe": "digits"}',
        b"[" * 10_000,
    ],
)
def test_hostile_bodies_are_problems(http: httpx.Client, body: bytes):
    response = http.post("/v1/jobs", content=body, headers={"content-type": "application/json"})
    assert 400 <= response.status_code < 500, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert http.get("/v1/jobs").json()["jobs"] == []


@given(query=st.dictionaries(st.sampled_from(["infl_min", "mem_min", "q_max", "limit", "cursor"]), st.text()))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_query_of_pairs_is_answered(http: httpx.Client, query: dict[str, str]):
    try:
        response = http.get("/v1/studies/made-up/pairs", params=query)
    except UnicodeEncodeError:
        return  # a lone surrogate cannot be sent
    assert response.status_code in (200, 422), response.text
