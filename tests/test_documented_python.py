"""The Python that docs/client.md shows, run block after block against a service with a study."""

from __future__ import annotations

import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import memscore
from memscore.datasets.storage import save
from memscore.store import Database, datasets, evidence, jobs, open_database, studies, tables
from memscore.store.migrate import upgrade
from memscore.study.recipes import RECIPES
from memscore.study.spec import Design
from tests.conftest import build, make_dataset, make_trials
from tests.served import served

PAGE = Path(__file__).parent.parent / "docs" / "client.md"


@pytest.fixture
def digits(home: Path) -> Generator[Database]:
    """A database with a study "digits", in whose dataset are made-up images."""
    database = open_database(f"sqlite:///{home / 'memscore.db'}")
    upgrade(database)
    dataset, design = make_dataset(), Design()
    trials = make_trials(dataset, design, blocks=4)
    save(dataset, home)
    with database.writing() as connection:
        record = datasets.register(connection, "digits", dataset)
        study = studies.ensure(connection, record, RECIPES["digits"], design, "digits")
        evidence.add(connection, study.id, trials)
        tables.add(connection, study.id, *build(dataset, trials, design, study.id))
    yield database
    database.close()


@contextmanager
def every_job_succeeds(database: Database) -> Generator[None]:
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.1):
            with database.writing() as connection:
                job = jobs.claim(connection, "host/1/0", 60)
                if job is not None:
                    jobs.finish(connection, job.id, job.attempt, "succeeded", "as if it had been trained")

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_every_block_of_the_page_runs(
    digits: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("HOME", str(tmp_path))
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) > 8
    names: dict[str, Any] = {}
    clients: list[memscore.Client] = []
    with served(digits) as url, every_job_succeeds(digits):
        for block in blocks:
            exec(block.replace("http://127.0.0.1:8000", url), names)
            clients.append(names["client"])
        for client in clients:
            client.close()
    printed = capsys.readouterr().out
    assert "There is no study 'no-such-study'" in printed
    assert list((tmp_path / ".cache" / "memscore").glob("*.npz"))
