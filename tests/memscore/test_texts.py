"""Texts that others wrote: refused where they enter if they are not plain, and harmless where they are shown."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from api.serving.in_process import in_process
from memscore.datasets.columns import SampleColumns
from memscore.datasets.dataset import build_dataset
from memscore.errors import InvalidDataset
from memscore.store import Database, job_logs, jobs
from memscore.store.schema import datasets, job_events, studies
from memscore.store.schema import jobs as jobs_table
from memscore.study.spec import Target, Wanted
from memscore.texts import fault_of, harmless, harmless_values, is_plain
from tests.conftest import StoredStudy, make_dataset

SURROGATE, TITLE, CLEAR, REORDERED = "\ud800", "\x1b]0;owned\x07", "\x9b2J", "txt\u202egpj"
HARMFUL = [SURROGATE, "a\udfffb", TITLE, CLEAR, "\x00", "\x7f", REORDERED, "\u2066x"]
ANY = st.text(st.characters(codec=None, exclude_categories=()), max_size=30)


@given(ANY)
def test_what_is_harmless_is_plain_and_plain_texts_stay(text: str):
    shown = harmless(text)
    assert is_plain(shown)
    shown.encode()
    assert harmless(shown) == shown
    if is_plain(text):
        assert shown == text
        assert fault_of(text, 30) is None
    else:
        assert fault_of(text, 30) is not None
    assert harmless_values({text: [text, {"a": (text, 1, None)}]}) == {shown: [shown, {"a": [shown, 1, None]}]}


def test_ordinary_texts_are_plain():
    for text in ("", "naïve café", "名前", "two\nlines\tand a tab", "family: 👩‍👩‍👧", "עברית"):
        assert fault_of(text, 100) is None
    assert fault_of("abcdef", 5) == "has 6 characters; at most 5 are kept"
    assert "at place 1 that cannot be shown (U+001B" in (fault_of("a\x1b", 5) or "")


@pytest.fixture
def http(database: Database, stored_study: StoredStudy) -> Any:
    with in_process(database) as client:
        yield client


def post(http: httpx.Client, options: str) -> httpx.Response:
    recipe = f'{{"network":"cnn","options":{options},"epochs":1,"batch_size":8,"learning_rate":0.1}}'
    body = f'{{"dataset":"made-up","recipe":{recipe},"target":{{"trials":10}}}}'
    return http.post("/v1/jobs", content=body, headers={"content-type": "application/json"})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        *((json.dumps({"width": text}), "the option width has a character at place") for text in HARMFUL),
        (json.dumps({"width": "x" * 10_001}), "the option width has 10,001 characters; at most 10,000 are kept"),
        (json.dumps({"width": 10**400}), "the option width must be a whole number of at most 63 bits"),
        (json.dumps({"width": -(2**63) - 1}), "the option width must be a whole number of at most 63 bits"),
        (json.dumps({SURROGATE: 1}), "must be a valid string"),
    ],
)
@pytest.mark.databases("sqlite")
def test_a_recipe_that_no_page_could_show_is_refused(http: httpx.Client, options: str, said: str):
    refused = post(http, options)
    assert refused.status_code == 422, refused.text
    assert said in refused.json()["detail"]
    assert http.get("/v1/studies").raise_for_status().json()["studies"][0]["name"] == "made-up"
    assert len(http.get("/v1/jobs").json()["jobs"]) == 0


def cursor_of(values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("studies/made-up/scores?sort=label&", ["label", 1e308, 0]),
        ("studies/made-up/scores?sort=-mem&", ["-mem", 0.5, 2**63]),
        ("studies/made-up/scores?sort=-mem&", ["-mem", 0.5, -1]),
        ("studies/made-up/pairs?", [1e300, 1, 1]),
        ("studies/made-up/pairs?", [0.5, 2**70, 1]),
        ("jobs?", [1.5, SURROGATE]),
        ("studies?", [1.5, TITLE]),
        ("datasets?", [SURROGATE]),
        ("datasets?", ["\x00"]),
    ],
)
def test_absurd_cursors_are_refused(http: httpx.Client, path: str, values: Any):
    answer = http.get(f"/v1/{path}cursor={cursor_of(values)}")
    assert answer.status_code == 422, answer.text
    assert "cursor is not the `next` of a page" in answer.json()["detail"]


@pytest.mark.databases("sqlite")
def test_a_cursor_of_an_undefined_value_ends_the_list(http: httpx.Client):
    """No sample has an undefined label; whoever writes such a cursor gets what comes after all labels."""
    path = "/v1/studies/made-up/scores?sort=label&cursor="
    assert http.get(path + cursor_of(["label", None, 0])).raise_for_status().json()["scores"] == []


@pytest.mark.parametrize("text", HARMFUL)
@pytest.mark.parametrize("make", [lambda text: ("a", f"b{text}", "c"), lambda _: ("a", "x" * 501, "c")])
def test_class_names_are_plain(make: Callable[[str], tuple[str, ...]], text: str):
    made = make_dataset()
    with pytest.raises(InvalidDataset, match=r"^The class name '.* has .*; give the class another name\.$") as refused:
        build_dataset(made.x_train, made.y_train, source="made up", class_names=make(text))
    assert is_plain(str(refused.value))


def test_texts_of_samples_get_escapes_and_names_of_columns_are_plain():
    made = make_dataset()
    texts = [f"sample {index}" for index in range(60)]
    texts[3], texts[5] = f"a{TITLE}", f"b{SURROGATE}"
    columns = SampleColumns({"text": np.array(texts), "id": np.array(texts)})
    dataset = build_dataset(made.x_train, made.y_train, source="made up", columns=columns)
    assert dataset.columns.train["text"][3] == r"a\x1b]0;owned\x07"
    assert dataset.columns.name_of("train", 5) == r"b\ud800"
    assert "4 texts had characters that cannot be shown" in dataset.notes[0]
    with pytest.raises(InvalidDataset, match=r"The name of the column .* cannot be shown"):
        build_dataset(made.x_train, made.y_train, source="", columns=SampleColumns({TITLE: np.array(texts)}))


@pytest.mark.databases("sqlite")
def test_what_is_stored_already_is_shown_without_harm(database: Database, stored_study: StoredStudy, home: Any):
    study, text = stored_study.record.id, f"{SURROGATE}{TITLE}"
    with database.writing() as connection:
        job, _ = jobs.submit(connection, study, Wanted(target=Target(trials=100)), 40)
        job_logs.append(connection, job.id, 1, f"progress 1\rprogress 2\r\n{TITLE}{CLEAR}")
        recipe = {"network": "cnn", "epochs": 1, "batch_size": 8, "learning_rate": 0.1}
        recipe["options"] = {"width": text, "long": "x" * 20_000}
        connection.execute(update(studies).values(recipe=recipe))
        connection.execute(update(datasets).values(class_names=["a", text, "c"]))
        connection.execute(update(jobs_table).values(error=TITLE))
        connection.execute(update(job_events).values(message=TITLE))
    with in_process(database, home) as http:
        listed = http.get("/v1/studies").raise_for_status().json()["studies"][0]
        assert listed["recipe"]["options"]["width"] == r"\ud800\x1b]0;owned\x07"
        assert http.get("/v1/datasets").raise_for_status().json()["datasets"][0]["class_names"][1] == harmless(text)
        answers = [http.get(f"/v1/jobs/{job.id}{end}") for end in ("", "/log", "/events?format=json")]
        answers += [http.get(f"/v1/studies/{study}/{end}") for end in ("scores/1", "classes", "explain/1", "sets")]
        for answer in answers:
            assert answer.status_code == 200, answer.text
            assert "\\u001b" not in answer.text
        lines = answers[1].text
        assert "progress 1" in lines
        assert r"\x1b]0;owned\x07\x9b2J" in lines
