"""The store on SQLite and PostgreSQL: names, evidence, table versions."""

import shutil
import sqlite3
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event, update

from memscore.errors import Conflict, Damaged, InvalidInput, NoScoresYet, NotFound, StoreError
from memscore.settings import Settings
from memscore.store import Database, datasets, evidence, jobs, migrate, open_database, studies, tables
from memscore.store import database as database_module
from memscore.store.database import sqlite_file
from memscore.store.migrate import require_current
from memscore.store.schema import trials
from memscore.study.recipes import RECIPES
from memscore.study.spec import Design, Target, Wanted
from tests.conftest import QUICK, StoredStudy, build, make_dataset, make_trials
from tests.made_evidence import with_outputs


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mysql://localhost/x", "use sqlite or postgresql"),
        ("sqlite://", "must be a file"),
        ("nonsense", "cannot be read"),
    ],
)
def test_an_unusable_url_is_refused(url: str, sentence: str):
    with pytest.raises(InvalidInput, match=sentence):
        open_database(url)


def test_a_server_that_is_not_there_is_one_sentence_without_the_password(tmp_path: Path):
    database = open_database("postgresql://someone:secret@127.0.0.1:1/x")
    with pytest.raises(StoreError) as error, database.reading():
        pass
    assert "secret" not in str(error.value)
    assert "\n" not in str(error.value)
    with pytest.raises(StoreError, match="does not exist"):
        open_database(f"sqlite:///{tmp_path}/nowhere/x.db")


@pytest.mark.parametrize("name", ["h?x", "h%41b", "My%20Data", "a b#c", "a%3Fb?c=d&e", "é"])
def test_a_home_keeps_its_database_whatever_its_name_means_in_a_url(name: str, tmp_path: Path):
    home = tmp_path / name
    settings = Settings(home=home)
    settings.prepare_home()
    assert sqlite_file(settings.database) == home / "memscore.db"
    database = open_database(settings.database)
    require_current(database)
    database.close()
    assert {path.name for path in tmp_path.iterdir()} == {name}
    assert (home / "memscore.db").is_file()
    assert Settings(database_url=settings.environment()["MEMSCORE_DATABASE_URL"]).database == settings.database


def test_migrations_run_wherever_the_package_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    installed = tmp_path / "100%(here)s"
    shutil.copytree(migrate.migrations_folder(), installed)
    monkeypatch.setattr(migrate, "migrations_folder", lambda: installed)
    database = open_database(f"sqlite:///{tmp_path / 'x.db'}")
    migrate.upgrade(database)
    assert migrate.current_revision(database) == migrate.head_revision()
    database.close()


def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path):
    (tmp_path / "x.db").write_bytes(b"garbage" * 1000)
    database = open_database(f"sqlite:///{tmp_path / 'x.db'}")
    with pytest.raises(StoreError, match="cannot be used: file is not a database"):
        require_current(database)
    database.close()


def test_a_name_stands_for_one_dataset(database: Database):
    with database.writing() as connection:
        record = datasets.register(connection, "one", make_dataset())
        assert datasets.register(connection, "one", make_dataset()) == record
        with pytest.raises(Conflict, match="already belongs to another dataset"):
            datasets.register(connection, "one", make_dataset(seed=1))
        with pytest.raises(NotFound, match="registered datasets: one"):
            datasets.by_name(connection, "two")


def test_studies_are_named_after_their_dataset(database: Database):
    with database.writing() as connection:
        record = datasets.register(connection, "one", make_dataset())
        first = studies.ensure(connection, record, QUICK, Design(), None)
        second = studies.ensure(connection, record, QUICK, Design(seed=1), None)
        assert first.name == "one"
        assert second.name == f"one-{second.id[:8]}"
        assert studies.ensure(connection, record, QUICK, Design(), None) == first
        assert studies.find(connection, "one") == studies.find(connection, first.id) == first
        with pytest.raises(Conflict, match="already exists under the name 'one'"):
            studies.ensure(connection, record, QUICK, Design(), "other")
        with pytest.raises(Conflict, match="belongs to another study"):
            studies.ensure(connection, record, RECIPES["digits"], Design(), "one")
        with pytest.raises(NotFound, match="the latest are: "):
            studies.find(connection, "nothing")


