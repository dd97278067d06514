"""Scores and evidence that come from elsewhere, on SQLite and PostgreSQL, through the application in this process."""

import dataclasses
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from api.serving.in_process import in_process
from memscore.datasets.storage import save
from memscore.exchange.evidence_file import StudyEvidence, gather, read_evidence
from memscore.exchange.feldman_zhang import published_of
from memscore.scores.frames import encode
from memscore.scores.sets import Sets, split
from memscore.scores.tables import ScoreTable
from memscore.settings import Settings
from memscore.store import Database, datasets, evidence, jobs, open_database, studies, tables
from memscore.store.checking import check
from memscore.store.migrate import upgrade
from memscore.study import signatures
from memscore.study.bits import unpack
from memscore.study.evidence import Trial, pack_trial
from memscore.study.spec import Design, Wanted
from tests.api.conftest import problem
from tests.conftest import QUICK, StoredStudy, make_dataset, make_trials
from tests.made_evidence import with_outputs


@pytest.fixture
def published(stored_study: StoredStudy) -> bytes:
    """A score file with the scores of the stored study."""
    dataset = stored_study.dataset
    return published_of(evidence_of(stored_study).unpacked(), dataset.y_train, dataset.y_test).encode()


def evidence_of(stored: StoredStudy, trials: list[Trial] | None = None, design: Design = Design()) -> StudyEvidence:
    return gather(
        stored.trials if trials is None else trials,
        fingerprint=stored.dataset.fingerprint,
        recipe=QUICK,
        design=design,
        train_samples=60,
        test_samples=20,
    )


def full_trial(number: int) -> Trial:
    correct = np.arange(20) % 4 > 0
    every = np.ones(60, np.bool_)
    return pack_trial(number, every, every, correct, device="cpu", code_version="test", seconds=0.5)


@pytest.mark.parametrize("format", ["csv", "parquet", "arrow"])
def test_tables_are_served_in_other_formats(http: httpx.Client, stored_study: StoredStudy, format: str):
    scores, pairs = stored_study.scores, stored_study.pairs
    for path, params, table, rows in (
        ("table", {}, scores, "train"),
        ("table", {"rows": "test"}, scores, "test"),
        ("pairs/table", {}, pairs, "train"),
    ):
        params = {"format": format, **params}
        response = http.get(f"/v1/studies/made-up/{path}", params=params)
        assert response.content == encode(table, format, rows)  # pyright: ignore[reportArgumentType]
        assert "npz" not in response.headers["content-type"]
        etag = response.headers["etag"]
        again = http.get(f"/v1/studies/made-up/{path}", params=params, headers={"If-None-Match": etag})
        assert (again.status_code, again.content) == (304, b"")
        other = http.get(f"/v1/studies/made-up/{path}", headers={"If-None-Match": etag})
        assert other.status_code == 200
    problem(http.get("/v1/studies/made-up/table", params={"format": "xml"}), 422, "format")


def test_published_scores_become_a_study(http: httpx.Client, stored_study: StoredStudy, published: bytes):
    params = {"dataset": "made-up", "name": "published"}
    response = http.post("/v1/studies/import", params=params, content=published)
    assert response.status_code == 200, response.text
    study = response.json()
    assert (study["name"], study["recipe"], study["design"], study["trials"]) == ("published", None, None, 0)
    assert study["imported"]
    assert study["table"]["in_sample_accuracy"] is None
    assert "without standard errors" in study["table"]["warnings"][0]
    assert http.post("/v1/studies/import", params={"dataset": "made-up"}, content=published).json() == study
    assert http.get("/v1/studies/published").json() == study
    assert len(http.get("/v1/studies").json()["studies"]) == 2
    score = http.get("/v1/studies/published/scores/3").json()
    assert score["mem"] == pytest.approx(float(stored_study.scores["mem"][3]))
    assert (score["se"], score["p_in"], score["interval"], score["n_in"]) == (None, None, [None, None], 0)
    assert ScoreTable.decode(http.get("/v1/studies/published/table").content).trials == 0
    pairs = http.get("/v1/studies/published/pairs").json()["pairs"]
    assert pairs[0]["infl"] == pytest.approx(float(stored_study.pairs["infl"][0]))
    assert pairs[0]["q_value"] is None


def test_sets_of_imported_scores_lack_only_the_typical_test_samples(
    http: httpx.Client, stored_study: StoredStudy, published: bytes
):
    http.post("/v1/studies/import", params={"dataset": "made-up", "name": "published"}, content=published)
    expected = split(stored_study.scores, stored_study.pairs)
    masks = Sets.decode(http.get("/v1/studies/published/sets").content)
    np.testing.assert_array_equal(masks.train_atypical, expected.train_atypical)
    np.testing.assert_array_equal(masks.test_atypical, expected.test_atypical)
    message = http.get("/v1/studies/published/sets", params={"format": "json"}).json()
    assert message["counts"] == expected.counts() | {"test_typical": 0}
    assert "no test sample counts as typical" in message["warnings"][0]
    said = http.get("/v1/studies/made-up/sets", params={"format": "json"}).json()["warnings"]
    assert said == [*stored_study.scores.warnings, *expected.notes]


