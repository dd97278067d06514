"""Requests under an Idempotency-Key are done once."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from memscore.store import idempotency
from tests.api.conftest import BODY

pytestmark = pytest.mark.usefixtures("stored_study")


def post(http: httpx.Client, key: str, **change: object) -> httpx.Response:
    return http.post("/v1/jobs", json={**BODY, **change}, headers={"Idempotency-Key": key})


def test_the_same_request_again_is_answered_as_the_first_time(http: httpx.Client):
    first = post(http, '"a"')
    job = first.json()["id"]
    http.post(f"/v1/jobs/{job}/cancel")
    again = post(http, '"a"')
    assert again.status_code == first.status_code == 202
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"] == f"/v1/jobs/{job}"
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    another = post(http, '"b"').json()
    assert another["id"] != job  # without the key's answer: the first was cancelled, so this is a new job


def test_a_key_for_another_request_is_refused(http: httpx.Client):
    post(http, "a").raise_for_status()
    refused = post(http, "a", target={"trials": 60})
    assert refused.status_code == 422
    assert "send a new key" in refused.json()["detail"]
    reordered = post(http, "a", **dict(reversed(BODY.items())))
    assert reordered.headers["idempotency-replayed"] == "true"


def test_a_refused_request_leaves_its_key_free(http: httpx.Client):
    assert post(http, "a", dataset="nothing").status_code == 404
    assert post(http, "a").status_code == 202


def test_requests_at_the_same_time_make_one_job(http: httpx.Client):
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: post(http, "a"), range(6)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1


def test_keys_are_forgotten_after_their_time(http: httpx.Client, monkeypatch: pytest.MonkeyPatch):
    post(http, "a").raise_for_status()
    monkeypatch.setattr(idempotency, "KEPT_SECONDS", -1.0)
    assert "idempotency-replayed" not in post(http, "a").headers


@pytest.mark.parametrize("key", ["", '""', '"', '"a', "a b", "x" * 256, '"a\\x"'])
def test_a_key_that_is_none_is_refused(http: httpx.Client, key: str):
    refused = http.post("/v1/jobs", json=BODY, headers={"Idempotency-Key": key})
    assert refused.status_code == 422, key
    assert "printable ASCII characters in quotes" in refused.json()["detail"]
    assert http.get("/v1/jobs").json()["jobs"] == []
