"""Runs over REST: as their folders have them, and nothing besides."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

import memscore
from api.serving.in_process import in_process
from memscore.errors import InvalidInput, NotFound
from memscore.store import Database
from tests.api.conftest import KEYS_REQUIRED, make_key, problem
from tests.made_runs import make_runs

pytestmark = pytest.mark.databases("sqlite")  # no database is asked


@pytest.fixture
def runs(database: Database, tmp_path: Path) -> Generator[httpx.Client]:
    with in_process(database, runs=make_runs(tmp_path)) as client:
        yield client


def test_runs_are_listed_a_page_at_a_time_the_last_changed_first(runs: httpx.Client):
    whole = runs.get("/v1/runs").json()
    assert (whole["folder"], whole["matching"], len(whole["runs"])) == ("runs", 6, 6)
    assert whole["sweeps"] == [{"path": "runs/sweep", "runs": 4, "finished": 4, "compared": True}]
    assert whole["reproductions"] == [{"path": "runs/mini", "items": 1}]
    assert whole["runs"] == sorted(whole["runs"], key=lambda one: one["updated"], reverse=True)
    part = runs.get("/v1/runs", params={"limit": 2, "offset": 4}).json()
    assert part["runs"] == whole["runs"][4:]


def test_a_service_without_a_folder_of_runs_says_so(http: httpx.Client):
    assert http.get("/v1/runs").json()["folder"] is None
    for path in ("/v1/runs/runs/bat", "/v1/sweeps/runs/sweep", "/v1/reproductions/runs/mini"):
        problem(http.get(path), 404, "MEMSCORE_RUNS_FOLDER")


def test_a_run_a_sweep_and_a_reproduction_are_read(runs: httpx.Client):
    run = runs.get("/v1/runs/runs/sweep/" + quote("bat-beta=0,2-seed=1", safe="")).json()
    assert (run["method"], run["seed"], run["sweep"], run["state"]) == ("bat", 1, "runs/sweep", "finished")
    clean = run["checkpoints"][0]["rows"][0]["accuracy"]["clean"]
    assert clean == pytest.approx({"count": 360, "share": 0.9, "low": 0.85, "high": 0.95})
    sweep = runs.get("/v1/sweeps/runs/sweep").json()
    assert [one["seed"] for one in sweep["members"]] == [0, 1, 0, 1]
    assert [one["decided"] for one in sweep["comparison"]["differences"][0]["accuracy"]] == [False, True]
    mini = runs.get("/v1/reproductions/runs/mini").json()
    assert [one["verdict"] for one in mini["items"][0]["verdicts"]] == ["confirmed", "undecided"]
    assert [one["verdict"] is None for one in mini["claims"]] == [False, True]


@pytest.mark.parametrize(
    "path",
    [
        "runs/runs/nothing",
        "runs/runs",
        "runs/runs/sweep",
        "runs/runs%2F..%2F..%2Fetc",
        "runs/%2e%2e/bat",
        "sweeps/runs/bat",
        "reproductions/runs/bat",
        "reproductions/runs/mini/items/fig7/none.png",
        "reproductions/runs/mini/items/none/fig7.png",
        "reproductions/runs/bat/items/fig7/fig7.png",
    ],
)
def test_what_is_not_there_is_not_found(runs: httpx.Client, path: str):
    problem(runs.get(f"/v1/{path}"), 404, "no")


def test_a_picture_is_sent_for_pages(runs: httpx.Client):
    answer = runs.get("/v1/reproductions/runs/mini/items/fig7/fig7.png")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    again = runs.get(str(answer.request.url.path), headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304


def test_a_damaged_run_does_not_hide_the_others(runs: httpx.Client, tmp_path: Path):
    (tmp_path / "runs" / "bat" / "config.json").write_text("{")
    listed = {one["path"]: one for one in runs.get("/v1/runs").json()["runs"]}
    assert len(listed) == 6
    assert listed["runs/bat"]["problem"] == "config.json cannot be read (it holds no valid JSON)."
    assert runs.get("/v1/runs/runs/bat").json()["state"] == "damaged"


def test_runs_are_shown_to_those_with_a_key(database: Database, tmp_path: Path):
    from api.app import create_app
    from api.serving.in_process import InProcessTransport

    app = create_app(database, (), KEYS_REQUIRED, runs=make_runs(tmp_path))
    with httpx.Client(transport=InProcessTransport(database, app), base_url="http://memscore") as client:
        problem(client.get("/v1/runs"), 401, "key")
        headers = {"Authorization": f"Bearer {make_key(database, 'read')}"}
        assert client.get("/v1/runs", headers=headers).json()["matching"] == 6


def test_the_client_reads_them_too(runs: httpx.Client):
    client = memscore.Client(http=runs)
    assert client.runs(limit=1).matching == 6
    assert client.run("runs/sweep/pgd-beta=0,2-seed=0").method == "pgd"
    assert client.sweep("runs/sweep").finished == 4
    found = client.run_differences("runs/sweep/pgd-beta=0,2-seed=0", "runs/bat")
    assert (found.reference, found.run, len(found.differences)) == ("runs/sweep/pgd-beta=0,2-seed=0", "runs/bat", 24)
    with pytest.raises(InvalidInput, match="half was not evaluated sample by sample"):
        client.run_differences("runs/bat", "runs/half")
    with pytest.raises(NotFound, match="runs/sweep holds no training run"):
        client.run_differences("runs/bat", "runs/sweep")
    assert client.reproduction("runs/mini").items[0].name == "fig7"
    with pytest.raises(NotFound):
        client.run("runs/nothing")
    for path in ("", "runs/..", "/runs"):
        with pytest.raises(InvalidInput):
            client.run(path)
