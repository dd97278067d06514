"""What the tests share: homes, databases of both kinds, and a small made-up dataset with a study's evidence."""

from __future__ import annotations

import copy
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest

from memscore import cli, logs, progress
from memscore.datasets.columns import SampleColumns
from memscore.datasets.dataset import Dataset, build_dataset
from memscore.datasets.storage import save
from memscore.scores.table_builder import Provenance, build_tables
from memscore.scores.tables import PairsTable, ScoreTable
from memscore.settings import Settings
from memscore.statistics.counts import Counts
from memscore.store import Database, datasets, evidence, open_database, studies, tables
from memscore.store.migrate import current_revision, upgrade
from memscore.store.rebuilding import count_trials, similarity_of
from memscore.store.studies import StudyRecord
from memscore.study.evidence import Trial, pack_trial
from memscore.study.spec import BLOCK, Design, Recipe
from memscore.study.subsets import block_membership
from tests.command_line import Outcome
from tests.databases import KINDS, SharedPostgres, create_sqlite, migrate
from tests.made_evidence import made_evidence

os.environ.setdefault(
    "OMP_NUM_THREADS", "1"
)  # for small networks several threads are slower, in each process of a test

hypothesis.settings.register_profile("patient", deadline=None)  # a busy machine is no fault
hypothesis.settings.load_profile("patient")

QUICK = Recipe(network="mlp", hidden=(8,), epochs=2, batch_size=32, learning_rate=0.1)


PROCESSES = {
    "tests/memscore/farm/": "processes",
    "tests/deployment/": "processes",
    "tests/browser/": "more processes",
    "tests/faults/": "more processes",
}
"""Folders whose tests start Ray, services or browsers, in two lanes that take about as long."""

LONGEST = (
    *PROCESSES,
    "tests/memscore/notebook/",
    "tests/test_label_errors.py",
    "tests/memscore/workflows/",
    "tests/trainer/test_distributed.py",
    "tests/memscore/learning/test_command.py",
    "tests/api/test_schema.py",
    "tests/trainer/test_own_networks.py",
    "tests/trainer/test_resume.py",
    "tests/trainer/test_command.py",
    "tests/trainer/test_run.py",
    "tests/memscore/cli/",
    "tests/memscore/store/",
    "tests/memscore/doctor/",
)
"""Folders and files whose tests take minutes, or wait for processes."""