def test_a_failed_study_without_trials_gives_its_name_back(database: Database):
    with database.writing() as connection:
        record = datasets.register(connection, "one", make_dataset())
        failed = studies.ensure(connection, record, QUICK, Design(), "one")
        job, _ = jobs.submit(connection, failed.id, Wanted(), 0)
        with pytest.raises(Conflict, match="belongs to another study"):  # it may still bring trials
            studies.ensure(connection, record, RECIPES["digits"], Design(), "one")
        claimed = jobs.claim(connection, "here", 60)
        assert claimed is not None
        assert jobs.finish(connection, job.id, claimed.attempt, "failed", "the loss is not finite")
        good = studies.ensure(connection, record, RECIPES["digits"], Design(), "one")
        assert studies.find(connection, "one") == good
        assert studies.find(connection, failed.id).name == f"one-{failed.id[:8]}"
        with pytest.raises(Conflict, match=f"under the name 'one-{failed.id[:8]}'"):  # its name now has a holder
            studies.ensure(connection, record, QUICK, Design(), "one")


def test_a_study_is_judged_until_a_job_has_succeeded(database: Database):
    with database.writing() as connection:
        record = datasets.register(connection, "one", make_dataset())
        study = studies.ensure(connection, record, QUICK, Design(), "one").id
        assert jobs.is_first_attempt(connection, study, 0)
        assert not jobs.is_first_attempt(connection, study, 40)  # evidence from elsewhere
        for state, expected in (("failed", True), ("succeeded", False)):
            job, _ = jobs.submit(connection, study, Wanted(), 0)
            claimed = jobs.claim(connection, "here", 60)
            assert claimed is not None
            assert jobs.finish(connection, job.id, claimed.attempt, state, "ended")
            assert jobs.is_first_attempt(connection, study, 40) == expected


def test_another_study_keeps_its_name_while_nobody_wants_it(database: Database):
    with database.writing() as connection:
        record = datasets.register(connection, "one", make_dataset())
        failed = studies.ensure(connection, record, QUICK, Design(), None)
        other = studies.ensure(connection, record, RECIPES["digits"], Design(), None)
        job, _ = jobs.submit(connection, failed.id, Wanted(), 0)
        claimed = jobs.claim(connection, "here", 60)
        assert claimed is not None
        assert jobs.finish(connection, job.id, claimed.attempt, "failed", "the loss is not finite")
        assert studies.ensure(connection, record, RECIPES["digits"], Design(), None) == other
        assert studies.find(connection, failed.id).name == "one"
        studies.ensure(connection, record, RECIPES["mnist-mlp"], Design(), "another")
        assert studies.find(connection, failed.id).name == "one", "nobody asked for its name"


def test_a_failed_study_with_trials_keeps_its_name(stored_study: StoredStudy, database: Database):
    with database.writing() as connection:
        study = stored_study.record
        job, _ = jobs.submit(connection, study.id, Wanted(target=Target(trials=100)), 40)
        claimed = jobs.claim(connection, "here", 60)
        assert claimed is not None
        assert jobs.finish(connection, job.id, claimed.attempt, "failed", "no GPU")
        record = datasets.by_name(connection, study.dataset)
        other = studies.ensure(connection, record, RECIPES["digits"], Design(), None)
        assert studies.find(connection, study.name) == study
        assert other.name == f"{study.dataset}-{other.id[:8]}"


def test_a_released_name_comes_back_when_it_is_asked_for(stored_study: StoredStudy, database: Database):
    with database.writing() as connection:
        study = stored_study.record
        renamed = studies.release_name(connection, study.id)
        assert renamed == f"{study.name}-{study.id[:8]}"
        assert studies.release_name(connection, study.id) is None
        record = datasets.by_name(connection, study.dataset)
        assert study.recipe is not None
        assert study.design is not None
        assert studies.ensure(connection, record, study.recipe, study.design, study.name) == study


def test_evidence_comes_back_as_it_went_in(stored_study: StoredStudy, database: Database):
    with database.reading() as connection:
        assert evidence.load(connection, stored_study.record.id) == stored_study.trials
        assert evidence.numbers(connection, stored_study.record.id) == list(range(40))
        assert evidence.count(connection, stored_study.record.id) == 40


def test_margins_are_stored_compressed_and_come_back_as_they_were(stored_study: StoredStudy, database: Database):
    study, labels = stored_study.record.id, (stored_study.dataset.y_train, stored_study.dataset.y_test)
    more = [with_outputs(trial, *labels) for trial in make_trials(stored_study.dataset, Design(), blocks=5)[40:]]
    full = with_outputs(replace(more[0], number=0, out_accuracy=None), *labels)
    with database.writing() as connection:
        evidence.add(connection, study, [*more, full])
    with database.reading() as connection:
        assert evidence.load(connection, study) == stored_study.trials + more
        assert evidence.load(connection, study, full=True) == [full]
        row = connection.execute(trials.select().where(trials.c.number == 40)).one()
    assert zlib.decompress(row.train_margin) == more[0].train_margin != row.train_margin
    assert row.train_mistakes == more[0].train_mistakes
    assert row.digest == more[0].digest


