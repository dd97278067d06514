"""Look-ups, lists, histograms and explanations of scores."""

import time
from typing import Any

import httpx
import numpy as np
import pytest
from starlette.types import Receive, Scope, Send

from api.middleware.head_requests import HeadAsGet
from memscore.messages import scores as messages
from memscore.messages.pairs import Explanation, Pairs
from memscore.scores.selection import COLUMNS, Order
from memscore.scores.sets import split
from memscore.scores.tables import PAIRS_FLOOR, PairsTable
from memscore.statistics.influence import PackedEvidence, find_pairs
from memscore.store import Database
from memscore.study.evidence import unpack_trials
from memscore.study.spec import Design
from tests.api.conftest import problem
from tests.conftest import StoredStudy

pytestmark = [pytest.mark.databases("sqlite"), pytest.mark.usefixtures("stored_study")]

STUDY = "/v1/studies/made-up"


def refused(response: httpx.Response, status: int, sentence: str) -> None:
    assert response.status_code == status, response.text
    assert sentence in response.json()["detail"]


def pages(http: httpx.Client, path: str, of: str, **params: Any) -> list[Any]:
    """All items of a list, and that no page is longer than asked for."""
    found: list[Any] = []
    while True:
        page = http.get(path, params=params).raise_for_status().json()
        assert len(page[of]) <= params.get("limit", 100)
        found += page[of]
        if page["next"] is None:
            return found
        assert len(page[of]) == params.get("limit", 100)
        params["cursor"] = page["next"]


def test_the_short_way_of_a_look_up_answers_as_the_long_one(http: httpx.Client, stored_study: StoredStudy):
    for index in (0, 17, 59):
        short = http.get(f"{STUDY}/scores/{index}")
        long = http.get(f"{STUDY}/scores/{index}?")  # the same request; only its first one misses the cache
        assert short.json() == long.json()
        assert messages.Score.model_validate(short.json()).index == index
        assert np.float32(short.json()["mem"]) == stored_study.scores["mem"][index]


def test_only_plain_look_ups_take_the_short_way(http: httpx.Client, monkeypatch: pytest.MonkeyPatch):
    http.get(f"{STUDY}/scores/0")
    passed_on: list[str] = []
    usual = HeadAsGet.__call__

    async def watched(self: HeadAsGet, scope: Scope, receive: Receive, send: Send) -> None:
        passed_on.append(scope["path"])
        await usual(self, scope, receive, send)

    monkeypatch.setattr(HeadAsGet, "__call__", watched)
    for path in ("/scores/0", "/scores/007"):
        http.get(f"{STUDY}{path}").raise_for_status()
    http.post(f"{STUDY}/scores/lookup", json={"indices": [1, 2]}).raise_for_status()
    assert passed_on == []
    others = ("/scores/60", "/scores/-1", "/scores/0?x=1", "/scores/²", "/scores/1e1", "/scores/0/", "/scores")
    for path in others:
        http.get(f"{STUDY}{path}")
    http.head(f"{STUDY}/scores/0").raise_for_status()
    http.get("/v1/studies/nothing/scores/0")
    bodies = (
        b'{"indices": [60]}',
        b'{"indices": [NaN]}',
        b"{",
        b"",
        b'{"indices": [1], "x": 1}',
        b'{"indices": [1.0]}',
    )
    for body in bodies:
        answer = http.post(f"{STUDY}/scores/lookup", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code in (404, 422)
    assert len(passed_on) == len(others) + 2 + len(bodies)


def test_many_look_ups_together_are_columns_in_the_order_asked_for(http: httpx.Client, stored_study: StoredStudy):
    indices = [17, 3, 3, 59]
    found = http.post(f"{STUDY}/scores/lookup", json={"indices": indices}).json()
    columns = messages.ScoreColumns.model_validate(found)
    assert columns.index == indices
    assert columns.digest == stored_study.scores.digest
    long = http.post(
        f"{STUDY}/scores/lookup?", json={"indices": indices}, headers={"Content-Type": "application/json; a=b"}
    )
    assert long.content == http.post(f"{STUDY}/scores/lookup", json={"indices": indices}).content
    for name in ("label", "mem", "se", "mem_low", "mem_high", "p_in", "p_out", "n_in", "n_out"):
        expected = stored_study.scores[name][indices]
        np.testing.assert_array_equal(np.array(getattr(columns, name), expected.dtype), expected)
    assert http.post(f"{STUDY}/scores/lookup", json={"indices": []}).json()["mem"] == []


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ({"indices": [0, 60]}, 404, "no training sample 60; indices go from 0 to 59"),
        ({"indices": [-1]}, 404, "no training sample -1"),
        ({"indices": [10**30]}, 404, "no training sample"),
        ({"indices": [True]}, 422, "indices"),
        ({"indices": ["x"]}, 422, "indices"),
        ({"indices": [0] * 100_001}, 422, "at most 100000 items"),
        ({"index": [0]}, 422, "there is no such field"),
        ({}, 422, "this field is missing"),
    ],
)
def test_wrong_look_ups_are_refused(http: httpx.Client, body: dict[str, Any], status: int, sentence: str):
    refused(http.post(f"{STUDY}/scores/lookup", json=body), status, sentence)


