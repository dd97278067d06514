"""Files as HTTP serves them: tags, ranges, digests, formats and versions."""

import base64
import hashlib
import io

import httpx
import numpy as np
import pyarrow.feather
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import NotSatisfiable
from api.file_answers import part
from memscore.scores.tables import ScoreTable
from memscore.store import Database, tables
from memscore.study.spec import Design
from tests.conftest import StoredStudy, build, make_trials

pytestmark = pytest.mark.databases("sqlite")  # one kind is enough: answers come out of memory

TABLE = "/v1/studies/made-up/table"
FILES = [TABLE, "/v1/studies/made-up/pairs/table", "/v1/studies/made-up/evidence", f"{TABLE}?format=csv"]


def sha256(payload: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(payload).digest()).decode()}:"


@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 20))
def test_a_range_is_the_part_that_rfc_9110_says(first: int, last: int, size: int):
    content = bytes(range(size))
    if first >= size and first <= last:
        with pytest.raises(NotSatisfiable):
            part(f"bytes={first}-{last}", size)
        return
    wanted = part(f"bytes={first}-{last}", size)
    assert wanted is None if last < first else content[wanted] == content[first : last + 1]  # pyright: ignore
    if first < size:
        assert content[part(f"bytes={first}-", size) or slice(0)] == content[first:]
    if last > 0:
        assert content[part(f"bytes=-{last}", size) or slice(0)] == content[-last:]


@pytest.mark.parametrize(
    "header", [None, "", "bytes", "bytes=-", "bytes=a-b", "bytes=1-2,4-5", "items=1-2", "bytes=5-4"]
)
def test_a_range_that_cannot_be_read_asks_for_the_whole(header: str | None):
    assert part(header, 10) is None


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-12", "bytes=-0", "bytes=9999999999999999999-"])
def test_a_range_behind_the_end_is_refused(header: str):
    with pytest.raises(NotSatisfiable, match="has 10 bytes"):
        part(header, 10)


@pytest.mark.usefixtures("stored_study")
@pytest.mark.parametrize("path", FILES)
def test_a_file_in_two_parts_is_the_whole_file(http: httpx.Client, path: str):
    whole = http.get(path).raise_for_status()
    assert whole.headers["repr-digest"] == sha256(whole.content)
    assert whole.headers["accept-ranges"] == "bytes"
    etag, size = whole.headers["etag"], len(whole.content)
    first = http.get(path, headers={"Range": "bytes=0-99"})
    rest = http.get(path, headers={"Range": "bytes=100-", "If-Range": etag})
    assert (first.status_code, rest.status_code) == (206, 206)
    assert first.content + rest.content == whole.content
    assert rest.headers["content-range"] == f"bytes 100-{size - 1}/{size}"
    assert rest.headers["repr-digest"] == whole.headers["repr-digest"]
    assert int(rest.headers["content-length"]) == size - 100
    changed = http.get(path, headers={"Range": "bytes=100-", "If-Range": '"another"'})
    assert changed.status_code == 200
    assert changed.content == whole.content
    behind = http.get(path, headers={"Range": f"bytes={size}-"})
    assert behind.status_code == 416
    assert behind.headers["content-range"] == f"bytes */{size}"
    assert "ends before this range begins" in behind.json()["detail"]
    assert http.get(path, headers={"If-None-Match": f"W/{etag}", "Range": "bytes=0-1"}).status_code == 304


@pytest.mark.usefixtures("stored_study")
@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("application/x-npz", "application/x-npz"),
        ("*/*", "application/x-npz"),
        ("application/octet-stream", "application/x-npz"),
        ("text/csv", "text/csv; charset=utf-8"),
        ("text/html, text/csv;q=0.5, */*;q=0.1", "text/csv; charset=utf-8"),
        ("application/x-npz;q=0.2, application/vnd.apache.parquet", "application/vnd.apache.parquet"),
        ("APPLICATION/vnd.apache.arrow.file", "application/vnd.apache.arrow.file"),
        ("text/csv;q=0, application/*", "application/x-npz"),
    ],
)
def test_the_format_is_what_the_client_accepts_most(http: httpx.Client, accept: str, media_type: str):
    for table in FILES[:2]:
        response = http.get(table, headers={"Accept": accept})
        assert response.headers["content-type"] == media_type
        assert response.headers["vary"] == "Accept"


@pytest.mark.usefixtures("stored_study")
def test_a_format_that_is_not_there_is_refused_and_the_parameter_goes_first(http: httpx.Client):
    response = http.get(TABLE, headers={"Accept": "image/png"})
    assert response.status_code == 406
    assert "accept one of application/x-npz" in response.json()["detail"]
    named = http.get(TABLE, params={"format": "csv"}, headers={"Accept": "image/png"})
    assert named.headers["content-type"].startswith("text/csv")


def test_every_format_holds_the_same_numbers(http: httpx.Client, stored_study: StoredStudy):
    mem = stored_study.scores["mem"]
    parquet = pyarrow.parquet.read_table(io.BytesIO(http.get(TABLE, params={"format": "parquet"}).content))
    arrow = pyarrow.feather.read_table(io.BytesIO(http.get(TABLE, params={"format": "arrow"}).content))
    for table in (parquet, arrow):
        np.testing.assert_array_equal(table["mem"].to_numpy(), mem)
    tags = {http.get(TABLE, params={"format": format}).headers["etag"] for format in ("npz", "csv", "parquet", "arrow")}
    assert len(tags) == 4


def test_a_version_by_its_digest_stays_for_ever(http: httpx.Client, stored_study: StoredStudy, database: Database):
    old = stored_study.scores.digest
    longer = make_trials(stored_study.dataset, Design(), blocks=5)
    with database.writing() as connection:
        tables.add(
            connection, stored_study.record.id, *build(stored_study.dataset, longer, Design(), stored_study.record.id)
        )
    current = http.get(TABLE)
    assert current.headers["etag"] != f'"{old}"'
    assert current.headers["cache-control"] == "private, no-cache"
    for digest in (old, current.headers["etag"].strip('"')):
        response = http.get(TABLE, params={"digest": digest})
        assert ScoreTable.decode(response.content).digest == digest
        assert response.headers["cache-control"] == "private, max-age=31536000, immutable"
        assert http.get(TABLE, params={"digest": digest}, headers={"If-None-Match": f'"{digest}"'}).status_code == 304
    assert http.get(TABLE, params={"digest": old, "format": "csv"}).text.startswith("index,mem")
    missing = http.get(TABLE, params={"digest": "0" * 64})
    assert missing.status_code == 404
    assert "leave `digest` out" in missing.json()["detail"]
    assert http.get(TABLE, params={"digest": "../x"}).status_code == 422
