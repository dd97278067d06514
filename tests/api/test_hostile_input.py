"""Input no honest client sends: always a problem document below 500, never a traceback."""

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memscore.study.spec import Design, JobRequest, Recipe, Target
from tests.budget import examples

pytestmark = pytest.mark.usefixtures("stored_study")

HUGE = str(10**30)
FIELDS = [
    "indices",
    "name",
    "scope",
    *(name for part in (JobRequest, Design, Recipe, Target) for name in part.model_fields),
]


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
        f"/v1/jobs/nothing/log?after={HUGE}",
        "/v1/jobs?state=%00",
    ],
)
def test_hostile_addresses_are_problems(http: httpx.Client, path: str):
    response = http.get(path)
    assert 400 <= response.status_code < 500, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"]


@pytest.mark.parametrize("name", ["train_index", "test_index"])
def test_pairs_of_no_sample_are_refused(http: httpx.Client, name: str):
    for value in (HUGE, "-1", "10000"):
        response = http.get("/v1/studies/made-up/pairs", params={name: value})
        assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")
        assert "sample" in response.json()["detail"]


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


TAGS = [
    '"x"',
    "*",
    'W/"x"',
    "bytes=0-9",
    "bytes=-0",
    "bytes=9-1",
    f"bytes={HUGE}-",
    "bytes=0-1,3-4",
    "bytes=a-b",
    "items=0-1",
]
TAGS += [
    "text/csv;q=nan",
    "*/*;q=2",
    "application/x-npz;q=0",
    ";;;",
    ",",
    HUGE,
    f"-{HUGE}",
    "1e400",
    "NaN",
    "\u00e9",
    "'; --",
]
in_header = st.sampled_from(TAGS) | st.text(
    st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40
)
in_path = st.sampled_from(["made-up", "0", "17", "-1", HUGE, "..", "%00", "%2e%2e", "train", "1e3"]) | st.text(
    max_size=12
)
in_query = st.sampled_from(
    ["0", "1", "-1", HUGE, "nan", "inf", "", "json", "npz", "csv", "train", "mem", "-mem", "true", "W10"]
) | st.text(max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=8,
)
in_body = st.binary(max_size=50) | values.map(lambda value: json.dumps(value).encode())


@pytest.fixture
def operations(http: httpx.Client) -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of all operations."""
    paths = http.get("/openapi.json").json()["paths"].items()
    return [(method, path, operation) for path, methods in paths for method, operation in methods.items()]


@pytest.mark.databases("sqlite")
@given(data=st.data())
@settings(
    deadline=None,
    max_examples=examples(600, 200),
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_is_sent_to_any_operation_is_answered(
    http: httpx.Client, database_url: str, operations: list[tuple[str, str, dict[str, Any]]], data: st.DataObject
):
    method, path, operation = data.draw(st.sampled_from(operations))
    query: dict[str, str] = {}
    headers: list[tuple[bytes, bytes]] = []
    for parameter in operation.get("parameters", []):
        name = parameter["name"]
        if parameter["in"] == "path":
            path = path.replace(f"{{{name}}}", quote(data.draw(in_path, name), safe="%", errors="replace"))
        elif data.draw(st.booleans(), name):
            if parameter["in"] == "query":
                query[name] = data.draw(in_query, name).encode(errors="replace").decode()
            else:
                headers.append((name.encode(), data.draw(in_header, name).encode("latin-1")))
    body = data.draw(in_body, "body") if "requestBody" in operation else None
    if body is not None:
        headers.append(
            (b"content-type", data.draw(st.sampled_from([b"application/json", b"text/plain", b"x"]), "type"))
        )
    response = http.request(method, path, params=query, headers=headers, content=body)
    # With a slash in a value, or an empty one, it is another address.
    documented = {int(status) for status in operation["responses"]} | {307, 404, 405}
    assert response.status_code in documented, response.text
    served = response.status_code == 503 and path == "/readyz"  # that is what it is asked for
    assert served or response.status_code < 500, response.text
    if response.status_code >= 400:
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["detail"]