@pytest.mark.parametrize("sort", [f"{sign}{column}" for column in COLUMNS for sign in ("", "-")])
def test_pages_of_every_order_hold_every_sample_once(http: httpx.Client, stored_study: StoredStudy, sort: str):
    found = pages(http, f"{STUDY}/scores", "scores", sort=sort, limit=7)
    assert [row["index"] for row in found] == Order.parse(sort).of(stored_study.scores).tolist()


def test_a_list_is_filtered_and_says_how_many_match(http: httpx.Client, stored_study: StoredStudy):
    params = {"label": 1, "set": "atypical", "mem_min": 0.2, "mem_max": 0.9, "limit": 3}
    table = stored_study.scores
    wanted = (table["label"] == 1) & (table["mem"] >= np.float32(0.2)) & (table["mem"] <= np.float32(0.9))
    page = http.get(f"{STUDY}/scores", params=params).json()
    assert messages.Scores.model_validate(page).matching == wanted.sum() > 3
    found = pages(http, f"{STUDY}/scores", "scores", **params)
    assert {row["index"] for row in found} == set(np.flatnonzero(wanted))
    assert [row["mem"] for row in found] == sorted((row["mem"] for row in found), reverse=True)
    refused = http.get(f"{STUDY}/scores", params={"label": 99})
    assert refused.status_code == 404
    assert "99" in refused.json()["detail"]


def test_a_cursor_of_another_order_or_none_is_refused(http: httpx.Client):
    further = http.get(f"{STUDY}/scores", params={"limit": 1}).json()["next"]
    refused(http.get(f"{STUDY}/scores", params={"sort": "mem", "cursor": further}), 422, "belongs to another sort")
    refused(http.get(f"{STUDY}/pairs", params={"cursor": further}), 422, "cursor is not the")
    refused(http.get(f"{STUDY}/scores", params={"cursor": "!"}), 422, "cursor is not the")
    refused(http.get(f"{STUDY}/scores", params={"sort": "size"}), 422, "'size' is not a column")


def test_one_test_sample(http: httpx.Client, stored_study: StoredStudy):
    table, sets = stored_study.scores, split(stored_study.scores, stored_study.pairs)
    for index in range(table.test_samples):
        score = messages.TestScore.model_validate(http.get(f"{STUDY}/test-scores/{index}").json())
        assert np.float32(score.p) == table["test_p"][index]
        assert score.p_full is None
        assert score.infl_index == table["test_infl_index"][index]
        assert (score.set == "atypical") == sets.test_atypical[index]
        assert (score.set == "typical") == sets.test_typical[index]
    refused(http.get(f"{STUDY}/test-scores/20"), 404, "no test sample 20; indices go from 0 to 19")


