"""Datasets added over REST: published ones by name, and files."""

from __future__ import annotations

import io
from collections.abc import Generator

import httpx
import numpy as np
import pytest

from api.app import create_app
from api.routes import datasets as routes
from api.serving.in_process import InProcessTransport, in_process
from memscore.client import Client
from memscore.errors import Conflict, InvalidDataset, InvalidInput, MemscoreError, NotFound
from memscore.keys import Scope
from memscore.settings import Settings
from memscore.store import Database
from tests.api.conftest import KEYS_REQUIRED, make_key, problem


@pytest.fixture
def http(database: Database, settings: Settings) -> Generator[httpx.Client]:
    with in_process(database, settings.home) as client:
        yield client


@pytest.fixture
def client(http: httpx.Client) -> Generator[Client]:
    with Client(http=http) as made:
        yield made


def arrays(seed: int = 0) -> bytes:
    held, rng = io.BytesIO(), np.random.default_rng(seed)
    images = rng.integers(0, 255, (30, 4, 4, 1), np.uint8)
    np.savez(held, x_train=images, y_train=np.arange(30) % 3, x_test=images[:6], y_test=np.arange(6) % 3)
    return held.getvalue()


def test_a_published_dataset_is_added_once(client: Client, http: httpx.Client):
    assert "digits" in client.sources()
    added = client.add_dataset("digits")
    assert (added.name, added.train_samples, added.test_samples) == ("digits", 1437, 360)
    assert client.add_dataset("digits") == added
    assert [one.name for one in client.datasets().datasets] == ["digits"]
    with pytest.raises(NotFound, match="known are: cifar10"):
        client.add_dataset("folder:/etc")
    problem(http.post("/v1/datasets", json={"source": "digits", "path": "/etc"}), 422, "path")


def test_a_published_dataset_that_cannot_be_had_says_where_to_add_it(client: Client, monkeypatch: pytest.MonkeyPatch):
    def offline(*_: object) -> None:
        raise InvalidDataset("cifar10 is not in /home/ada/downloads and cannot be downloaded; give it with --root.")

    monkeypatch.setattr(routes, "load_source", offline)
    with pytest.raises(MemscoreError, match="memscore datasets add cifar10 --root DIR") as refused:
        client.add_dataset("cifar10")
    assert "/home" not in str(refused.value)


def test_a_file_is_imported_and_a_repeated_import_changes_nothing(client: Client):
    added = client.import_dataset(arrays(), "mine")
    assert (added.name, added.train_samples, added.test_samples) == ("mine", 30, 6)
    assert client.import_dataset(arrays(), "mine") == added
    notes = client.dataset("mine").notes
    assert any("6 test samples are copies of training samples" in note for note in notes), notes
    with pytest.raises(Conflict, match=r"already belongs to another dataset; choose another with name\.$"):
        client.import_dataset(arrays(1), "mine")
    with pytest.raises(InvalidInput, match="name of a published dataset"):
        client.import_dataset(arrays(), "digits")
    with pytest.raises(MemscoreError, match=r"bad\.npz"):
        client.import_dataset(b"nothing", "bad")
    assert [one.name for one in client.datasets().datasets] == ["mine"]


def test_a_table_is_imported_with_its_column_of_classes(client: Client):
    rows = "".join(f"{x},{x % 7},{'abc'[x % 3]}\n" for x in range(60))
    added = client.import_dataset(f"u,v,kind\n{rows}".encode(), "table", "csv", label="kind", test_share=0.2)
    assert added.kind == "features"
    assert (added.train_samples, added.test_samples, added.class_names) == (48, 12, ("a", "b", "c"))


def test_messages_name_fields_instead_of_options(client: Client):
    rows = "".join(f"{x},{x % 3},{x % 2}\n" for x in range(30))
    with pytest.raises(MemscoreError, match=r"\blabel\b") as refused:
        client.import_dataset(f"u,v,w\n{rows}".encode(), "table", "csv")
    assert "--" not in str(refused.value)


def test_adding_needs_the_scope_write(database: Database, settings: Settings):
    app = create_app(database, (), KEYS_REQUIRED, settings.home)
    with httpx.Client(transport=InProcessTransport(database, app), base_url="http://memscore") as http:
        expected: dict[Scope, int] = {"read": 403, "write": 201}
        for scope, status in expected.items():
            headers = {"Authorization": f"Bearer {make_key(database, scope)}"}
            assert http.post("/v1/datasets", json={"source": "digits"}, headers=headers).status_code == status
            imported = http.post("/v1/datasets/import?name=mine", content=arrays(), headers=headers)
            assert imported.status_code == status
