"""What takes the disk, over REST: the same as the command says, for administrators."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from api.app import create_app
from api.serving.in_process import InProcessTransport, in_process
from memscore.client import Client
from memscore.datasets.dataset import Dataset
from memscore.datasets.storage import save, size_of
from memscore.errors import InsufficientScope
from memscore.store import Database
from memscore.store.usage import usage
from tests.api.conftest import KEYS_REQUIRED, make_key
from tests.conftest import StoredStudy


def test_it_is_what_the_command_says(database: Database, stored_study: StoredStudy, dataset: Dataset, home: Path):
    save(dataset, home)
    with in_process(database, home) as http:
        answer = http.get("/v1/usage").json()
    (study,) = answer["studies"]
    assert (study["name"], study["size"]["trials"]) == ("made-up", 40)
    assert study["bytes"] == sum(study["size"][of] for of in ("evidence_bytes", "table_bytes", "log_bytes"))
    (of_dataset,) = answer["datasets"]
    assert (of_dataset["name"], of_dataset["studies"]) == ("made-up", 1)
    assert of_dataset["bytes"] == answer["dataset_bytes"] == size_of(home, of_dataset["fingerprint"]) > 0
    with database.reading() as connection:
        assert answer == usage(connection, home).message().model_dump(mode="json")


def test_a_log_that_goes_meanwhile_counts_as_gone(database: Database, home: Path, monkeypatch: pytest.MonkeyPatch):
    logs = home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    (logs / "0123456789abcdef-1.log").write_text("12345")
    there = sorted(logs.glob("*.log"))
    monkeypatch.setattr(Path, "glob", lambda *_: iter([*there, logs / "gone-1.log"]))
    with in_process(database, home) as http:
        assert http.get("/v1/usage").json()["log_files"] == {"files": 1, "bytes": 5}


@pytest.mark.databases("sqlite")
def test_only_an_administrator_may_ask(database: Database, stored_study: StoredStudy, home: Path):
    app = create_app(database, (), KEYS_REQUIRED, home)
    for scope in ("read", "write", "admin"):
        headers = {"Authorization": f"Bearer {make_key(database, scope)}"}
        http = httpx.Client(transport=InProcessTransport(database, app), base_url="http://memscore", headers=headers)
        with http, Client(http=http) as client:
            if scope == "admin":
                assert [one.name for one in client.usage().datasets] == ["made-up"]
            else:
                with pytest.raises(InsufficientScope, match=f"the scope admin; this key has {scope}"):
                    client.usage()