POSTGRESQL_FOLDER = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Choose the folder of the PostgreSQL server that all processes of this run share."""
    # Not in pytest's folder: its server runs as another user, whom the next session that starts would shut out of it.
    given: dict[str, str] | None = getattr(config, "workerinput", None)
    folder = given["postgresql"] if given is not None else tempfile.mkdtemp(prefix="memscore-postgresql-")
    config.stash[POSTGRESQL_FOLDER] = Path(folder)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist that folder."""
    node.workerinput["postgresql"] = str(node.config.stash[POSTGRESQL_FOLDER])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove it once all processes are done: it may hold 100,000 files, so nobody waits for it."""
    if not hasattr(config, "workerinput"):
        subprocess.run(["sh", "-c", 'rm -rf "$1" &', "sh", str(config.stash[POSTGRESQL_FOLDER])], check=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Side by side, the files that take longest come first: the last to end then keeps few processes waiting."""
    if hasattr(config, "workerinput"):
        items.sort(key=_place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object | None:
    """Tests that start Ray, services or browsers run in two lanes: their waits are bounded for two at a time."""
    from xdist.scheduler import LoadFileScheduling

    class TwoLanesForProcesses(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            lanes = (lane for folder, lane in PROCESSES.items() if nodeid.startswith(folder))
            return next(lanes, None) or super()._split_scope(nodeid)

    return TwoLanesForProcesses(config, log) if config.getvalue("dist") == "loadfile" else None


def _place(item: pytest.Item) -> int:
    return next((place for place, part in enumerate(LONGEST) if item.nodeid.startswith(part)), len(LONGEST))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with a database runs once on each kind, or on those its mark names: `@pytest.mark.databases("sqlite")`."""
    if "database_url" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("databases")
        kinds = mark.args if mark else KINDS
        marked = [pytest.param(kind, marks=[pytest.mark.postgresql] * (kind == "postgresql")) for kind in kinds]
        metafunc.parametrize("database_url", marked, indirect=True)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("MEMSCORE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MEMSCORE_HOME", str(tmp_path / "home"))


@pytest.fixture(autouse=True)
def _logging_as_before() -> Generator[None]:
    """Commands that run in this process configure its log, on streams that end with their test."""
    root = logging.getLogger()
    handlers, level, hooks = list(root.handlers), root.level, (sys.excepthook, threading.excepthook)
    yield
    for handler in [one for one in root.handlers if type(one) is logging.StreamHandler and one not in handlers]:
        root.removeHandler(handler)
    root.setLevel(level)
    for name in (*logs.OWN, "alembic", "httpx", logs.OUTPUT):
        logging.getLogger(name).setLevel(logging.NOTSET)
    logging.captureWarnings(False)
    sys.excepthook, threading.excepthook = hooks


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def postgresql(pytestconfig: pytest.Config) -> Generator[SharedPostgres]:
    server = SharedPostgres(pytestconfig.stash[POSTGRESQL_FOLDER])
    yield server
    server.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite database, to be copied."""
    file = tmp_path_factory.mktemp("template") / "memscore.db"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture
def database_url(request: pytest.FixtureRequest, home: Path) -> str:
    """A URL of a database: with the study of one of these fixtures, or migrated, if the test has them, else empty."""
    migrated, stored, whole = (name in request.fixturenames for name in ("database", "stored_study", "whole"))
    if request.param == "sqlite":
        template: Path | None = request.getfixturevalue("sqlite_template") if migrated else None
        if stored:
            template = request.getfixturevalue("study_template").home / "memscore.db"
        if whole:
            template = request.getfixturevalue("whole_template")
        return create_sqlite(home / "memscore.db", template)
    server: SharedPostgres = request.getfixturevalue("postgresql")
    return server.create_database(migrated, store_whole if whole else store_study if stored else None)


@pytest.fixture
def database(database_url: str) -> Generator[Database]:
    opened = open_database(database_url)
    if current_revision(opened) is None:  # the test asked for this fixture by name, which `database_url` cannot see
        upgrade(opened)
    yield opened
    opened.close()


@pytest.fixture
def settings(home: Path, database_url: str) -> Settings:
    made = Settings(home=home, database_url=database_url, slots=2)
    made.prepare_home()
    return made


@pytest.fixture
def settings_of_sqlite(home: Path) -> Settings:
    """Settings with the embedded database, where one kind is enough."""
    made = Settings(home=home, slots=2)
    made.prepare_home()
    return made


@pytest.fixture(scope="session")
def routes_shared() -> Generator[None]:
    """See tests/shared_routes.py; applications are made by services in this process, and by most commands."""
    from tests import shared_routes  # imports FastAPI

    with shared_routes.routes_shared():
        yield


@pytest.fixture
def memscore(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], routes_shared: None
) -> Callable[..., Outcome]:
    """The command line, called in this process; on a busy machine, it prints no lines of progress before a refusal."""
    monkeypatch.setattr(progress, "FIRST_SECONDS", 600.0)
    monkeypatch.setenv("MEMSCORE_PROGRESS_SECONDS", "600")

    def call(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["memscore", *arguments])
        status = 0
        try:
            cli.main()
        except SystemExit as end:
            status = int(end.code or 0)
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    return call


def make_dataset(train: int = 60, test: int = 20, classes: int = 3, seed: int = 0) -> Dataset:
    """Noisy class-dependent 4x4 images: quick to learn, not too easy."""
    random = np.random.default_rng(seed)
    centres = random.integers(60, 200, (classes, 4, 4, 1))

    def draw(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.arange(count) % classes
        noise = random.normal(0, 60, (count, 4, 4, 1))
        return np.clip(centres[labels] + noise, 0, 255).astype(np.uint8), labels

    x_train, y_train = draw(train)
    x_test, y_test = draw(test)
    return build_dataset(x_train, y_train, x_test, y_test, source="made up")


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    return make_dataset()


def make_trials(dataset: Dataset, design: Design, blocks: int, seed: int = 0) -> list[Trial]:
    """Trials without training: right on the subset, right by chance elsewhere, with a chance of each sample's own."""
    random = np.random.default_rng(seed)
    n, q = len(dataset.y_train), len(dataset.y_test)
    chance, test_chance = random.random(n), random.random(q)
    trials: list[Trial] = []
    for block in range(blocks):
        membership = block_membership(design, n, block)
        for k in range(BLOCK):
            correct = membership[k] | (random.random(n) < chance)
            trials.append(
                pack_trial(
                    block * BLOCK + k,
                    membership[k],
                    correct,
                    random.random(q) < test_chance,
                    device="cpu",
                    code_version="test",
                    seconds=0.5,
                )
            )
    return trials


@dataclass(frozen=True)
class StoredStudy:
    """A study in a database, with 40 trials and the tables built from them."""

    record: StudyRecord
    dataset: Dataset
    trials: list[Trial]
    scores: ScoreTable
    pairs: PairsTable


def store_study(database: Database) -> StoredStudy:
    """Store a made-up dataset, and a study of it, named alike."""
    dataset, design = make_dataset(), Design()
    trials = make_trials(dataset, design, blocks=4)
    with database.writing() as connection:
        record = datasets.register(connection, "made-up", dataset)
        study = studies.ensure(connection, record, QUICK, design, "made-up")
        evidence.add(connection, study.id, trials)
        scores, pairs = build(dataset, trials, design, study.id)
        tables.add(connection, study.id, scores, pairs)
    return StoredStudy(study, dataset, trials, scores, pairs)


@dataclass(frozen=True)
class StudyTemplate:
    """The stored study, in a home folder to be copied."""

    study: StoredStudy
    home: Path


@pytest.fixture(scope="session")
def study_template(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> StudyTemplate:
    home = tmp_path_factory.mktemp("study")
    opened = open_database(create_sqlite(home / "memscore.db", sqlite_template))
    study = store_study(opened)
    opened.close()
    save(study.dataset, home)
    return StudyTemplate(study, home)


def store_whole(database: Database) -> None:
    """Store the same study with something of every kind: outputs, probabilities, full trials, a job, published rows."""
    from tests.whole_study import complete

    complete(database, store_study(database))


@pytest.fixture(scope="session")
def whole_template(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Path:
    """A SQLite database with what `store_whole` stores, to be copied."""
    file = tmp_path_factory.mktemp("whole") / "memscore.db"
    opened = open_database(create_sqlite(file, sqlite_template))
    store_whole(opened)
    opened.close()
    return file


@pytest.fixture
def stored_study(database: Database, home: Path, study_template: StudyTemplate) -> StoredStudy:
    """A study that is stored in the test's database and home; what a test does to it, no other sees."""
    shutil.copytree(study_template.home / "datasets", home / "datasets", dirs_exist_ok=True)
    with database.reading() as connection:
        record = studies.find(connection, "made-up")
    return replace(copy.deepcopy(study_template.study), record=record)


@pytest.fixture
def copied(database: Database, home: Path) -> Dataset:
    """The dataset of a study `copied`, which has names, two copies in the test part and one within training."""
    made = make_dataset()
    x_train, x_test = made.x_train.copy(), made.x_test.copy()
    x_train[9], x_test[2], x_test[5] = x_train[3], x_train[4], x_train[1]
    ids = [{"id": np.array([f"{part}-{i}" for i in range(n)])} for part, n in (("a", len(x_train)), ("b", len(x_test)))]
    dataset = replace(made, x_train=x_train, x_test=x_test, columns=SampleColumns(*ids))
    save(dataset, home)
    trials = make_trials(dataset, Design(), blocks=2)
    with database.writing() as connection:
        record = datasets.register(connection, "copied", dataset)
        study = studies.ensure(connection, record, QUICK, Design(), "copied")
        tables.add(connection, study.id, *build(dataset, trials, Design(), study.id))
    return dataset


@pytest.fixture
def embedded(database_url: str, stored_study: StoredStudy, monkeypatch: pytest.MonkeyPatch) -> StoredStudy:
    """A stored study in the database that the command line is set to."""
    monkeypatch.setenv("MEMSCORE_DATABASE_URL", database_url)
    return stored_study


@pytest.fixture
def margin_scores(database: Database, stored_study: StoredStudy) -> ScoreTable:
    """The stored study's current scores, now from trials that recorded margins."""
    dataset, record = stored_study.dataset, stored_study.record
    made = made_evidence(len(dataset.y_train), len(dataset.y_test), blocks=5, margins=True)
    counts = Counts.of(made, dataset.y_train, dataset.y_test)
    scores, pairs = build_tables(
        counts, Provenance(record.id, dataset.fingerprint, {}, Design().model_dump(mode="json"))
    )
    with database.writing() as connection:
        tables.add(connection, record.id, scores, pairs)
    return scores


def build(
    dataset: Dataset, trials: list[Trial], design: Design, study: str, *, images: bool = False
) -> tuple[ScoreTable, PairsTable]:
    """Tables of trials; with `images`, as a service makes them, which compares these and sketches."""
    counts = Counts.empty(dataset.y_train, dataset.y_test, design if images else None)
    count_trials(counts, trials, design)
    about = Provenance(study, dataset.fingerprint, {}, design.model_dump(mode="json"))
    sketches = [sketch for trial in trials if (sketch := trial.sketch) is not None]
    return build_tables(counts, about, similarity_of(dataset, counts, sketches) if images else None)
