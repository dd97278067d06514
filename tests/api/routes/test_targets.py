"""Precision targets, plans and custom networks: what the service accepts, refuses and forecasts."""

from typing import Any

import httpx
import numpy as np
import pytest
from sqlalchemy import text

from api.app import create_app
from api.serving.in_process import InProcessTransport
from memscore.messages.jobs import Plan
from memscore.scores.planning import trial_bytes
from memscore.store import Database, evidence, jobs
from memscore.study import signatures
from memscore.study.evidence import Trial, pack_trial
from memscore.study.spec import Design, EvidenceKind, Recipe, Wanted
from memscore.study.subsets import block_membership
from tests.api.conftest import BODY, problem
from tests.conftest import QUICK, StoredStudy
from tests.made_evidence import with_outputs


def body(**fields: Any) -> dict[str, Any]:
    return {**BODY, **fields}


def test_a_target_of_precision_is_kept_with_the_job(http: httpx.Client, stored_study: StoredStudy):
    target = {"standard_error": 0.03, "share": 0.9, "max_trials": 55}
    job = http.post("/v1/jobs", json=body(target=target, full_trials=0, pairs="all")).json()
    assert job["notes"] == ["max_trials rounded up from 55 to 60: a study grows by blocks of 10"]
    assert job["target_trials"] == 60
    wanted = http.get(f"/v1/jobs/{job['id']}").json()["wanted"]
    assert wanted["target"] == {
        "trials": None,
        "standard_error": 0.03,
        "settled_at": None,
        "share": 0.9,
        "max_trials": 60,
    }
    assert (wanted["full_trials"], wanted["pairs"], wanted["probabilities"]) == (0, "all", False)
    assert http.post("/v1/jobs", json=body(target=target, full_trials=0, pairs="all")).json()["id"] == job["id"]
    assert http.post("/v1/jobs", json=body(target=target)).json()["id"] != job["id"]


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ({}, "give one of trials, standard_error, settled_at and pairs_found"),
        ({"trials": 10, "standard_error": 0.1}, "give one of trials, standard_error, settled_at and"),
        ({"trials": 10, "share": 0.5}, "share and max_trials are for a precision"),
        ({"pairs_found": 0.5, "share": 0.9}, "share belongs to standard_error or settled_at, not to pairs_found"),
        ({"pairs_found": 0.5, "settled_at": 0.15}, "give one of trials"),
        ({"pairs_found": 1}, "must be below 1"),
        ({"standard_error": 0}, "must be above 0"),
        ({"standard_error": 0.1, "share": 1.5}, "must be at most 1"),
        ({"settled_at": 2}, "must be below 1"),
        ({"standard_error": 0.1, "max_trials": 10**9}, "must be at most 1000000"),
    ],
)
def test_an_impossible_target_is_refused(http: httpx.Client, stored_study: StoredStudy, target: Any, sentence: str):
    problem(http.post("/v1/jobs", json=body(target=target)), 422, sentence)
    assert http.get("/v1/jobs").json()["jobs"] == []


def test_a_target_of_pairs_is_kept_and_jobs_without_one_say_nothing_of_it(
    http: httpx.Client, stored_study: StoredStudy
):
    """Versions before do not know the field."""
    job = http.post("/v1/jobs", json=body(target={"pairs_found": 0.5}, evidence="bits")).json()
    assert job["wanted"]["target"]["pairs_found"] == 0.5
    assert job["wanted"]["evidence"] == "bits"
    plain = http.post("/v1/jobs", json=body(target={"trials": 60})).json()
    assert "pairs_found" not in plain["wanted"]["target"]
    assert "evidence" not in plain["wanted"]


def test_a_dry_run_foretells_and_queues_nothing(http: httpx.Client, stored_study: StoredStudy):
    response = http.post("/v1/jobs", params={"dry_run": True}, json=body(target={"trials": 100}))
    assert response.status_code == 200
    plan = Plan.model_validate_json(response.content)
    assert (plan.trials, plan.new_trials) == (100, 65)  # 40 are stored; 5 full ones are not
    assert plan.seconds_a_trial == pytest.approx(0.5)
    assert plan.device_seconds == pytest.approx(65 * 0.5)
    assert plan.disk_bytes > 65 * (8 + 3)
    assert 0.1 < plan.worst_standard_error < 0.12
    assert plan.typical_standard_error < plan.worst_standard_error
    assert http.get("/v1/jobs").json()["jobs"] == []

    unknown = Recipe.model_validate({**QUICK.model_dump(), "epochs": 3}).model_dump(mode="json")
    fresh = Plan.model_validate_json(
        http.post("/v1/jobs", params={"dry_run": True}, json=body(recipe=unknown, probabilities=True)).content
    )
    assert fresh.new_trials == 55
    assert fresh.seconds_a_trial is None
    assert fresh.disk_bytes > plan.disk_bytes / 65 * 55
    assert len(http.get("/v1/studies").json()["studies"]) == 1


def test_an_unknown_query_parameter_is_refused(http: httpx.Client, stored_study: StoredStudy):
    """A misspelt dry_run must not start a real job."""
    refusal = http.post("/v1/jobs", params={"dryrun": True}, json=BODY)
    problem(refusal, 422, "/v1/jobs has no query parameter 'dryrun': it takes dry_run.")
    problem(http.get("/v1/studies/made-up/scores/0", params={"x": 1}), 422, "it takes none")
    problem(http.get("/v1/studies/made-up/sets", params={"atypcal": 1}), 422, "it takes atypical, format, ")
    assert http.get("/v1/jobs").json()["jobs"] == []


