"""Names, texts and columns of samples over REST, and the nearest samples by feature."""

from pathlib import Path

import httpx
import numpy as np
import pytest

from memscore.datasets.columns import SampleColumns
from memscore.datasets.dataset import build_dataset
from memscore.datasets.storage import save
from memscore.store import Database, datasets
from tests.conftest import make_dataset

pytestmark = pytest.mark.databases("sqlite")

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(40, 20))
X[7] = X[3] + 0.01


@pytest.fixture
def sentences(database: Database, home: Path) -> None:
    columns = SampleColumns(
        {
            "id": np.array([f"s{i}" for i in range(40)]),
            "text": np.array([f"text <b>{i}</b>" for i in range(40)]),
            "age": np.where(np.arange(40) == 5, np.nan, np.arange(40.0)),
            "place": np.array(["here", "there"])[np.arange(40) % 2],
        }
    )
    dataset = build_dataset(X, np.arange(40) % 2, source="made up", columns=columns)
    save(dataset, home)
    save(make_dataset(), home)
    with database.writing() as connection:
        datasets.register(connection, "sentences", dataset)
        datasets.register(connection, "images", make_dataset())


@pytest.mark.usefixtures("sentences")
def test_a_dataset_of_features_says_its_kind_and_what_reading_it_changed(http: httpx.Client):
    found = http.get("/v1/datasets/sentences").json()
    assert (found["kind"], found["image_shape"], found["test_samples"]) == ("features", [20], 0)
    assert found["notes"] == ["Features were standardized over all training samples: mean 0, deviation 1."]
    assert http.get("/v1/datasets/images").json()["kind"] == "images"


@pytest.mark.usefixtures("sentences")
def test_samples_come_in_the_order_of_the_request_with_name_text_and_columns(http: httpx.Client):
    found = http.get("/v1/datasets/sentences/train/samples?indices=5,3").json()["samples"]
    assert found[0] == {
        "index": 5,
        "label": 1,
        "class_name": "1",
        "name": "s5",
        "text": "text <b>5</b>",
        "columns": {"age": None, "place": "there"},
        "forgotten": False,
    }
    assert found[1]["name"] == "s3"
    unnamed = http.get("/v1/datasets/images/test/samples?indices=2").json()["samples"][0]
    assert (unnamed["name"], unnamed["text"], unnamed["columns"]) == ("test 2", None, {})


@pytest.mark.usefixtures("sentences")
def test_all_names_of_a_part_or_null(http: httpx.Client):
    assert http.get("/v1/datasets/sentences/train/names").json()["names"][:2] == ["s0", "s1"]
    assert http.get("/v1/datasets/images/train/names").json() == {"names": None}


@pytest.mark.usefixtures("sentences")
def test_the_nearest_samples_are_those_of_the_least_distance(http: httpx.Client):
    found = http.get("/v1/datasets/sentences/train/3/neighbours?count=40").json()["neighbours"]
    assert len(found) == 39
    assert found[0]["index"] == 7
    assert found[0]["closeness"] > 0.99
    assert 3 not in [one["index"] for one in found]
    assert [one["closeness"] for one in found] == sorted((one["closeness"] for one in found), reverse=True)


@pytest.mark.usefixtures("sentences")
def test_images_have_neighbours_by_their_pixels(http: httpx.Client):
    found = http.get("/v1/datasets/images/test/2/neighbours?count=5").json()["neighbours"]
    assert len(found) == 5
    assert all(-1 <= one["closeness"] <= 1.001 for one in found)
    assert found[0]["closeness"] == max(one["closeness"] for one in found)


@pytest.mark.usefixtures("sentences")
@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("/v1/datasets/sentences/train/3/image.png", "has features, not images; their texts and columns are at"),
        ("/v1/datasets/sentences/train/sprite.png?indices=3,4", "has features, not images"),
        ("/v1/datasets/sentences/train/samples?indices=40", "has no train sample 40; indices go from 0 to 39"),
        ("/v1/datasets/sentences/test/samples?indices=0", "has no test part"),
    ],
)
def test_what_a_dataset_lacks_is_a_problem_with_a_sentence(http: httpx.Client, address: str, sentence: str):
    answer = http.get(address)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert sentence in answer.json()["detail"]
