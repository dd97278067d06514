"""Images of samples, as PNG."""

import io
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from memscore.datasets.dataset import build_dataset
from memscore.datasets.storage import save
from memscore.store import Database, datasets
from tests.conftest import StoredStudy

pytestmark = [pytest.mark.databases("sqlite"), pytest.mark.usefixtures("stored_study")]


def pixels(response: httpx.Response) -> np.ndarray:
    assert response.headers["content-type"] == "image/png", response.text
    return np.asarray(Image.open(io.BytesIO(response.content)))


def test_an_image_is_the_pixels_of_its_sample(http: httpx.Client, stored_study: StoredStudy):
    for split, images in (("train", stored_study.dataset.x_train), ("test", stored_study.dataset.x_test)):
        response = http.get(f"/v1/datasets/made-up/{split}/17/image.png")
        np.testing.assert_array_equal(pixels(response), images[17, ..., 0])
        again = http.get(response.url.path, headers={"If-None-Match": response.headers["etag"]})
        assert again.status_code == 304
    larger = pixels(http.get("/v1/datasets/made-up/test/17/image.png", params={"scale": 3}))
    np.testing.assert_array_equal(larger, stored_study.dataset.x_test[17, ..., 0].repeat(3, 0).repeat(3, 1))


def test_images_in_colour_stay_in_colour(http: httpx.Client, database: Database, home: Path):
    x = np.random.default_rng(0).integers(0, 256, (10, 5, 6, 3), np.uint8)
    dataset = build_dataset(x, np.arange(10) % 2, x[:2], np.arange(2), source="made up")
    save(dataset, home)
    with database.writing() as connection:
        datasets.register(connection, "colourful", dataset)
    np.testing.assert_array_equal(pixels(http.get("/v1/datasets/colourful/train/9/image.png")), x[9])


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("made-up/train/60/image.png", 404, "no train image 60; indices go from 0 to 59"),
        ("made-up/test/-1/image.png", 404, "no test image -1"),
        ("made-up/all/1/image.png", 422, "split"),
        ("nothing/train/1/image.png", 404, "There is no dataset 'nothing'"),
        ("made-up/train/1/image.png?scale=17", 422, "scale"),
    ],
)
def test_what_is_no_image_is_refused(http: httpx.Client, path: str, status: int, sentence: str):
    response = http.get(f"/v1/datasets/{path}")
    assert response.status_code == status
    assert sentence in response.json()["detail"]