def test_a_histogram_counts_every_sample_once(http: httpx.Client, stored_study: StoredStudy):
    found = messages.Histogram.model_validate(http.get(f"{STUDY}/histogram", params={"bins": 8}).json())
    assert found.edges == np.linspace(-1, 1, 9).tolist()
    assert found.counts == np.histogram(stored_study.scores["mem"], 8, (-1, 1))[0].tolist()
    assert sum(found.counts) + found.undefined == 60
    of_class = http.get(f"{STUDY}/histogram", params={"column": "p_out", "label": 2}).json()
    assert of_class["edges"][0] == 0
    assert sum(of_class["counts"]) == (stored_study.scores["label"] == 2).sum()
    refused(http.get(f"{STUDY}/histogram", params={"bins": 0}), 422, "bins")


def test_an_explanation_tells_counts_influences_and_rivals(http: httpx.Client, stored_study: StoredStudy):
    pairs = stored_study.pairs
    index = int(pairs["train_index"][0])
    found = Explanation.model_validate(http.get(f"{STUDY}/explain/{index}", params={"limit": 2}).json())
    assert found.score.index == index
    assert "trials that trained on it" in found.sentence
    own = np.flatnonzero(pairs["train_index"] == index)[:2]
    assert [one.test_index for one in found.influences] == pairs["test_index"][own].tolist()
    for one in found.influences:
        beside = (pairs["test_index"] == one.test_index) & (pairs["train_index"] != index)
        assert [other.train_index for other in one.others] == pairs["train_index"][beside].tolist()[:3]
    assert len(found.rivals) == 2
    assert found.rivals[0].overlap >= found.rivals[1].overlap
    assert index not in [rival.index for rival in found.rivals]
    refused(http.get(f"{STUDY}/explain/60"), 404, "no training sample 60")


def test_an_explanation_tells_the_offset_at_which_the_sample_is_listed(http: httpx.Client, stored_study: StoredStudy):
    assert len(np.unique(stored_study.scores["mem"])) < 60  # some tie
    listed = [one["index"] for one in http.get(f"{STUDY}/scores", params={"limit": 100}).json()["scores"]]
    places = [http.get(f"{STUDY}/explain/{index}").json()["position"] for index in range(60)]
    assert [listed[place] for place in places] == list(range(60))


def test_requests_during_a_check_of_the_tables_share_it(
    http: httpx.Client, stored_study: StoredStudy, database: Database, monkeypatch: pytest.MonkeyPatch
):
    from concurrent.futures import ThreadPoolExecutor

    from api.table_cache import TableCache

    loads: list[str] = []
    load = TableCache._load  # pyright: ignore[reportPrivateUsage]

    def slow(self: TableCache, study: str) -> Any:
        loads.append(study)
        time.sleep(0.1)
        return load(self, study)

    monkeypatch.setattr(TableCache, "_load", slow)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: http.get(f"{STUDY}/scores/1").json(), range(8)))
    assert len(loads) == 1
    assert all(answer == answers[0] for answer in answers)
    by_id = http.get(f"/v1/studies/{stored_study.record.id}/scores/1").json()
    assert by_id == answers[0]


def test_a_name_and_an_id_share_the_tables_in_memory(database: Database, stored_study: StoredStudy):
    import asyncio

    from api.table_cache import TableCache

    async def both() -> bool:
        cache = TableCache(database)
        return await cache.get("made-up") is await cache.get(stored_study.record.id)

    assert asyncio.run(both())


def test_pairs_that_hold_come_first_on_request_page_by_page(http: httpx.Client, monkeypatch: pytest.MonkeyPatch):
    strongest = pages(http, f"{STUDY}/pairs", "pairs", limit=7)
    monkeypatch.setattr(PairsTable, "holding", property(lambda pairs: pairs["train_index"] % 3 == 0))
    found = pages(http, f"{STUDY}/pairs", "pairs", order="holds", limit=7)
    held = [row for row in strongest if row["train_index"] % 3 == 0]
    assert found == held + [row for row in strongest if row["train_index"] % 3]
    assert 0 < len(held) < len(strongest)
    cursor = http.get(f"{STUDY}/pairs", params={"limit": 1}).json()["next"]
    refused(http.get(f"{STUDY}/pairs", params={"order": "holds", "cursor": cursor}), 422, "cursor is not the `next`")
    refused(http.get(f"{STUDY}/pairs", params={"train_index": 60}), 404, "no training sample 60")
    refused(http.get(f"{STUDY}/pairs", params={"test_index": -1}), 404, "no test sample -1")


