"""The REST contract, on SQLite and PostgreSQL, through the application in this process."""

import threading

import httpx
import numpy as np
import pytest

from api.app import create_app
from api.protection import Protection
from api.routes import health
from api.serving.in_process import InProcessTransport
from memscore import keys
from memscore.datasets.dataset import Dataset
from memscore.scores.sets import Sets, split
from memscore.scores.tables import PairsTable, ScoreTable
from memscore.store import Database, datasets, open_database, studies, tables
from memscore.study.spec import Design
from tests.api.conftest import BODY, KEYS_REQUIRED, problem
from tests.conftest import QUICK, StoredStudy, build, make_trials


def test_health_and_readiness(http: httpx.Client, database: Database):
    assert http.get("/healthz").json()["status"] == "ok"
    assert http.get("/readyz").json().items() >= {"status": "ready", "revision": "0011"}.items()
    from memscore.store.migrate import downgrade

    downgrade(database, "base")
    problem(http.get("/readyz"), 503, "run: memscore db upgrade")


def test_a_job_is_accepted_and_can_be_followed(http: httpx.Client, stored_study: StoredStudy):
    response = http.post("/v1/jobs", json=BODY)
    assert response.status_code == 202
    job = response.json()
    assert response.headers["location"] == f"/v1/jobs/{job['id']}"
    assert job["study"] == stored_study.record.id
    assert job["state"] == "queued"
    assert job["progress"].items() >= {"phase": "queued", "done": 40, "total": 50, "unit": "trials"}.items()
    assert http.get(f"/v1/jobs/{job['id']}").json() == {**job, "notes": []}
    assert "no dispatcher is running" in job["waiting_for"]
    assert http.get("/v1/jobs").json()["jobs"] == [{**job, "waiting_for": None}]
    assert http.get("/v1/jobs", params={"state": "failed"}).json()["jobs"] == []
    assert http.post(f"/v1/jobs/{job['id']}/cancel").json()["state"] == "cancelled"


def test_trials_are_rounded_up_and_the_answer_says_so(http: httpx.Client, stored_study: StoredStudy):
    job = http.post("/v1/jobs", json={**BODY, "target": {"trials": 41}}).json()
    assert job["target_trials"] == 50
    assert job["notes"] == ["trials rounded up from 41 to 50: a study grows by blocks of 10"]
    again = http.post("/v1/jobs", json=BODY).json()
    assert again["id"] == job["id"]
    assert "with the same target" in again["notes"][0]


def test_a_target_that_is_reached_is_a_job_that_has_succeeded(http: httpx.Client, stored_study: StoredStudy):
    job = http.post("/v1/jobs", json={**BODY, "target": {"trials": 40}, "full_trials": 0}).json()
    assert job["state"] == "succeeded"
    assert job["progress"]["done"] == 40
    assert http.post("/v1/jobs", json={**BODY, "target": {"trials": 40}}).json()["state"] == "queued"  # full trials


def test_a_study_cannot_take_the_id_of_another_as_its_name(http: httpx.Client, stored_study: StoredStudy):
    body = {**BODY, "design": {"seed": 1}, "study_name": stored_study.record.id}
    problem(http.post("/v1/jobs", json=body), 422, "looks like a study's id")


def test_head_gives_the_headers_of_get(http: httpx.Client, stored_study: StoredStudy):
    head = http.head("/v1/studies/made-up/table")
    assert head.status_code == 200
    assert head.headers["etag"] == f'"{stored_study.scores.digest}"'


def test_the_list_says_of_each_study_what_is_said_of_it_alone(
    http: httpx.Client, database: Database, stored_study: StoredStudy, dataset: Dataset
):
    with database.writing() as connection:  # an older version of its tables, and a study without any
        earlier = build(dataset, stored_study.trials[:20], Design(), stored_study.record.id)
        tables.add(connection, stored_study.record.id, *earlier)
        record = datasets.by_name(connection, "made-up")
        studies.ensure(connection, record, QUICK, Design(seed=5), "without-scores")
    listed = http.get("/v1/studies").json()["studies"]
    assert [(one["name"], one["trials"]) for one in listed] == [("made-up", 40), ("without-scores", 0)]
    assert [one["table"] and one["table"]["trials"] for one in listed] == [40, None]
    assert listed == [http.get(f"/v1/studies/{one['name']}").json() for one in listed]


def test_a_new_study_gets_its_name(http: httpx.Client, stored_study: StoredStudy):
    body = {**BODY, "design": {"seed": 1}, "study_name": "second"}
    study = http.post("/v1/jobs", json=body).json()["study"]
    message = http.get("/v1/studies/second").json()
    assert message["id"] == study
    assert message["trials"] == 0
    assert message["table"] is None
    problem(http.get("/v1/studies/second/scores/0"), 409, "no scores yet")
    problem(http.get("/v1/studies/second/table"), 409, "no scores yet")
    problem(http.get("/v1/studies/second/sets"), 409, "no scores yet")
    assert [one["name"] for one in http.get("/v1/studies").json()["studies"]] == ["made-up", "second"]


