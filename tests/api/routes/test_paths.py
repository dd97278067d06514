"""No name that a request brings leads out of its place: they are looked up in the database, and kept to a pattern."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from tests.api.conftest import BODY

pytestmark = [pytest.mark.databases("sqlite"), pytest.mark.usefixtures("stored_study")]

OUTSIDE = [
    "../secret", "..%2fsecret", "%2e%2e%2fsecret", "..%5csecret", "%2fetc%2fpasswd", "/etc/passwd", "....//secret",
    "secret%00.npz",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _a_secret(home: Path) -> None:
    (home / "secret").write_text("a secret")
    (home / "datasets").mkdir(exist_ok=True)
    (home / "datasets" / "secret").write_text("a secret")


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize(
    "path",
    ["/v1/studies/{}", "/v1/studies/{}/table", "/v1/studies/{}/evidence", "/v1/datasets/{}", "/v1/jobs/{}/log",
     "/v1/datasets/{}/train/0/image.png", "/v1/datasets/made-up/{}/0/image.png", "/docs/{}", "/{}"],
)  # fmt: skip
def test_a_path_reads_no_file(http: httpx.Client, path: str, name: str):
    answer = http.get(path.format(name))
    assert answer.status_code in (404, 422)
    assert "a secret" not in answer.text
    assert "root:" not in answer.text


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", "..", ".", "a\nb", 'a"b', "é", "", "x" * 64])
def test_a_name_that_is_a_path_or_breaks_a_header_is_never_stored(http: httpx.Client, name: str):
    assert http.post("/v1/jobs", json={**BODY, "study_name": name}).status_code == 422
    for path in ("/v1/studies/import", "/v1/studies/made-up/evidence"):
        answer = http.post(path, params={"dataset": "made-up", "name": name}, content=b"x")
        assert answer.status_code == 422
        assert "name" in answer.json()["detail"] or name == ""
    assert http.post("/v1/keys", json={"name": name, "scope": "read"}).status_code == 422


def test_file_names_in_headers_are_plain(http: httpx.Client):
    for path in ("table", "pairs/table", "sets", "evidence"):
        given = http.get(f"/v1/studies/made-up/{path}").headers["content-disposition"]
        assert re.fullmatch(r'attachment; filename="[\w.-]+"', given)