def test_a_score_file_that_does_not_fit_is_refused(http: httpx.Client, stored_study: StoredStudy, published: bytes):
    def post(payload: bytes, **params: str) -> httpx.Response:
        return http.post("/v1/studies/import", params={"dataset": "made-up", **params}, content=payload)

    problem(post(b""), 422, "not a usable Feldman-Zhang score file")
    problem(post(published[:-200]), 422, "not a usable")
    problem(post(published, dataset="nothing"), 404, "There is no dataset 'nothing'")
    problem(post(published, name="made-up"), 409, "belongs to another study")
    problem(post(published, name="../x"), 422, "name")
    problem(post(published, name="0" * 16), 422, "looks like a study's id")
    problem(http.post("/v1/studies/import", content=published), 422, "dataset")
    assert len(http.get("/v1/studies").json()["studies"]) == 1


def test_imported_scores_have_no_evidence(http: httpx.Client, stored_study: StoredStudy, published: bytes):
    study = http.post("/v1/studies/import", params={"dataset": "made-up"}, content=published).json()
    assert study["name"] == f"made-up-{study['id'][:8]}"
    problem(http.get(f"/v1/studies/{study['id']}/evidence"), 409, "has imported scores and therefore no evidence")
    payload = evidence_of(stored_study).encode()
    problem(http.post(f"/v1/studies/{study['id']}/evidence", content=payload), 409, "whose recipe differs from")


def test_evidence_goes_out_whole(http: httpx.Client, stored_study: StoredStudy, database: Database):
    extra = [full_trial(0), full_trial(1)]
    with database.writing() as connection:
        evidence.add(connection, stored_study.record.id, extra)
    response = http.get("/v1/studies/made-up/evidence")
    found = read_evidence(response.content)
    assert found == evidence_of(stored_study, stored_study.trials + extra)
    assert response.headers["content-disposition"] == 'attachment; filename="made-up.evidence.npz"'
    body = {"dataset": "made-up", "recipe": QUICK.model_dump(mode="json"), "design": {"seed": 1}}
    study = http.post("/v1/jobs", json=body).json()["study"]
    problem(http.get(f"/v1/studies/{study}/evidence"), 409, "has no trials yet")


def test_evidence_is_merged_and_the_scores_are_those_of_one_run(http: httpx.Client, stored_study: StoredStudy):
    everything = make_trials(stored_study.dataset, Design(), blocks=6)
    assert everything[:40] == stored_study.trials
    brought = evidence_of(stored_study, [*everything[30:], full_trial(0)])
    path = f"/v1/studies/{stored_study.record.id}/evidence"
    merged = http.post(path, content=brought.encode()).json()
    assert (merged["added"], merged["present"], merged["differing"]) == (21, 10, 0)
    assert (merged["trials"], merged["full_trials"], merged["created"]) == (60, 1, False)
    study = http.get("/v1/studies/made-up").json()
    assert study["table"]["trials"] == study["trials"] == 60
    assert study["table"]["digest"] == merged["digest"]
    again = http.post(path, content=brought.encode()).json()
    assert (again["added"], again["present"], again["digest"]) == (0, 31, merged["digest"])
    assert read_evidence(http.get(path).content) == evidence_of(stored_study, [*everything, full_trial(0)])


def test_a_study_that_is_new_here_is_made(stored_study: StoredStudy, tmp_path: Path, home: Path):
    database = open_database(f"sqlite:///{tmp_path / 'other.db'}")
    upgrade(database)
    brought = evidence_of(stored_study)
    path = f"/v1/studies/{brought.meta.study}/evidence"
    with in_process(database) as http:
        problem(http.post(path, content=brought.encode()), 404, "No dataset with the fingerprint")
        other = make_dataset(seed=5)
        save(other, home)
        with database.writing() as connection:
            datasets.register(connection, "other", other)
            datasets.register(connection, "the-same", stored_study.dataset)
        problem(http.post(path, params={"dataset": "other"}, content=brought.encode()), 409, "a dataset other than")
        assert http.get("/v1/studies").json()["studies"] == []
        merged = http.post(path, content=brought.encode()).json()
        assert (merged["created"], merged["added"], merged["study_name"]) == (True, 40, "the-same")
        assert merged["digest"] == stored_study.scores.digest
    database.close()