@pytest.mark.parametrize("damaged", [b"", b"no zlib", zlib.compress(bytes(60))[:-1]])
def test_margins_that_cannot_be_decompressed_are_noticed(stored_study: StoredStudy, database: Database, damaged: bytes):
    with database.writing() as connection:
        connection.execute(update(trials).where(trials.c.number == 7).values(test_margin=damaged))
    with database.reading() as connection, pytest.raises(Damaged, match=r"margins of trial 7 .* db check --repair"):
        evidence.load(connection, stored_study.record.id)


def test_a_trial_stored_twice_stays_as_it_was(stored_study: StoredStudy, database: Database):
    others = make_trials(stored_study.dataset, Design(), blocks=5, seed=9)
    with database.writing() as connection:
        evidence.add(connection, stored_study.record.id, others)
    with database.reading() as connection:
        assert evidence.load(connection, stored_study.record.id) == stored_study.trials + others[40:]


def test_changed_evidence_is_noticed(stored_study: StoredStudy, database: Database):
    with database.writing() as connection:
        connection.execute(update(trials).where(trials.c.number == 7).values(train_bits=bytes(8)))
    with database.reading() as connection, pytest.raises(Damaged, match="Trial 7"):
        evidence.load(connection, stored_study.record.id)


def test_the_current_table_is_the_one_from_most_trials(stored_study: StoredStudy, database: Database):
    study = stored_study.record.id
    longer = make_trials(stored_study.dataset, Design(), blocks=6)
    with database.writing() as connection:
        tables.add(connection, study, *build(stored_study.dataset, longer, Design(), study))
        tables.add(connection, study, stored_study.scores, stored_study.pairs)
    with database.reading() as connection:
        scores, pairs = tables.current(connection, study)
        assert scores.trials == pairs.trials == (tables.current_meta(connection, study) or {})["trials"] == 60
        assert tables.current_digest(connection, study) == scores.digest
        with pytest.raises(NoScoresYet):
            tables.current(connection, "0" * 16)


def test_a_failed_transaction_leaves_nothing(database: Database):
    def fail() -> None:
        with database.writing() as connection:
            datasets.register(connection, "one", make_dataset())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with database.reading() as connection:
        assert datasets.listing(connection) == []


def test_statements_are_not_prepared_so_that_a_pooler_may_change_connections():
    """pgbouncer in transaction mode gives each transaction another connection, which lacks prepared statements."""
    database = open_database("postgresql://someone@127.0.0.1:1/x")
    _, options = database.engine.dialect.create_connect_args(database.engine.url)
    seen: dict[str, object] = {}

    def connect(dialect: object, record: object, arguments: object, given: dict[str, object]) -> None:
        seen.update(given)

    event.listen(database.engine, "do_connect", connect)
    with pytest.raises(StoreError), database.reading():
        pass
    assert seen["prepare_threshold"] is None
    assert options is not None


@pytest.mark.databases("sqlite")
def test_writers_that_wait_leave_connections_to_readers(database: Database, monkeypatch: pytest.MonkeyPatch):
    """More writers than the pool has connections wait while another process holds the lock; readers do not."""
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 3)
    file = database.engine.url.database
    assert file is not None
    database.close()  # connections opened from now on wait for 3 s
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    def write(number: int) -> str:
        try:
            with database.writing() as connection:
                jobs.events(connection, str(number))
        except StoreError as error:
            return str(error)
        return "written"

    with ThreadPoolExecutor(30) as threads:
        writing = [threads.submit(write, number) for number in range(30)]
        while sum(one.done() for one in writing) < 14:  # of 30, 16 may wait; the others are refused at once
            time.sleep(0.01)
        for _ in range(20):
            with database.reading() as connection:
                assert jobs.events(connection, "x") == []
        other.execute("ROLLBACK")
        ended = [one.result() for one in writing]
    other.close()
    assert ended.count("Too many requests wait to write to the database; try again.") == 14
    assert ended.count("written") == 16


def test_a_pool_without_a_free_connection_is_a_state_of_the_store(database: Database):
    pool = create_engine(database.engine.url, pool_size=1, max_overflow=0, pool_timeout=0.05)
    small = Database(pool)
    with small.reading(), pytest.raises(StoreError, match=r"All connections .* are in use") as error, small.reading():
        pass
    assert error.value.public == "The database cannot be used at the moment; the service's log says why."
    pool.dispose()
