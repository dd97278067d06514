"""Classes, quality, suspects, comparisons, pages by offset, recipes: what the scores say as a whole."""

from __future__ import annotations

import asyncio

import httpx
import numpy as np
import pytest

from api import table_cache
from api.table_cache import MOST_ANSWERS, TableCache
from memscore.messages.studies import Recipes
from memscore.scores.comparison import compare
from memscore.scores.planning import statistics_of
from memscore.scores.quality import calibration, differences, quality
from memscore.scores.risk import riskiest
from memscore.scores.suspects import suspects
from memscore.scores.tables import PairsTable, ScoreTable
from memscore.statistics.precision import precise_error
from memscore.store import Database, datasets, evidence, studies, tables
from memscore.study.recipes import RECIPES
from memscore.study.spec import Design
from tests.api.conftest import problem
from tests.conftest import QUICK, StoredStudy, build, make_dataset, make_trials

pytestmark = pytest.mark.usefixtures("stored_study")

STUDY = "/v1/studies/made-up"


@pytest.fixture
def second(database: Database, stored_study: StoredStudy) -> str:
    """Another study of the dataset, with other trials."""
    design = Design(seed=7)
    trials = make_trials(stored_study.dataset, design, 2, seed=3)
    with database.writing() as connection:
        study = studies.ensure(connection, datasets.by_name(connection, "made-up"), QUICK, design, "second")
        evidence.add(connection, study.id, trials)
        scores, pairs = build(stored_study.dataset, trials, design, study.id)
        tables.add(connection, study.id, scores, pairs)
    return "second"


def test_pages_by_offset_are_those_by_cursor(http: httpx.Client):
    whole = http.get(f"{STUDY}/scores", params={"sort": "-se", "label": 1}).json()["scores"]
    assert len(whole) == 20
    for offset in (0, 7, 19, 20, 1000):
        page = http.get(f"{STUDY}/scores", params={"sort": "-se", "label": 1, "offset": offset, "limit": 6}).json()
        assert page["scores"] == whole[offset : offset + 6]
        assert page["matching"] == 20
    further = http.get(f"{STUDY}/scores", params={"offset": 5, "limit": 5}).json()["next"]
    page = http.get(f"{STUDY}/scores", params={"cursor": further, "limit": 5}).json()
    assert page["scores"] == http.get(f"{STUDY}/scores", params={"offset": 10, "limit": 5}).json()["scores"]


def test_offset_and_cursor_together_are_refused(http: httpx.Client):
    further = http.get(f"{STUDY}/scores", params={"limit": 5}).json()["next"]
    answer = http.get(f"{STUDY}/scores", params={"offset": 5, "cursor": further})
    assert answer.status_code == 422
    assert "one of them" in answer.json()["detail"]


def test_classes_add_up_to_the_table(http: httpx.Client, stored_study: StoredStudy):
    scores = stored_study.scores
    answer = http.get(f"{STUDY}/classes").json()
    assert answer["digest"] == scores.digest
    for one in answer["classes"]:
        chosen = scores["label"] == one["label"]
        assert one["samples"] == chosen.sum() == 20
        assert one["atypical"] == (scores.atypical() & chosen).sum()
        assert one["typical"] == (scores.typical() & chosen).sum()
        assert one["mem_mean"] == pytest.approx(np.nanmean(scores["mem"][chosen]), abs=1e-6)
        assert one["in_accuracy"] == pytest.approx(np.nanmean(scores["p_in"][chosen]), abs=1e-6)
        assert one["held_out_accuracy"] == pytest.approx(np.nanmean(scores["p_out"][chosen]), abs=1e-6)
        of_test = scores["test_label"] == one["label"]
        assert one["test_samples"] == of_test.sum()
        assert one["test_accuracy"] == pytest.approx(np.nanmean(scores["test_p"][of_test]), abs=1e-6)
    assert len(answer["classes"]) == 3


def test_quality_is_that_of_the_report(http: httpx.Client, stored_study: StoredStudy):
    answer = http.get(f"{STUDY}/quality").json()
    expected = quality(stored_study.scores, stored_study.record.design)
    assert [(one["key"], one["verdict"], one["value"]) for one in answer["checks"]] == [
        (one.key, one.verdict, one.value) for one in expected
    ]
    points = calibration(differences(stored_study.scores))
    assert answer["calibration"]["observed"] == pytest.approx(points.observed)
    assert sum(answer["calibration"]["counts"]) == len(differences(stored_study.scores).predicted)
    for low, middle, high in zip(points.low, points.observed, points.high, strict=True):
        assert low <= middle <= high


