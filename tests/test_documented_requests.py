"""Every request in the documentation is made as it is written there, by curl, of a service in a process of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest

from memscore.datasets.storage import save
from memscore.exchange.evidence_file import read_evidence
from memscore.exchange.feldman_zhang import published_of
from memscore.settings import Settings
from memscore.store import datasets, evidence, open_database, studies, tables
from memscore.store.migrate import upgrade
from memscore.study.recipes import recipe_of
from memscore.study.spec import Design
from tests.conftest import build, make_dataset, make_trials
from tests.made_runs import make_runs
from tests.processes import Service, ending

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
ADDRESS = "http://127.0.0.1:8000"

# Requests of something else than this service, by a part of their line.
ELSEWHERE = {"$RAY_AUTH_TOKEN": "a Ray cluster's dashboard", "require=dispatcher": "a service with a dispatcher"}


@dataclass(frozen=True)
class Request:
    """One curl command of a page."""

    page: str
    command: str

    @property
    def label(self) -> str:
        return f"{self.page}: {self.command}"


def documented() -> Iterator[Request]:
    """All commands in code blocks that begin with curl, their continued lines joined, without comments."""
    for page in PAGES:
        for block in re.findall(r"^```[a-z]*\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                if line.startswith("curl "):
                    yield Request(page.name, re.sub(r"\s+# .*$", "", line))


REQUESTS = [one for one in documented() if not any(part in one.command for part in ELSEWHERE)]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service without dispatcher on a home with the study `digits`."""
    home = tmp_path_factory.mktemp("documented") / "home"
    settings = Settings(home=home, runs_folder=make_runs(home.parent))
    settings.prepare_home()
    dataset, design = make_dataset(), Design()
    trials = make_trials(dataset, design, blocks=4)
    save(dataset, home)
    database = open_database(settings.database)
    upgrade(database)
    with database.writing() as connection:
        record = datasets.register(connection, "digits", dataset)
        study = studies.ensure(connection, record, recipe_of("digits"), design, "digits")
        evidence.add(connection, study.id, trials)
        tables.add(connection, study.id, *build(dataset, trials, design, study.id))
        for number in (1, 2):  # to be renamed and removed
            datasets.register(connection, f"digits-{number}", dataset)
            studies.ensure(connection, record, recipe_of("digits"), Design(seed=number), f"try-{number}")
    people = make_dataset(seed=9)  # some of which are to be forgotten
    save(people, home)
    with database.writing() as connection:
        datasets.register(connection, "people", people)
    database.close()
    with ending(Service(settings, "--no-dispatch")) as service:
        yield service


@pytest.fixture(scope="module")
def http(served: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url) as client:
        yield client


def prepared(command: str, http: httpx.Client, folder: Path) -> str:
    """The command with its placeholders replaced, and with the files that it sends."""
    if "JOB" in command:
        body = {"dataset": "digits", "recipe": "digits", "target": {"trials": 400}}
        job = http.post("/v1/jobs", json=body).json()["id"]
        if " -N " in command or command.endswith("/resume"):
            http.post(f"/v1/jobs/{job}/cancel")  # a stream ends with its job
        command = command.replace("JOB", job)
    if "DIGEST" in command:
        command = command.replace("DIGEST", http.get("/v1/studies/digits").json()["table"]["digest"])
    if "/v1/keys/KEY" in command:
        key = http.post("/v1/keys", json={"name": "to-be-revoked", "scope": "read"}).json()
        command = command.replace("KEY", key["id"])
    if "/v1/session" in command and "-X" in command:
        key = http.post("/v1/keys", json={"name": "a-browser", "scope": "read"}).json()["key"]
        session = httpx.post(f"{http.base_url}/v1/session", json={"key": key})
        cookie, csrf = session.cookies["memscore_session"], session.json()["csrf"]
        command = command.replace("=COOKIE", f"={cookie}").replace(": CSRF", f": {csrf}").replace('"KEY"', f'"{key}"')
    payload = http.get("/v1/studies/digits/evidence").content
    if "@digits.evidence.npz" in command:
        (folder / "digits.evidence.npz").write_bytes(payload)
    if "@published.npz" in command:
        dataset = make_dataset()
        scores = published_of(read_evidence(payload).unpacked(), dataset.y_train, dataset.y_test)
        (folder / "published.npz").write_bytes(scores.encode())
    if "@mine.npz" in command:
        mine = make_dataset(seed=11)
        arrays = {"x_train": mine.x_train, "y_train": mine.y_train, "x_test": mine.x_test, "y_test": mine.y_test}
        np.savez(folder / "mine.npz", allow_pickle=False, **arrays)
    if " -C - " in command:
        (folder / "version.npz").write_bytes(http.get("/v1/studies/digits/table").content[:1000])
    return command.replace(ADDRESS, str(http.base_url).rstrip("/"))


@pytest.mark.parametrize("request_", REQUESTS, ids=[one.label for one in REQUESTS])
def test_a_documented_request_is_answered(request_: Request, http: httpx.Client, tmp_path: Path):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    command = prepared(request_.command, http, tmp_path)
    assert ADDRESS not in command
    assert not re.search(r"\b[A-Z]{3,}\b(?![-:])", re.sub(r"-X [A-Z]+|Bearer", "", command)), "an unknown placeholder"
    told = subprocess.run(
        ["bash", "-c", f"{command} --silent --show-error --dump-header headers --max-time 30"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        check=True,
    )
    status, *lines = (tmp_path / "headers").read_text().splitlines()
    headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
    assert int(status.split()[1]) in ((304,) if "If-None-Match" in command else (200, 201, 202, 206)), told.stdout
    if headers.get("content-type", "").startswith("application/json"):
        assert json.loads(told.stdout)
    if " -C - " in command:
        assert (tmp_path / "version.npz").read_bytes() == http.get("/v1/studies/digits/table").content


def test_every_route_is_documented_by_a_request(http: httpx.Client):
    written = {re.sub(r"\?.*|'.*| .*", "", one.command.partition(ADDRESS)[2]) for one in REQUESTS}
    for path in http.get("/openapi.json").json()["paths"]:
        pattern = re.sub(r"\{[a-z]+\}", "[^/]+", re.sub(r"\{(run|sweep|reproduction)\}", "[^/]+/.+", path))
        assert any(re.fullmatch(pattern, one) for one in written), f"no page shows a request of {path}"
