"""A committed evidence file gives the same tables, REST answers and files as it did when it was made.

`answers.json` was written by the service of commit 1ce2a92, before its modules moved. A change that is meant to change
an answer writes the file again: MEMSCORE_WRITE_ANSWERS=1 python -m pytest tests/test_committed_study.py
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import ipc

from api.serving.in_process import in_process
from memscore.datasets.storage import save
from memscore.store import datasets, open_database
from memscore.store.migrate import upgrade
from memscore.study.spec import Design, study_id
from tests.conftest import QUICK, make_dataset

COMMITTED = Path(__file__).with_name("committed_study")

STUDY = "/v1/studies/committed"
PROSE = frozenset(
    [
        "advice",
        "meaning",
        "note",
        "notes",
        "sentence",
        "warnings",
        "value",
        "description",
        "summary",
        "title",
        "examples",
    ]
)
JSON_ANSWERS = (
    "/v1/studies", STUDY, "/v1/datasets", "/v1/datasets/committed", "/v1/recipes",
    f"{STUDY}/scores/0", f"{STUDY}/scores/17", f"{STUDY}/scores?sort=-mem&limit=20",
    f"{STUDY}/scores?label=1&mem_min=0.2",
    f"{STUDY}/test-scores/3", f"{STUDY}/histogram?bins=8", f"{STUDY}/explain/17", f"{STUDY}/pairs?limit=50",
    f"{STUDY}/pairs?train_index=17", f"{STUDY}/sets?format=json&atypical=0.15&typical=0.02", f"{STUDY}/classes",
    f"{STUDY}/quality", f"{STUDY}/suspects", f"{STUDY}/compare?with=committed&bins=5&limit=3",
)  # fmt: skip
FILES = (
    f"{STUDY}/table", f"{STUDY}/table?format=csv", f"{STUDY}/table?format=parquet", f"{STUDY}/table?format=arrow",
    f"{STUDY}/pairs/table", f"{STUDY}/pairs/table?format=csv", f"{STUDY}/sets", f"{STUDY}/evidence",
)  # fmt: skip


def without_prose(value: Any) -> Any:
    """A JSON value without its sentences, which may be reworded."""
    if isinstance(value, dict):
        return {key: without_prose(one) for key, one in value.items() if key not in PROSE or isinstance(one, dict)}
    return [without_prose(one) for one in value] if isinstance(value, list) else value


def digest_of(payload: bytes, path: str) -> str:
    """SHA-256 of what a file holds: of an .npz and of tables the arrays, since packers may pack in another way."""
    if payload[:4] == b"PK\x03\x04":
        with np.load(io.BytesIO(payload), allow_pickle=False) as arrays:
            held = {name: arrays[name] for name in arrays.files if name != "meta"}
    elif "parquet" in path:
        held = columns_of(pq.read_table(io.BytesIO(payload)))
    elif "arrow" in path:
        held = columns_of(ipc.open_file(io.BytesIO(payload)).read_all())
    else:
        return hashlib.sha256(payload).hexdigest()
    found = hashlib.sha256()
    for name in sorted(held):
        found.update(f"{name} {held[name].dtype.str} {held[name].shape}".encode() + held[name].tobytes())
    return found.hexdigest()


def columns_of(table: pa.Table) -> dict[str, np.ndarray]:
    return {name: column.to_numpy() for name, column in zip(table.column_names, table.columns, strict=True)}


def answers_of(http: httpx.Client) -> dict[str, Any]:
    """Everything that is compared."""
    found: dict[str, Any] = {path: without_prose(http.get(path).raise_for_status().json()) for path in JSON_ANSWERS}
    found |= {path: digest_of(http.get(path).raise_for_status().content, path) for path in FILES}
    looked_up = http.post(f"{STUDY}/scores/lookup", json={"indices": list(range(60))})
    found["lookup"] = without_prose(looked_up.raise_for_status().json())
    found["openapi"] = without_prose(http.get("/openapi.json").json() | {"info": None})
    return found


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the service answers after it has taken the committed file."""
    home = tmp_path_factory.mktemp("home")
    dataset = make_dataset()
    save(dataset, home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEMSCORE_HOME", str(home))
        database = open_database(f"sqlite:///{home / 'memscore.db'}")
        upgrade(database)
        with database.writing() as connection:
            datasets.register(connection, "committed", dataset)
        with in_process(database) as http:
            study = study_id(dataset.fingerprint, QUICK, Design())
            taken = http.post(
                f"/v1/studies/{study}/evidence",
                params={"dataset": "committed", "name": "committed"},
                content=(COMMITTED / "evidence.npz").read_bytes(),
            )
            assert taken.raise_for_status().json()["added"] == 65
            found = answers_of(http)
        database.close()
    if os.environ.get("MEMSCORE_WRITE_ANSWERS"):
        lines = [
            f"{json.dumps(path)}: {json.dumps(one, sort_keys=True, separators=(',', ':'))}"
            for path, one in found.items()
        ]
        (COMMITTED / "answers.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    return found


@pytest.mark.parametrize("path", [*JSON_ANSWERS, *FILES, "lookup", "openapi"])
def test_answers_are_those_of_before(answers: dict[str, Any], path: str):
    assert answers[path] == json.loads((COMMITTED / "answers.json").read_text())[path]