@pytest.mark.parametrize(
    ("change", "status", "sentence"),
    [
        ({"dataset": "nothing"}, 404, "There is no dataset 'nothing'; registered datasets: made-up"),
        ({"recipe": "nothing"}, 404, "There is no recipe 'nothing'"),
        (
            {"recipe": {**QUICK.model_dump(mode="json"), "epochs": 0}},
            422,
            "recipe/epochs must be at least 1, not",
        ),
        ({"recipe": 3}, 422, "recipe must be"),
        ({"design": {"subset_ratio": 1}}, 422, "must be below 1"),
        ({"design": {"subset_ratio": 0}}, 422, "must be above 0"),
        ({"design": {"subset_ratio": 0.75}}, 422, "does not balance in blocks of 10"),
        ({"design": {"ratio": 0.7}}, 422, "ratio: there is no such field"),
        ({"target": {"trials": 0}}, 422, "trials"),
        ({"target": {"trials": True}}, 422, "target/trials must be a whole number"),
        ({"target": {"trials": 10**9}}, 422, "trials"),
        ({"study_name": "../x"}, 422, "study_name"),
        ({"study_name": "made-up", "design": {"seed": 5}}, 409, "belongs to another study"),
    ],
)
def test_a_wrong_job_is_refused_and_nothing_is_stored(
    http: httpx.Client, stored_study: StoredStudy, change: dict[str, object], status: int, sentence: str
):
    problem(http.post("/v1/jobs", json={**BODY, **change}), status, sentence)
    problem(http.post("/v1/jobs", json={**BODY, **change}, params={"dry_run": True}), status, sentence)
    assert http.get("/v1/jobs").json()["jobs"] == []
    assert len(http.get("/v1/studies").json()["studies"]) == 1


def test_a_body_that_is_no_json_is_refused(http: httpx.Client, database: Database):
    problem(http.post("/v1/jobs", content=b"{", headers={"content-type": "application/json"}), 422, "not valid JSON")
    problem(http.post("/v1/jobs", content=b"[]", headers={"content-type": "application/json"}), 422, "JSON object")


@pytest.mark.parametrize(
    "path", ["/v1/nothing", "/v1/jobs/nothing", "/v1/studies/nothing", "/v1/studies/nothing/scores/0"]
)
def test_unknown_addresses_are_problems(http: httpx.Client, database: Database, path: str):
    problem(http.get(path), 404, "There is no")


@pytest.mark.slower
def test_a_wrong_method_is_a_problem_that_names_the_right_one(http: httpx.Client, database: Database):
    response = http.put("/v1/jobs")
    problem(response, 405, "does not support PUT")
    assert response.headers["allow"] == "DELETE, GET, HEAD, POST"


def test_one_score(http: httpx.Client, stored_study: StoredStudy):
    scores = stored_study.scores
    for index in (0, 17, 59):
        score = http.get(f"/v1/studies/made-up/scores/{index}").json()
        assert score["mem"] == pytest.approx(float(scores["mem"][index]))
        assert score["interval"] == pytest.approx([float(scores["mem_low"][index]), float(scores["mem_high"][index])])
        assert score["label"] == scores["label"][index]
        assert score["n_in"] + score["n_out"] == score["trials"] == 40
        expected = "atypical" if score["mem"] > 0.15 else "typical" if score["mem"] < 0.02 else None
        assert score["set"] == expected
    problem(http.get("/v1/studies/made-up/scores/60"), 404, "indices go from 0 to 59")
    problem(http.get("/v1/studies/made-up/scores/-1"), 404, "indices go from 0 to 59")
    problem(http.get("/v1/studies/made-up/scores/x"), 422, "index")