def test_harmful_pairs_of_all_classes_are_found_in_the_evidence(http: httpx.Client, stored_study: StoredStudy):
    trials, scores = stored_study.trials, stored_study.scores
    evidence = unpack_trials(trials, Design(), len(scores), scores.test_samples)
    mem = scores["mem"].astype(np.float64)
    expected = find_pairs(PackedEvidence.of(evidence), mem, at_least=PAIRS_FLOOR, top=10, harmful=True)
    found = pages(http, f"{STUDY}/pairs", "pairs", harmful=True, limit=7)
    for name in ("train_index", "test_index"):
        assert [row[name] for row in found] == expected[name].tolist()
    assert [row["infl"] for row in found] == pytest.approx(expected["infl"].tolist())
    assert [row["q_value"] for row in found] == pytest.approx(expected["q_value"].tolist())
    assert max(row["infl"] for row in found) <= -PAIRS_FLOOR
    assert any(scores["label"][row["train_index"]] != scores["test_label"][row["test_index"]] for row in found)
    page = Pairs.model_validate(http.get(f"{STUDY}/pairs", params={"harmful": True}).json())
    assert (page.floor, page.scope, page.expected) == (-PAIRS_FLOOR, "all", None)
    one = found[0]["test_index"]
    of_one = http.get(f"{STUDY}/pairs", params={"harmful": True, "test_index": one}).json()["pairs"]
    assert of_one == [row for row in found if row["test_index"] == one]
    assert http.get(f"{STUDY}/pairs", params={"harmful": True, "p_min": 0}).json()["pairs"] == []
    assert http.get(f"{STUDY}/pairs").json()["pairs"][0]["infl"] > 0


def test_harmful_pairs_are_looked_for_once_and_not_among_too_many(http: httpx.Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("memscore.store.rebuilding.MOST_PAIRS", 1199)
    refused(http.get(f"{STUDY}/pairs", params={"harmful": True}), 409, "1,200 pairs are too many")
    monkeypatch.setattr("memscore.store.rebuilding.MOST_PAIRS", 1200)
    once = http.get(f"{STUDY}/pairs", params={"harmful": True}).raise_for_status().json()
    monkeypatch.setattr("memscore.store.rebuilding.find_pairs", None)
    assert http.get(f"{STUDY}/pairs", params={"harmful": True}).json() == once


def test_samples_are_bounded_by_any_column(http: httpx.Client, stored_study: StoredStudy):
    scores = stored_study.scores
    params = {"range": "p_out:0.2:0.6,se::0.2", "limit": 60, "sort": "index"}
    found = http.get("/v1/studies/made-up/scores", params=params).json()
    assert "scores" in found, found
    p_out, se = scores["p_out"], scores["se"]
    wanted = (p_out >= np.float32(0.2)) & (p_out <= np.float32(0.6)) & (se <= np.float32(0.2))
    assert [row["index"] for row in found["scores"]] == np.flatnonzero(wanted).tolist()
    assert 0 < found["matching"] == wanted.sum() < 60
    for wrong in ("p_out:a:b", "name:0:1", "mem:1", "mem:0:1e5"):
        problem(http.get("/v1/studies/made-up/scores", params={"range": wrong}), 422, "range")
    problem(http.get("/v1/studies/made-up/scores", params={"range": ",".join(["mem:0:1"] * 11)}), 422, "range")


def test_two_columns_are_counted_together(http: httpx.Client, stored_study: StoredStudy):
    found = http.get("/v1/studies/made-up/density", params={"x": "p_out", "y": "mem", "bins": 10}).json()
    counts = np.array(found["counts"])
    assert counts.shape == (len(found["x_edges"]) - 1, 10)
    assert counts.sum() + found["undefined"] == 60
    one = http.get("/v1/studies/made-up/density", params={"label": 1}).json()
    assert np.array(one["counts"]).sum() + one["undefined"] == (stored_study.scores["label"] == 1).sum()
    problem(http.get("/v1/studies/made-up/density", params={"x": "label"}), 422, "x")