def test_precision_is_measured_now_and_forecast_beyond(http: httpx.Client, stored_study: StoredStudy):
    answer = http.get(f"{STUDY}/precision").json()
    trials = [point["trials"] for point in answer["points"]]
    assert (answer["trials"], answer["threshold"], trials[0], trials[-1]) == (40, 0.15, 10, 120)
    assert trials == sorted(set(trials))
    points = {point["trials"]: point for point in answer["points"]}
    expected = precise_error(statistics_of(stored_study.scores))
    assert points[40]["standard_error"] == pytest.approx(np.nanquantile(expected, 0.95))
    assert [point["settled"] is None for point in answer["points"]] == [one < 40 for one in trials]
    assert all(0 <= point["pairs_found"] <= 1 for point in answer["points"])
    longer = http.get(f"{STUDY}/precision", params={"until": 500, "threshold": 0.5}).json()
    assert (longer["points"][-1]["trials"], longer["threshold"]) == (500, 0.5)
    assert http.get(f"{STUDY}/precision", params={"until": 20}).json()["points"][-1]["trials"] == 40
    for wrong in ({"until": 3}, {"until": 10**9}, {"threshold": "nan"}):
        problem(http.get(f"{STUDY}/precision", params=wrong), 422, "/".join(wrong))


def test_suspects_are_those_of_the_command(http: httpx.Client, stored_study: StoredStudy):
    expected = suspects(stored_study.scores, 60).tolist()
    answer = http.get(f"{STUDY}/suspects").json()
    assert [one["index"] for one in answer["scores"]] == expected
    assert answer["matching"] == len(expected)
    assert "Look at each" in answer["note"]
    page = http.get(f"{STUDY}/suspects", params={"offset": 4, "limit": 3}).json()
    assert [one["index"] for one in page["scores"]] == expected[4:7]
    of_class = http.get(f"{STUDY}/suspects", params={"label": 2, "limit": 1000}).json()
    assert [one["index"] for one in of_class["scores"]] == [one for one in expected if one % 3 == 2]
    assert of_class["matching"] == 20


def test_risks_are_those_of_the_table(http: httpx.Client, margin_scores: ScoreTable):
    expected = riskiest(margin_scores, 60).tolist()
    answer = http.get(f"{STUDY}/risk").json()
    assert [one["index"] for one in answer["scores"]] == expected
    assert answer["matching"] == 60
    assert "The attacker knows the recipe" in answer["note"]
    auc = answer["privacy"]["auc"]
    assert [auc["value"], auc["low"], auc["high"]] == margin_scores.meta["privacy"]["auc"]
    assert answer["privacy"]["targets"] == 20
    first = answer["scores"][0]
    assert first["risk"] == pytest.approx(margin_scores["risk"].max())
    assert first["mem_margin"] == pytest.approx(margin_scores["mem_margin"][expected[0]])
    assert first["margin_interval"][0] == pytest.approx(margin_scores["mem_margin_low"][expected[0]])
    page = http.get(f"{STUDY}/risk", params={"offset": 4, "limit": 3, "label": 2}).json()
    assert [one["index"] for one in page["scores"]] == [one for one in expected if one % 3 == 2][4:7]
    by_sort = http.get(f"{STUDY}/scores", params={"sort": "-risk", "limit": 5}).json()["scores"]
    assert [one["index"] for one in by_sort] == expected[:5]
    found = http.post(f"{STUDY}/scores/lookup", json={"indices": [3, 1]}).json()
    assert found["se_risk"] == pytest.approx(margin_scores["se_risk"][[3, 1]].tolist())


def test_without_margins_no_risk_is_told(http: httpx.Client):
    answer = http.get(f"{STUDY}/risk").json()
    assert (answer["matching"], answer["scores"], answer["privacy"]) == (0, [], None)
    assert "No trial of this study recorded margins" in answer["note"]
    assert "risk" not in http.get(f"{STUDY}/scores/0").json()


def test_two_studies_are_compared(http: httpx.Client, database: Database, stored_study: StoredStudy, second: str):
    answer = http.get(f"{STUDY}/compare", params={"with": second, "bins": 10, "limit": 5}).json()
    a, b = stored_study.scores, _scores(database, second)
    expected = compare(a, b)
    assert answer["agreement"]["pearson"] == pytest.approx(expected.pearson)
    assert answer["agreement"]["both"] == expected.both
    counts = np.array(answer["density"]["counts"])
    assert counts.shape == (10, 10)
    assert counts.sum() == expected.samples
    edges = answer["density"]["edges"]
    assert edges[0] <= min(a["mem"].min(), b["mem"].min())
    assert edges[-1] == 1
    in_first = (a["mem"] >= edges[0]) & (a["mem"] < edges[1])
    assert counts[0].sum() == in_first.sum(), "rows are the bins of a"
    gaps = [abs(one["difference"]) for one in answer["disagreements"]]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[0] == pytest.approx(np.abs(a["mem"] - b["mem"]).max())
    first = answer["disagreements"][0]
    assert first["a"]["mem"] == pytest.approx(a["mem"][first["index"]])
    assert first["b"]["interval"][1] == pytest.approx(b["mem_high"][first["index"]])


