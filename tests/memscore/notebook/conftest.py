"""A study in a home folder for tests of Python without a service, and jobs that train in this process, without Ray."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from memscore.client import Client
from memscore.datasets.columns import SampleColumns
from memscore.datasets.dataset import Dataset
from memscore.datasets.storage import open_dataset
from memscore.farm.study_counts import Scoring
from memscore.learning.data import DeviceData
from memscore.learning.unit import train_unit
from memscore.messages.jobs import JobMessage
from memscore.notebook import application
from memscore.notebook.studies import Study
from memscore.scores.table_builder import Provenance, build_tables
from memscore.scores.tables import PairsTable
from memscore.settings import Settings
from memscore.statistics.counts import Counts
from memscore.store import Database, evidence, jobs, studies, tables
from memscore.study.spec import Design
from memscore.study.subsets import units
from memscore.workflows import estimation
from memscore.workflows.datasets import register
from memscore.workflows.embedded import opened_database
from memscore.workflows.watching import Follow, OnNote, follow_silently, ignore
from tests.conftest import QUICK, make_dataset
from tests.made_evidence import made_evidence

HOSTILE = '<script>alert(1)</script>"&'


@pytest.fixture(autouse=True)
def _own_home(home: Path, monkeypatch: pytest.MonkeyPatch, routes_shared: None) -> Generator[None]:
    """Studies are in the test's home, and what is opened is closed."""
    monkeypatch.setenv("MEMSCORE_HOME", str(home))
    monkeypatch.setenv("MEMSCORE_SLOTS", "1")
    yield
    application.close()


def named(dataset: Dataset) -> Dataset:
    """The dataset with ids, texts and class names that contain markup."""
    parts = [
        {"id": np.array([f"{split}-{place}" for place in range(count)]), "text": np.full(count, HOSTILE)}
        for split, count in (("train", len(dataset.y_train)), ("test", len(dataset.y_test)))
    ]
    names = tuple(f"<b>{label}</b>" for label in range(dataset.classes))
    return replace(dataset, columns=SampleColumns(*parts), class_names=names)


def store_study(settings: Settings, dataset: Dataset, name: str, *, pairs: bool = True) -> Study:
    """A study of made-up trials with margins, in the settings' home folder; it may have no pairs."""
    with opened_database(settings) as database:
        record = register(database, settings, name, dataset)
        made = made_evidence(len(dataset.y_train), len(dataset.y_test), blocks=5, margins=True)
        margins = made.margins
        assert margins is not None
        for mistakes in (margins.train_mistakes, margins.test_mistakes):
            mistakes.predicted[:] %= dataset.classes
        counts = Counts.of(made, dataset.y_train, dataset.y_test)
        with database.writing() as connection:
            study = studies.ensure(connection, record, QUICK, Design(), name)
            about = Provenance(study.id, dataset.fingerprint, {}, Design().model_dump(mode="json"))
            scores, found = build_tables(counts, about)
            if not pairs:
                found = PairsTable.of({name: column[:0] for name, column in found.columns.items()}, found.meta)
            tables.add(connection, study.id, scores, found)
    return Study.open(name, settings.home)


@pytest.fixture
def study(settings_of_sqlite: Settings) -> Study:
    """A study of images without names."""
    return store_study(settings_of_sqlite, make_dataset(), "made-up")


@pytest.fixture
def named_study(settings_of_sqlite: Settings) -> Study:
    """A study of images with ids, texts and class names that contain markup."""
    return store_study(settings_of_sqlite, named(make_dataset()), "named")


@pytest.fixture
def train_here(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Jobs train in this process; the list gets the number of each finished trial. A test may make it fail."""
    finished: list[int] = []

    def run_job(
        database: Database,
        client: Client,
        settings: Settings,
        job: JobMessage,
        *,
        follow: Follow = follow_silently,
        on_note: OnNote = ignore,
    ) -> JobMessage:
        with database.reading() as connection:
            record, study = jobs.get(connection, job.id), studies.find(connection, job.study)
            present = evidence.numbers(connection, study.id)
        assert study.recipe is not None
        assert study.design is not None
        dataset = open_dataset(settings.home, study.fingerprint)
        data = DeviceData.of(dataset, torch.device("cpu"))
        scoring = Scoring(database, study, dataset, record.wanted, lambda: None)
        scoring.recount()
        for unit in units(study.recipe, record.target_trials, present=present):
            trials = train_unit(data, study.recipe, study.design, unit)
            with database.writing() as connection:
                evidence.add(connection, study.id, trials)
            scoring.add(trials)
            finished.extend(unit.numbers)
        scoring.rebuild()
        with database.writing() as connection:
            claimed = jobs.claim(connection, "host/1/0", 60, job.id)
            if claimed is not None:
                jobs.finish(connection, claimed.id, claimed.attempt, "succeeded", "trained here")
        return follow(client, client.job(job.id))

    monkeypatch.setattr(estimation, "run_job", run_job)
    return finished
