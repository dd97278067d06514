"""The README's lines on own data and in Python run as they are printed, with made-up trials in place of training."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot
import numpy as np
import pytest
from matplotlib.figure import Figure

import memscore as package
from memscore.client import Client
from memscore.datasets.storage import open_dataset
from memscore.errors import InvalidInput
from memscore.farm.study_counts import Scoring
from memscore.messages.jobs import JobMessage
from memscore.notebook import application
from memscore.settings import Settings
from memscore.store import Database, evidence, jobs, studies
from memscore.study.spec import BLOCK
from memscore.workflows import estimation
from tests.command_line import Outcome
from tests.conftest import make_trials

PAGE = Path(__file__).parent.parent / "README.md"


def blocks(of: str, kind: str = "") -> list[str]:
    """The code blocks of the part that starts with a bold title."""
    part = PAGE.read_text().partition(f"**{of}**")[2].partition("\n**")[0]
    found = re.findall(r"```(\w*)\n(.*?)```", part, re.DOTALL)
    return [text for one, text in found if one == kind]


def commands(of: str) -> list[list[str]]:
    """The commands in a part's blocks, without comments."""
    lines = [line for block in blocks(of) for line in block.splitlines()]
    return [shlex.split(one, comments=True) for line in lines for one in line.split(" && ")]


@pytest.fixture
def made_up(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A home and a working folder of this test, and jobs whose trials are made up."""
    monkeypatch.setenv("MEMSCORE_HOME", str(home))
    monkeypatch.chdir(tmp_path_factory.mktemp("work"))

    def run_job(database: Database, client: Client, settings: Settings, job: JobMessage, **_: Any) -> JobMessage:
        with database.reading() as connection:
            record, study = jobs.get(connection, job.id), studies.find(connection, job.study)
            present = len(evidence.numbers(connection, study.id))
        assert study.design is not None
        dataset = open_dataset(settings.home, study.fingerprint)
        trials = make_trials(dataset, study.design, -(-min(record.target_trials, 40) // BLOCK))[present:]
        scoring = Scoring(database, study, dataset, record.wanted, lambda: None)
        scoring.recount()
        with database.writing() as connection:
            evidence.add(connection, study.id, trials)
        scoring.add(trials)
        scoring.rebuild()
        with database.writing() as connection:
            claimed = jobs.claim(connection, "host/1/0", 60, job.id)
            assert claimed is not None
            jobs.finish(connection, claimed.id, claimed.attempt, "succeeded", "made up")
        return client.job(job.id)

    monkeypatch.setattr(estimation, "run_job", run_job)


@pytest.mark.databases("sqlite")
def test_the_lines_for_a_dataset_run_as_they_are_printed(made_up: None, memscore: Callable[..., Outcome]):
    random = np.random.default_rng(0)
    x, labels = random.normal(size=(60, 5)), np.arange(60) % 3
    (saving,) = re.findall(r"`numpy\.(savez\(.*?\))`", PAGE.read_text())
    exec(f"np.{saving}", {"np": np, "x": x, "labels": labels})
    ran = [*commands("Score a dataset"), *commands("Exchange")]
    assert len(ran) > 8
    for program, *arguments in ran:
        assert program == ".venv/bin/memscore"
        outcome = memscore(*arguments)
        assert outcome.status == 0, (arguments, outcome.err)
    assert {one.name for one in Path().iterdir()} == {"agreement.png", "digits.parquet", "mine.npz", "report.html"}


def test_the_python_runs_as_it_is_printed(made_up: None, routes_shared: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(matplotlib.pyplot, "figure", Figure)
    (code,) = blocks("Stay in Python", "python")
    features, labels = np.random.default_rng(1).normal(size=(60, 5)), np.array(["ant", "bee", "cat"])[np.arange(60) % 3]
    names: dict[str, Any] = {"memscore": package, "features": features, "labels": labels}
    exec(code, names)
    assert names["study"].suspects()["class"][0] in ("ant", "bee", "cat")
    with pytest.raises(InvalidInput):
        names["study"].more(0)
    application.close()