def test_other_thresholds_and_bins_are_answered_as_if_asked_first(
    http: httpx.Client, database: Database, stored_study: StoredStudy, second: str
):
    for threshold in (0.15, 0.4, 0.02, 0.15):
        for bins in (10, 20):
            answer = http.get(f"{STUDY}/compare", params={"with": second, "threshold": threshold, "bins": bins}).json()
            expected = compare(stored_study.scores, _scores(database, second), threshold)
            assert {
                name: answer["agreement"][name] for name in ("threshold", "both", "only_a", "only_b", "neither")
            } == {
                "threshold": threshold,
                "both": expected.both,
                "only_a": expected.only_a,
                "only_b": expected.only_b,
                "neither": expected.neither,
            }
            assert answer["agreement"]["spearman"] == pytest.approx(expected.spearman)
            assert len(answer["density"]["counts"]) == bins
    assert len(http.get(f"{STUDY}/compare", params={"with": second, "limit": 0}).json()["disagreements"]) == 0


def test_answers_about_all_samples_are_made_once_and_counted(database: Database, stored_study: StoredStudy):
    asyncio.run(_made_once_and_counted(database))


async def _made_once_and_counted(database: Database) -> None:
    current = await TableCache(database).get("made-up")
    before, text = current.bytes, b'{"recipes":[]}'
    made: list[str] = []

    def answer() -> Recipes:
        made.append("once")
        return Recipes(recipes=[])

    for number in (0, 0, *range(MOST_ANSWERS)):
        assert (await current.answer(("some", number), answer)).body == text
    assert len(made) == MOST_ANSWERS
    assert current.bytes == before + MOST_ANSWERS * len(text)
    await current.answer(("some", "more"), answer)
    assert len(current.answers) == MOST_ANSWERS
    errors = await current.label_errors()
    assert errors is await current.label_errors()
    assert current.bytes == before + MOST_ANSWERS * len(text) + errors.order.nbytes + errors.label_error.nbytes


def test_classes_and_quality_follow_the_table(
    http: httpx.Client, database: Database, stored_study: StoredStudy, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(table_cache, "FRESH_SECONDS", 0)
    old = {path: http.get(f"{STUDY}/{path}").json() for path in ("classes", "quality")}
    trials = make_trials(stored_study.dataset, Design(), 6)
    with database.writing() as connection:
        tables.add(
            connection, stored_study.record.id, *build(stored_study.dataset, trials, Design(), stored_study.record.id)
        )
    for path, before in old.items():
        after = http.get(f"{STUDY}/{path}").json()
        assert (before["trials"], after["trials"]) == (40, 60)
        assert after["digest"] != before["digest"]


def test_studies_of_other_datasets_are_not_compared(http: httpx.Client, database: Database):
    dataset = make_dataset(seed=9)
    design = Design()
    trials = make_trials(dataset, design, 1)
    with database.writing() as connection:
        record = datasets.register(connection, "other", dataset)
        study = studies.ensure(connection, record, QUICK, design, "other")
        evidence.add(connection, study.id, trials)
        tables.add(connection, study.id, *build(dataset, trials, design, study.id))
    answer = http.get(f"{STUDY}/compare", params={"with": "other"})
    assert answer.status_code == 409
    assert "different datasets" in answer.json()["detail"]
    assert http.get(f"{STUDY}/compare", params={"with": "nothing"}).status_code == 404
    assert http.get(f"{STUDY}/compare").status_code == 422


def test_sets_list_as_many_indices_as_asked_for(http: httpx.Client):
    whole = http.get(f"{STUDY}/sets", params={"format": "json"}).json()
    few = http.get(f"{STUDY}/sets", params={"format": "json", "limit": 2}).json()
    assert few["counts"] == whole["counts"]
    assert few["indices"] == {name: indices[:2] for name, indices in whole["indices"].items()}


def test_recipes_are_the_named_ones(http: httpx.Client):
    found = http.get("/v1/recipes").json()["recipes"]
    assert {one["name"]: one["recipe"] for one in found} == {
        name: recipe.model_dump(mode="json") for name, recipe in RECIPES.items()
    }


def test_scores_that_rounding_put_above_1_are_in_the_density(
    http: httpx.Client, database: Database, stored_study: StoredStudy, second: str
):
    mem = stored_study.scores["mem"].copy()
    mem[:3] = 1 + 5e-6
    with database.writing() as connection:
        study = studies.find(connection, "made-up").id
        pairs = tables.current(connection, study)[1].decode(PairsTable)
        scores = ScoreTable.of({**stored_study.scores.columns, "mem": mem}, stored_study.scores.meta)
        tables.add(connection, study, scores, pairs)
    answer = http.get(f"{STUDY}/compare", params={"with": second, "bins": 10}).json()
    assert answer["digest_a"] == scores.digest
    counts = np.array(answer["density"]["counts"])
    assert counts.sum() == answer["agreement"]["samples"] == len(mem)
    assert counts[-1].sum() == (mem >= np.float32(answer["density"]["edges"][-2])).sum() >= 3


def _scores(database: Database, name: str):
    with database.reading() as connection:
        return tables.current(connection, studies.find(connection, name).id)[0].decode(ScoreTable)