@pytest.mark.parametrize(("path", "kind"), [("table", ScoreTable), ("pairs/table", PairsTable)])
def test_whole_tables_with_etag(
    http: httpx.Client, stored_study: StoredStudy, path: str, kind: type[ScoreTable | PairsTable]
):
    response = http.get(f"/v1/studies/{stored_study.record.id}/{path}")
    table = kind.decode(response.content)
    etag = response.headers["etag"]
    assert etag == f'"{table.digest}"'
    unchanged = http.get(f"/v1/studies/made-up/{path}", headers={"If-None-Match": f'"other", {etag}'})
    assert unchanged.status_code == 304
    assert unchanged.content == b""
    assert unchanged.headers["etag"] == etag
    assert http.get(f"/v1/studies/made-up/{path}", headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_rebuilt_table_is_served_soon(
    http: httpx.Client, stored_study: StoredStudy, database: Database, monkeypatch: pytest.MonkeyPatch
):
    before = http.get("/v1/studies/made-up/table").headers["etag"]
    longer = make_trials(stored_study.dataset, Design(), blocks=5)
    with database.writing() as connection:
        tables.add(
            connection,
            stored_study.record.id,
            *build(stored_study.dataset, longer, Design(), stored_study.record.id),
        )
    monkeypatch.setattr("api.table_cache.FRESH_SECONDS", 0)
    after = http.get("/v1/studies/made-up/table", headers={"If-None-Match": before})
    assert after.status_code == 200
    assert ScoreTable.decode(after.content).trials == 50


def test_pairs_are_filtered_and_paged(http: httpx.Client, stored_study: StoredStudy):
    pairs = stored_study.pairs
    found: list[tuple[int, int]] = []
    cursor = None
    while True:
        params = {"limit": 7, "infl_min": 0.1, **({"cursor": cursor} if cursor else {})}
        page = http.get("/v1/studies/made-up/pairs", params=params).json()
        found += [(pair["train_index"], pair["test_index"]) for pair in page["pairs"]]
        cursor = page["next"]
        if cursor is None:
            break
    expected = pairs["infl"] >= 0.1
    assert found == list(zip(pairs["train_index"][expected], pairs["test_index"][expected], strict=True))
    one = http.get("/v1/studies/made-up/pairs", params={"train_index": found[0][0], "mem_min": -1, "q_max": 1}).json()
    assert {pair["train_index"] for pair in one["pairs"]} == {found[0][0]}
    assert one["pairs"][0]["infl"] == pytest.approx(float(pairs["infl"][pairs["train_index"] == found[0][0]][0]))
    problem(http.get("/v1/studies/made-up/pairs", params={"cursor": "x"}), 422, "cursor")
    problem(http.get("/v1/studies/made-up/pairs", params={"limit": 0}), 422, "limit")


def test_sets_as_masks_and_as_indices(http: httpx.Client, stored_study: StoredStudy):
    expected = split(stored_study.scores, stored_study.pairs)
    masks = Sets.decode(http.get("/v1/studies/made-up/sets").content)
    assert masks.counts() == expected.counts()
    message = http.get("/v1/studies/made-up/sets", params={"format": "json"}).json()
    assert message["counts"] == expected.counts()
    assert message["indices"]["train_atypical"] == np.flatnonzero(expected.train_atypical).tolist()
    other = http.get("/v1/studies/made-up/sets", params={"format": "json", "atypical": 0.5}).json()
    assert other["counts"]["train_atypical"] < message["counts"]["train_atypical"]
    problem(http.get("/v1/studies/made-up/sets", params={"typical": 0.5}), 422, "must not exceed")
    problem(http.get("/v1/studies/made-up/sets", params={"format": "xml"}), 422, "format")


def test_datasets_are_listed(http: httpx.Client, stored_study: StoredStudy):
    (dataset,) = http.get("/v1/datasets").json()["datasets"]
    assert dataset["name"] == "made-up"
    none = {key: [] for key in ("flipped_indices", "forgotten_train", "forgotten_test", "notes")}
    assert http.get("/v1/datasets/made-up").json() == {**dataset, **none}
    problem(http.get("/v1/datasets/other"), 404, "There is no dataset")


@pytest.mark.slower
def test_the_contract_is_described(http: httpx.Client, database: Database):
    paths = http.get("/openapi.json").json()["paths"]
    for path in ("/healthz", "/readyz", "/v1/jobs", "/v1/jobs/{job}", "/v1/studies/{study}"):
        assert path in paths
    for end in ("scores/{index}", "table", "pairs", "sets"):
        assert f"/v1/studies/{{study}}/{end}" in paths
    names = [operation["operationId"] for path in paths.values() for operation in path.values()]
    assert len(names) == len(set(names))


@pytest.mark.slower
def test_the_service_needs_neither_torch_nor_ray():
    import subprocess
    import sys

    script = (
        "import sys, api.app, api.serving.server;"
        "print(sorted({'torch', 'ray', 'sklearn', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.databases("sqlite")
def test_a_database_that_hangs_is_told_within_seconds(http: httpx.Client, monkeypatch: pytest.MonkeyPatch):
    released = threading.Event()
    monkeypatch.setattr(health, "READY_SECONDS", 0.2)
    monkeypatch.setattr(health, "_readiness", lambda *_: released.wait(30))
    problem(http.get("/readyz"), 503, "has not answered within 0 s")
    released.set()


@pytest.mark.parametrize(("protection", "told"), [(Protection(), True), (KEYS_REQUIRED, False)])
def test_only_users_of_this_machine_learn_where_the_database_is(
    protection: Protection, told: bool, caplog: pytest.LogCaptureFixture
):
    away = open_database("postgresql://labuser:secret@127.0.0.1:1/keysdb")
    transport = InProcessTransport(away, create_app(away, (), protection))
    with httpx.Client(transport=transport, base_url="http://memscore") as http:
        for answer in (
            http.get("/readyz"),
            http.get("/v1/jobs", headers={"Authorization": f"Bearer {keys.generate()[0]}"}),
        ):
            assert answer.status_code == 503
            assert ("labuser" in answer.text) == told
            assert "secret" not in answer.text
    assert "labuser" in caplog.text or told
    away.close()
