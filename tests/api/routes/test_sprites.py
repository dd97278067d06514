"""Many images in one file, and the answers for missing images."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from memscore.datasets.storage import folder_of, save
from tests.conftest import StoredStudy

pytestmark = [pytest.mark.databases("sqlite"), pytest.mark.usefixtures("stored_study")]

SPRITE = "/v1/datasets/made-up/train/sprite.png"


def pixels(answer: httpx.Response) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(answer.raise_for_status().content)))


def test_images_lie_in_the_order_asked_for(http: httpx.Client, stored_study: StoredStudy):
    wanted = [7, 3, 59, 3, 0]
    sheet = pixels(http.get(SPRITE, params={"indices": ",".join(map(str, wanted)), "columns": 2}))
    assert sheet.shape == (12, 8)
    for place, index in enumerate(wanted):
        row, column = divmod(place, 2)
        cell = sheet[4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
        assert np.array_equal(cell, stored_study.dataset.x_train[index][..., 0])
    assert not sheet[8:, 4:].any()


def test_a_browser_that_has_it_is_told_so(http: httpx.Client):
    first = http.get(SPRITE, params={"indices": "1,2"})
    assert "max-age" in first.headers["cache-control"]
    assert first.headers["content-disposition"].startswith("inline")
    again = http.get(SPRITE, params={"indices": "1,2"}, headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    ("indices", "status", "said"),
    [
        ("", 422, "separated by commas"),
        ("1,,2", 422, "separated by commas"),
        ("1,-2", 422, "separated by commas"),
        ("1,x", 422, "separated by commas"),
        ("60", 404, "indices go from 0 to 59"),
        (",".join(["1"] * 501), 422, "at most 500"),
    ],
)
def test_wrong_indices_are_refused(http: httpx.Client, indices: str, status: int, said: str):
    answer = http.get(SPRITE, params={"indices": indices})
    assert answer.status_code == status
    assert said in answer.json()["detail"]


def test_a_huge_answer_is_refused_before_it_is_made(http: httpx.Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("api.routes.sprites.MOST_PIXELS", 100)
    answer = http.get(SPRITE, params={"indices": "1", "columns": 10})
    assert answer.status_code == 422
    assert "fewer" in answer.json()["detail"]


@pytest.mark.parametrize("address", [f"{SPRITE}?indices=1", "/v1/datasets/made-up/train/1/image.png"])
def test_images_that_are_gone_are_said_to_be_and_come_back(
    http: httpx.Client, home: Path, stored_study: StoredStudy, address: str
):
    before = http.get(address).raise_for_status().content
    shutil.rmtree(folder_of(home, stored_study.record.fingerprint))
    answer = http.get(address)
    assert answer.status_code == 404
    assert "memscore datasets add" in answer.json()["detail"]
    save(stored_study.dataset, home)
    assert http.get(address).raise_for_status().content == before
