"""What a study found, over REST, against the tables it is counted from; and lists chosen by review."""

from __future__ import annotations

from collections.abc import Generator

import httpx
import numpy as np
import pytest

from api.serving.in_process import in_process
from memscore.client import Client
from memscore.scores.classes import by_class
from memscore.scores.findings import findings
from memscore.scores.label_errors import label_errors
from memscore.scores.sets import limits
from memscore.settings import Settings
from memscore.store import Database
from tests.api.conftest import problem
from tests.conftest import StoredStudy

HERE = "/v1/studies/made-up"


@pytest.fixture
def http(database: Database, stored_study: StoredStudy, settings: Settings) -> Generator[httpx.Client]:
    with in_process(database, settings.home) as client:
        yield client


def test_counts_are_those_of_the_tables(http: httpx.Client, stored_study: StoredStudy):
    scores, pairs = stored_study.scores, stored_study.pairs
    found = http.get(f"{HERE}/findings").json()
    known = limits(scores)
    assert known is not None
    low, high, _ = known
    mem = scores["mem"]
    assert found["digest"] == scores.digest
    assert found["samples"] == len(mem)
    assert found["scored"] == np.isfinite(mem).sum()
    assert found["atypical"] == (mem > np.float32(0.15)).sum()
    assert found["atypical_sure"] == ((mem > np.float32(0.15)) & (low > np.float32(0.15))).sum()
    assert found["undecided"] == ((low <= np.float32(0.15)) & (high > np.float32(0.15))).sum()
    assert found["suspected"] == label_errors(scores).suspected
    assert found["pairs"] == (pairs["q_weighted" if pairs.weighted else "q_value"] <= 0.05).sum()
    classes = {one.label: one for one in by_class(scores, stored_study.dataset.class_names)}
    most = found["most_memorized"]
    shares = {label: one.atypical / one.samples for label, one in classes.items()}
    assert most["atypical"] / most["samples"] == max(shares.values())
    assert most["interval"][0] <= max(shares.values()) <= most["interval"][1]
    assert f"{found['atypical']:,} of {found['samples']:,} training images" in found["sentence"]


def test_a_class_differs_only_beyond_what_the_most_of_all_classes_shows_by_chance(stored_study: StoredStudy):
    """Of classes that are memorized alike, the most memorized one is rarely said to differ."""
    scores, names = stored_study.scores, [str(label) for label in range(20)]
    rng = np.random.default_rng(0)
    samples, said = len(scores), 0
    for _ in range(200):
        mem = np.where(rng.random(samples) < 0.2, 0.9, 0).astype(np.float32)
        labels = rng.integers(0, 20, samples).astype(scores["label"].dtype)
        columns = scores.columns | {"mem": mem, "label": labels}
        made = type(scores).of(columns, dict(scores.meta))
        found = findings(made, stored_study.pairs, label_errors(made), names, np.array([], np.int64))
        said += found["most_memorized"].differs
    assert said <= 15  # of 200, at 5 %; a little more than 10 by chance


def test_lists_are_chosen_by_what_reviewers_decide(
    http: httpx.Client, database: Database, settings: Settings, stored_study: StoredStudy
):
    right = (int(stored_study.dataset.y_train[4]) + 1) % stored_study.dataset.classes
    for index, said in (
        (4, {"verdict": "error", "label": right}),
        (7, {"verdict": "fine"}),
        (9, {"verdict": "fine", "reviewer": "ada"}),
        (9, {"verdict": "error", "reviewer": "ben"}),
    ):
        http.put(f"{HERE}/reviews/{index}", json=said).raise_for_status()
    decisions = http.get(f"{HERE}/decisions").json()
    assert decisions["index"] == [4, 7, 9]
    assert decisions["decision"] == ["relabel", "fine", "disputed"]
    assert decisions["label"] == [right, None, None]
    assert http.get(f"{HERE}/decisions?index=7").json()["decision"] == ["fine"]
    assert http.get(f"{HERE}/decisions?index=8").json()["index"] == []

    def listed(path: str, **query: str) -> list[int]:
        found = http.get(f"{HERE}/{path}", params={"limit": 1000, **query}).json()
        return sorted(row["index"] for row in found["scores"])

    samples = len(stored_study.scores)
    assert listed("scores", review="any") == [4, 7, 9]
    assert listed("scores", review="fine") == [7]
    assert 4 in label_errors(stored_study.scores).order
    assert listed("suspects", review="relabel") == [4]
    assert listed("scores", review="none") == sorted(set(range(samples)) - {4, 7, 9})
    with Client(http=in_process(database, settings.home)) as client:
        assert [one.index for one in client.iter_scores("made-up", review="disputed")] == [9]
    problem(http.get(f"{HERE}/scores?review=nobody"), 422, "review")