def test_evidence_of_another_study_is_refused(http: httpx.Client, stored_study: StoredStudy):
    path = "/v1/studies/made-up/evidence"
    design = Design(seed=1)
    another = evidence_of(stored_study, make_trials(stored_study.dataset, design, 1), design)
    problem(http.post(path, content=another.encode()), 409, "whose design differs from that of 'made-up'")
    recipe = QUICK.model_copy(update={"epochs": 9})
    parts: dict[str, Any] = {
        "fingerprint": stored_study.dataset.fingerprint,
        "recipe": QUICK,
        "design": Design(),
        "train_samples": 60,
        "test_samples": 20,
    }
    for change, status, sentence in (
        ({"recipe": recipe}, 409, "whose recipe differs from that of 'made-up'"),
        ({"fingerprint": "0" * 64}, 409, "whose dataset differs from that of 'made-up'"),
        ({"train_samples": 64}, 422, "number of samples differs"),
    ):
        payload = gather([], **{**parts, **change}).encode()
        problem(http.post(path, content=payload), status, sentence)
    problem(http.post("/v1/studies/nothing/evidence", content=another.encode()), 404, "There is no study 'nothing'")
    problem(http.post(path, content=b"x"), 422, "not a usable memscore evidence file")
    assert http.get("/v1/studies/made-up").json()["trials"] == 40


def test_of_trials_with_another_result_the_stored_ones_stay(http: httpx.Client, stored_study: StoredStudy):
    other = make_trials(stored_study.dataset, Design(), blocks=5, seed=1)
    merged = http.post("/v1/studies/made-up/evidence", content=evidence_of(stored_study, other).encode()).json()
    assert (merged["added"], merged["present"], merged["differing"]) == (10, 0, 40)
    found = read_evidence(http.get("/v1/studies/made-up/evidence").content)
    assert list(found.trials) == stored_study.trials + other[40:]


def test_trials_of_another_network_of_the_recipe_s_name_are_mixed_only_on_request(
    http: httpx.Client, stored_study: StoredStudy, database: Database
):
    path = "/v1/studies/made-up/evidence"
    networks = [signatures.write("a" * 16, np.arange(1.0, size)) for size in (8, 9)]
    trials = make_trials(stored_study.dataset, Design(), blocks=7)

    def brought(first: int, network: str | None) -> bytes:
        some = [dataclasses.replace(trial, network=network) for trial in trials[first : first + 10]]
        return evidence_of(stored_study, some).encode()

    assert http.post(path, content=brought(40, networks[0])).json()["added"] == 10, "older trials have no signature"
    problem(http.post(path, content=brought(50, networks[1])), 409, "is not what it was for the stored trials of study")
    mixed = [dataclasses.replace(trials[k], network=networks[k % 2]) for k in range(50, 60)]
    problem(http.post(path, content=evidence_of(stored_study, mixed).encode()), 409, "is not what it was for")
    study = http.get("/v1/studies/made-up").json()
    assert study["trials"] == 50
    assert not any("networks" in warning for warning in study["table"]["warnings"])
    assert http.post(path, content=brought(50, networks[0])).json()["added"] == 10
    allowed = http.post(path, params={"allow_changed_network": True}, content=brought(60, networks[1]))
    assert allowed.json()["added"] == 10
    warnings = http.get("/v1/studies/made-up").json()["table"]["warnings"]
    assert any(warning.startswith("2 versions of the recipe's network trained") for warning in warnings)
    with database.reading() as connection:
        assert evidence.networks(connection, stored_study.record.id) == networks
    found = read_evidence(http.get(path).content)
    assert [trial.network for trial in found.trials] == [None] * 40 + [networks[0]] * 20 + [networks[1]] * 10


def test_one_bad_trial_keeps_all_of_a_file_out(http: httpx.Client, stored_study: StoredStudy):
    trials = make_trials(stored_study.dataset, Design(), blocks=5)
    trials[44] = dataclasses.replace(trials[44], in_accuracy=0.5)
    response = http.post("/v1/studies/made-up/evidence", content=evidence_of(stored_study, trials).encode())
    problem(response, 422, "trial 44 states accuracies that do not follow from its bits")
    assert http.get("/v1/studies/made-up").json()["trials"] == 40


def test_trials_with_margins_join_a_study_that_has_bits(
    http: httpx.Client, stored_study: StoredStudy, database: Database
):
    labels = stored_study.dataset.y_train, stored_study.dataset.y_test
    more = [with_outputs(trial, *labels) for trial in make_trials(stored_study.dataset, Design(), blocks=6)[40:]]
    brought = [*more, with_outputs(full_trial(0), *labels)]
    path = "/v1/studies/made-up/evidence"
    assert http.post(path, content=evidence_of(stored_study, brought).encode()).json()["added"] == 21
    assert read_evidence(http.get(path).content) == evidence_of(stored_study, [*stored_study.trials, *brought])


