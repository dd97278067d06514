"""Forgetting samples over REST: preview and confirmation, who asked, and what the service shows in their place."""

from __future__ import annotations

import io
from collections.abc import Generator
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from sqlalchemy import select

from api.app import create_app
from api.serving.in_process import InProcessTransport, in_process
from memscore.client import Client
from memscore.datasets.columns import SampleColumns
from memscore.datasets.dataset import Dataset, build_dataset
from memscore.datasets.storage import save
from memscore.errors import Conflict, Gone, InvalidInput
from memscore.settings import Settings
from memscore.store import Database
from memscore.store.schema import forgotten_samples
from memscore.workflows.datasets import register
from tests.api.conftest import KEYS_REQUIRED, make_key, problem
from tests.conftest import StoredStudy, make_dataset

SAMPLES = {"train": "17,4", "test": "3"}


@pytest.fixture
def http(database: Database, settings: Settings) -> Generator[httpx.Client]:
    with in_process(database, settings.home) as client:
        yield client


def forget(http: httpx.Client, name: str = "made-up", **fields: object) -> dict[str, object]:
    asked = {**SAMPLES, "confirm": name, **fields}
    return http.delete(f"/v1/datasets/{name}/samples", params=asked).raise_for_status().json()


def pixels(answer: httpx.Response) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(answer.raise_for_status().content)))


def test_it_is_told_first_and_confirmed(database: Database, stored_study: StoredStudy, http: httpx.Client):
    told = forget(http, confirm="", dry_run=True)
    assert told == {
        "forgotten": False,
        "name": "made-up",
        "train": [4, 17],
        "test": [3],
        "before": 0,
        "names": [],
        "copies": [],
    }
    address = "/v1/datasets/made-up/samples"
    for confirm in ({}, {"confirm": ""}, {"confirm": "Made-up"}):
        said = "Nothing is forgotten before it is confirmed: the content of 2 training samples and 1 test sample"
        problem(http.delete(address, params={**SAMPLES, **confirm}), 422, said)
    for wrong, status, said in [
        ({}, 422, "Name the samples to forget"),
        ({"train": "4,x"}, 422, "train: give whole numbers below 1,000,000,000, separated by commas"),
        ({"train": "60"}, 404, "no train sample 60; its indices go from 0 to 59"),
        ({"train": ",".join(["1"] * 501)}, 422, "501 samples are too many"),
    ]:
        problem(http.delete(address, params={**wrong, "confirm": "made-up"}), status, said)
    assert http.get("/v1/datasets/made-up").json()["forgotten"] == 0
    assert forget(http) == {**told, "forgotten": True}
    assert forget(http)["before"] == 3


def test_the_key_that_asked_is_kept(database: Database, stored_study: StoredStudy, settings: Settings):
    app = create_app(database, (), KEYS_REQUIRED, settings.home)
    key = make_key(database, "admin")
    transport, header = InProcessTransport(database, app), {"Authorization": f"Bearer {key}"}
    with httpx.Client(transport=transport, base_url="http://memscore", headers=header) as http:
        forget(http)
        (name,) = {one["name"] for one in http.get("/v1/keys").json()["keys"]}
    with database.reading() as connection:
        assert set(connection.execute(select(forgotten_samples.c.key_name)).scalars()) == {name}


def test_images_give_way_to_one_sentence_and_a_grey_tile(
    database: Database, stored_study: StoredStudy, http: httpx.Client
):
    address = "/v1/datasets/made-up/train"
    before = http.get(f"{address}/17/image.png")
    tag = before.headers["etag"]
    sprite = pixels(http.get(f"{address}/sprite.png", params={"indices": "16,17,18", "columns": 3}))
    digests = http.get("/v1/studies/made-up").json()["table"]["digest"]
    score = http.get("/v1/studies/made-up/scores/17").json()
    table = http.get("/v1/studies/made-up/table").content
    forget(http)
    for headers in ({}, {"if-none-match": tag}):
        problem(
            http.get(f"{address}/17/image.png", headers=headers),
            410,
            "The content of train sample 17 of dataset 'made-up' was removed on request; its label and its scores",
        )
    problem(http.get("/v1/datasets/made-up/test/3/image.png"), 410, "test sample 3")
    problem(http.get(f"{address}/17/neighbours"), 410, "train sample 17")
    assert http.get("/v1/datasets/made-up/test/17/image.png").status_code == 200
    now = pixels(http.get(f"{address}/sprite.png", params={"indices": "16,17,18", "columns": 3}))
    assert (now[:, 4:8] == 128).all()
    assert np.array_equal(np.delete(now, range(4, 8), 1), np.delete(sprite, range(4, 8), 1))
    found = http.get(f"{address}/5/neighbours", params={"count": 100}).json()["neighbours"]
    assert len(found) == 57
    assert not {17, 4} & {one["index"] for one in found}
    assert http.get("/v1/studies/made-up").json()["table"]["digest"] == digests
    assert http.get("/v1/studies/made-up/scores/17").json() == score
    assert http.get("/v1/studies/made-up/table").content == table
    detail = http.get("/v1/datasets/made-up").json()
    assert (detail["forgotten"], detail["forgotten_train"], detail["forgotten_test"]) == (3, [4, 17], [3])
    (listed,) = http.get("/v1/datasets").json()["datasets"]
    assert listed["forgotten"] == 3


