"""Eight processes write into one database, as the product does: nothing is locked, lost, or seen by half."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Generator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from memscore.datasets.dataset import Dataset
from memscore.datasets.storage import save
from memscore.store import Database, datasets, evidence, job_logs, jobs, studies, tables
from memscore.store.checking import check
from memscore.store.schema import pair_tables, score_tables
from memscore.store.studies import StudyRecord
from memscore.study.spec import BLOCK, Design
from tests.conftest import QUICK
from tests.faults.writing import Written, require_whole, trials_of, work

PROCESSES, STUDIES = 8, 4
START_SECONDS = 2.0


@pytest.fixture(scope="module")
def processes() -> Generator[ProcessPoolExecutor]:
    """Processes that have imported what they need, once for all of them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.writing"])
    with ProcessPoolExecutor(PROCESSES, context) as pool:
        yield pool


@pytest.fixture
def records(database: Database, dataset: Dataset, home: Path) -> list[StudyRecord]:
    save(dataset, home)
    with database.writing() as connection:
        record = datasets.register(connection, "made-up", dataset)
        return [
            studies.ensure(connection, record, QUICK, Design(seed=seed), f"study-{seed}") for seed in range(STUDIES)
        ]


@pytest.mark.parametrize("seconds", [5, pytest.param(60, marks=pytest.mark.slow)])
def test_nothing_is_locked_lost_or_seen_by_half(
    processes: ProcessPoolExecutor,
    database: Database,
    database_url: str,
    dataset: Dataset,
    records: list[StudyRecord],
    home: Path,
    seconds: int,
):
    labels = np.asarray(dataset.y_train), np.asarray(dataset.y_test)
    until = time.time() + START_SECONDS + seconds
    futures = [processes.submit(work, database_url, f"host/{number}/0", until, labels) for number in range(PROCESSES)]
    checks = 0
    while time.time() < until:  # a check beside them raises no false alarm
        assert [
            finding for finding in check(database, home, repair=False, watch=lambda *_: None) if finding.damage
        ] == []
        checks += 1
    written = [future.result(timeout=120) for future in futures]  # raises what went wrong there
    require_all_there(database, records, labels, written)
    assert [finding for finding in check(database, home, repair=False, watch=lambda *_: None) if finding.damage] == []
    total = sum((one.transactions for one in written), Counter[str]())
    print(f"{database.engine.dialect.name}, {seconds} s: {dict(total)}, {checks} checks")
    assert min(len(one.blocks) + one.transactions["read"] for one in written) > 0
    assert total["read"] > PROCESSES


def require_all_there(database: Database, records: list[StudyRecord], labels: tuple, written: list[Written]) -> None:
    """What each process has counted is what is stored, and nothing else."""
    blocks = [block for one in written for block in one.blocks]
    assert len(set(blocks)) == len(blocks), "a block was trained twice"
    with database.reading() as connection:
        for study in records:
            require_whole(connection, study.id)
            mine = sorted(block for identifier, block in blocks if identifier == study.id)
            expected = [trial for block in mine for trial in trials_of(study.design or Design(), block, *labels)]
            assert evidence.load(connection, study.id) == expected
            assert len(expected) == len(mine) * BLOCK
        stored_jobs = jobs.listing(connection, limit=100_000)
        assert {job.id for job in stored_jobs} == set().union(*(one.submitted for one in written))
        succeeded = {job.id for job in stored_jobs if job.state == "succeeded"}
        assert {job.state for job in stored_jobs} <= {"succeeded", "queued"}
        assert succeeded >= {identifier for one in written for identifier in one.finished}
        lines = [
            line for job in stored_jobs for part in job_logs.read(connection, job.id) for line in part.text.split("\n")
        ]
        assert sorted(filter(None, lines)) == sorted(line for one in written for line in one.lines)
        for kind, stored in enumerate((score_tables, pair_tables)):
            there = {
                (row.study_id, row.digest) for row in connection.execute(select(stored.c.study_id, stored.c.digest))
            }
            assert there == {(entry[0], entry[1 + kind]) for one in written for entry in one.tables}


def test_a_reader_sees_one_moment(database: Database, records: list[StudyRecord], dataset: Dataset):
    """Also on PostgreSQL, whose statements otherwise each see a moment of their own."""
    labels = np.asarray(dataset.y_train), np.asarray(dataset.y_test)
    study = records[0]
    with database.reading() as reader:
        assert evidence.count(reader, study.id) == 0
        with database.writing() as connection:
            evidence.add(connection, study.id, trials_of(Design(), 0, *labels))
        assert evidence.count(reader, study.id) == 0
        assert tables.current_digest(reader, study.id) is None
    with database.reading() as reader:
        assert evidence.count(reader, study.id) == BLOCK