def test_how_a_job_ended_is_told(http: httpx.Client, stored_study: StoredStudy):
    job = http.post("/v1/jobs", json=body(target={"trials": 40}, full_trials=0)).json()
    assert job["outcome"] == "the study has 40 trials"
    assert http.get("/v1/jobs").json()["jobs"] == [job]
    waiting = http.post("/v1/jobs", json=BODY).json()
    assert waiting["outcome"] is None


def test_trials_without_a_table_yet_can_be_planned_with(
    http: httpx.Client, database: Database, stored_study: StoredStudy
):
    from memscore.store.schema import pair_tables, score_tables

    with database.writing() as connection:
        for table in (score_tables, pair_tables):
            connection.execute(table.delete())
    target = {"standard_error": 0.1}
    response = http.post("/v1/jobs", params={"dry_run": True}, json=body(target=target))
    plan = Plan.model_validate_json(response.content)
    assert plan.expected_trials is None
    assert plan.seconds_a_trial == pytest.approx(0.5)


def test_the_disk_a_plan_foretells_is_what_evidence_takes(database: Database, stored_study: StoredStudy):
    """The rows as they are stored, against the plan's constant; SQLite's pages add their slack."""
    from memscore.scores.planning import ROW_BYTES

    with database.reading() as connection:
        (trial, *_) = evidence.load(connection, stored_study.record.id)
    texts = len(trial.subset_digest) + len(trial.digest) + len(trial.device) + len(trial.code_version) + 16
    assert texts + 8 * 6 < ROW_BYTES < 3 * (texts + 8 * 6)


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(("samples", "kind"), [(1437, "margins"), (1437, "bits"), (9000, "margins"), (50_000, "bits")])
def test_the_disk_a_plan_foretells_is_what_pages_take(
    database: Database, stored_study: StoredStudy, samples: int, kind: EvidenceKind
):
    random = np.random.default_rng(0)
    labels, test_labels = np.arange(samples, dtype=np.int32) % 10, np.arange(samples // 5, dtype=np.int32) % 10
    membership = block_membership(Design(), samples, 0)
    study, rows = stored_study.record.id, 300
    found: list[Trial] = []
    for number in range(1000, 1000 + rows):
        correct, test_correct = random.random(samples) < 0.95, random.random(len(test_labels)) < 0.9
        trial = pack_trial(
            number, membership[0], correct, test_correct, device="cpu", code_version="0.2.0", seconds=1.0,
            network=signatures.write("0" * 16, np.arange(1.0, 65.0)),
        )  # fmt: skip
        found.append(with_outputs(trial, labels, test_labels) if kind == "margins" else trial)

    def pages() -> int:
        with database.reading() as connection:
            return int(connection.execute(text("PRAGMA page_count")).scalar_one()) * 4096

    before = pages()
    with database.writing() as connection:
        evidence.add(connection, study, found)
    with database.reading() as connection:
        measured = evidence.output_bytes(connection, study)
    assert (measured is None) == (kind == "bits")
    planned = trial_bytes(samples, len(test_labels), Wanted(evidence=kind), measured)
    assert planned == pytest.approx((pages() - before) / rows, rel=0.04)


@pytest.mark.parametrize(
    ("recipe", "sentence"),
    [
        ({"network": "vgg"}, "the networks are: mlp, cnn, resnet9"),
        ({"network": "cnn", "hidden": [3]}, "`hidden` belongs to the network mlp"),
        ({"hidden": []}, "`hidden` belongs to the network mlp"),
        ({"flip": True}, "without crop, flip or compile"),
        ({"network": "resnet9", "hidden": [], "plain_epochs": 9}, "`plain_epochs` cannot exceed `epochs`"),
        ({"network": "cnn", "hidden": [], "precision": "float16"}, "'float32' or 'bfloat16'"),
        ({"network": "os:system; rm", "hidden": []}, "there is no network"),
    ],
)
def test_an_impossible_recipe_is_refused(http: httpx.Client, stored_study: StoredStudy, recipe: Any, sentence: str):
    problem(http.post("/v1/jobs", json=body(recipe={**BODY["recipe"], **recipe})), 422, sentence)


def test_a_service_imports_networks_of_listed_packages_only(database: Database, stored_study: StoredStudy):
    def post(network: str, modules: tuple[str, ...] | None, **fields: Any) -> httpx.Response:
        recipe = {**BODY["recipe"], "network": network, "hidden": [], **fields}
        transport = InProcessTransport(database)
        transport._asgi = httpx.ASGITransport(create_app(database, modules), raise_app_exceptions=False)
        with httpx.Client(transport=transport, base_url="http://memscore") as client:
            return client.post("/v1/jobs", json=body(recipe=recipe))

    problem(post("os:system", ()), 422, "MEMSCORE_NETWORK_MODULES")
    problem(post("mine_too.nets:build", ("mine",)), 422, "does not accept the network mine_too.nets:build")
    assert post("mine.nets:build", ("mine",)).status_code == 202
    assert post("any.thing:at_all", None).status_code == 202
    description = '{"class": "sklearn.naive_bayes:GaussianNB", "params": {}}'
    estimator = {"options": {"estimator": description}, "epochs": 1, "batch_size": 1, "learning_rate": 1.0}
    problem(post("estimator", ("sklearn",), **estimator), 422, "This service trains no estimators of scikit-learn")
    assert post("estimator", None, **estimator).status_code == 202


def test_jobs_of_an_older_version_are_understood(database: Database, stored_study: StoredStudy, http: httpx.Client):
    """Their rows have no request beside the number of trials."""
    job = http.post("/v1/jobs", json=BODY).json()
    from sqlalchemy import update

    from memscore.store.schema import jobs as table

    with database.writing() as connection:
        connection.execute(update(table).values(request={}))
        assert jobs.get(connection, job["id"]).wanted.target.trials == 50
    assert http.get(f"/v1/jobs/{job['id']}").json()["wanted"]["target"]["trials"] == 50