def test_blank_samples_are_no_copies_of_each_other(database: Database, stored_study: StoredStudy, http: httpx.Client):
    before = http.get("/v1/studies/made-up/duplicates").json()["matching"]
    forget(http)
    assert http.get("/v1/studies/made-up/duplicates").json()["matching"] == before


def with_names(seed: int = 0) -> Dataset:
    """The made-up images with names, texts and ages."""
    plain = make_dataset(seed=seed)

    def columns(samples: int) -> dict[str, Any]:
        return {
            "id": [f"person {index}" for index in range(samples)],
            "text": [f"life of {index}" for index in range(samples)],
            "age": [float(index) for index in range(samples)],
        }

    return build_dataset(
        plain.x_train,
        plain.y_train,
        plain.x_test,
        plain.y_test,
        source="made up",
        columns=SampleColumns(columns(60), columns(20)),
    )


def test_listings_carry_neither_name_nor_text(
    database: Database, stored_study: StoredStudy, http: httpx.Client, settings: Settings
):
    """Nor do tables that were in memory before."""
    save(with_names(), settings.home)
    scores = "/v1/studies/made-up/scores/17"
    export = "/v1/studies/made-up/table?format=csv"
    assert http.get(scores).json()["name"] == "person 17"
    exported = http.get(export)
    assert "person 17" in exported.text
    forget(http)
    assert not http.get(scores).json().get("name")
    again = http.get(export, headers={"if-none-match": exported.headers["etag"]})
    assert again.status_code == 200
    assert "person 17" not in again.text
    assert "person 18" in again.text
    first, second = http.get("/v1/datasets/made-up/train/samples?indices=17,18").json()["samples"]
    assert first == {
        "index": 17,
        "label": 2,
        "class_name": "2",
        "name": "train 17",
        "text": None,
        "columns": {},
        "forgotten": True,
    }
    assert (second["name"], second["text"], second["columns"], second["forgotten"]) == (
        "person 18",
        "life of 18",
        {"age": 18.0},
        False,
    )
    names = http.get("/v1/datasets/made-up/train/names").json()["names"]
    assert (names[4], names[17], names[18]) == ("", "", "person 18")


def test_both_clients_forget(database: Database, stored_study: StoredStudy, settings: Settings):
    register(database, settings, "spare", make_dataset(seed=5))
    with Client(http=in_process(database, settings.home)) as client:
        with pytest.raises(InvalidInput, match="before it is confirmed"):
            client.forget_samples("spare", [1, 2])
        with pytest.raises(InvalidInput, match=r"The request cannot be sent \(.* too long\); ask for fewer at a time"):
            client.forget_samples("spare", range(200_000), dry_run=True)
        with pytest.raises(InvalidInput, match="501 samples are too many for one request; name at most 500"):
            client.forget_samples("spare", range(501), dry_run=True)
        assert client.forget_samples("spare", [1, 2], dry_run=True).forgotten is False
        told = client.forget_samples("spare", [1, 2], np.array([3]).tolist(), confirm="spare")
        assert (told.forgotten, told.train, told.test) == (True, [1, 2], [3])
        assert client.dataset("spare").forgotten == 3
        with pytest.raises(Gone, match="was removed on request") as caught:
            client.image("spare", "test", 3)
        assert caught.value.status == 410
        with pytest.raises(Conflict, match="Nothing more is trained on dataset 'spare'"):
            client.submit("spare", "digits", trials=20)