@pytest.mark.parametrize("wrong", [3, "label"])
def test_mistakes_that_no_model_can_make_are_refused(http: httpx.Client, stored_study: StoredStudy, wrong: object):
    """A class that the dataset does not have, and the right one."""
    labels = stored_study.dataset.y_train, stored_study.dataset.y_test
    trials = make_trials(stored_study.dataset, Design(), blocks=5)
    made = with_outputs(trials[43], *labels)
    first = np.flatnonzero(~unpack(made.test_bits, 20))[0]
    predicted = int(labels[1][first]) if wrong == "label" else 3
    trials[43] = dataclasses.replace(made, test_mistakes=bytes([predicted]) + (made.test_mistakes or b"")[1:])
    response = http.post("/v1/studies/made-up/evidence", content=evidence_of(stored_study, trials).encode())
    problem(response, 422, "mistakes of trial 43 name classes that they cannot name")
    assert http.get("/v1/studies/made-up").json()["trials"] == 40


def test_a_study_that_is_being_worked_on_is_left_alone(
    http: httpx.Client, stored_study: StoredStudy, database: Database
):
    with database.writing() as connection:
        job, _ = jobs.submit(connection, stored_study.record.id, Wanted.model_validate({"target": {"trials": 90}}), 40)
        jobs.claim(connection, "host/1/0", 60)
    payload = evidence_of(stored_study, make_trials(stored_study.dataset, Design(), blocks=5)).encode()
    problem(http.post("/v1/studies/made-up/evidence", content=payload), 409, f"Job {job.id} is working on this study")
    assert http.get("/v1/studies/made-up").json()["trials"] == 40


def test_a_merge_that_ended_before_its_tables_is_completed(
    http: httpx.Client, stored_study: StoredStudy, database: Database
):
    trials = make_trials(stored_study.dataset, Design(), blocks=5)
    with database.writing() as connection:
        evidence.add(connection, stored_study.record.id, trials)
        assert (tables.current_meta(connection, stored_study.record.id) or {})["trials"] == 40
    merged = http.post("/v1/studies/made-up/evidence", content=evidence_of(stored_study, trials).encode()).json()
    assert (merged["added"], merged["present"]) == (0, 50)
    with database.reading() as connection:
        assert (tables.current_meta(connection, stored_study.record.id) or {})["trials"] == 50
        assert studies.find(connection, "made-up").recipe == QUICK


def test_a_study_s_own_tables_become_a_study(http: httpx.Client, stored_study: StoredStudy):
    name, scores, pairs = stored_study.record.name, stored_study.scores, stored_study.pairs
    query = {"dataset": "made-up", "name": "brought"}
    problem(http.post("/v1/studies/import", params=query, content=pairs.encode()), 409, "first import the score table")
    made = http.post("/v1/studies/import", params=query, content=scores.encode())
    assert made.status_code == 200, made.text
    assert (made.json()["name"], made.json()["imported"]) == ("brought", True)
    assert http.get("/v1/studies/brought/pairs").json()["matching"] == 0
    for _ in range(2):  # again changes nothing
        assert http.post("/v1/studies/import", params=query, content=pairs.encode()).status_code == 200
        assert http.post("/v1/studies/import", params=query, content=scores.encode()).status_code == 200
    for path in ("scores/17", "scores?sort=-mem&limit=60", "pairs?limit=1000", "classes", "histogram"):
        answers = [http.get(f"/v1/studies/{one}/{path}").json() for one in (name, "brought")]
        for answer in answers:
            for told in ("study", "digest", "warnings"):
                answer.pop(told, None)
        assert answers[0] == answers[1], path
    for path in ("quality", "findings", "suspects", "risk", "sets?format=json", "explain/17", "test-scores/3"):
        assert http.get(f"/v1/studies/brought/{path}").status_code == 200, path
    problem(http.get("/v1/studies/brought/evidence"), 409, "imported scores")
    problem(http.get("/v1/studies/brought/precision"), 409, "imported without the design of their trials")
    other = ScoreTable.of({**scores.columns, "mem": -scores["mem"]}, dict(scores.meta))
    problem(http.post("/v1/studies/import", params=query, content=other.encode()), 409, "was imported before")
    problem(http.post("/v1/studies/import", params=query, content=scores.encode()[:-50]), 422, "truncated")


def test_the_check_finds_nothing_wrong_with_imported_tables(
    http: httpx.Client, stored_study: StoredStudy, database: Database, settings: Settings
):
    for table in (stored_study.scores, stored_study.pairs):
        http.post("/v1/studies/import", params={"dataset": "made-up", "name": "brought"}, content=table.encode())
    assert list(check(database, settings.home, repair=False, watch=lambda *_: None)) == []
