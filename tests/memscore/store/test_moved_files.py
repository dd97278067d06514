"""A database file or a home folder that is moved away or replaced while processes use it: said, and nothing is made."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from api.serving.in_process import in_process
from memscore.errors import StoreError
from memscore.farm.launchers import LocalLauncher
from memscore.launch import python
from memscore.settings import Settings
from memscore.store import Database, datasets, open_database
from memscore.store.backup import back_up, restore
from memscore.store.pepper import pepper_of
from memscore.workflows.datasets import register
from tests.command_line import Outcome, refused
from tests.conftest import make_dataset

pytestmark = pytest.mark.databases("sqlite")

SENTENCE = "was moved, replaced or removed while this process used it; move it back, or restart"


def file_of(database: Database) -> Path:
    assert database.file is not None
    return database.file.path


def moved(file: Path) -> None:
    os.rename(file, file.with_name("elsewhere.db"))


def removed(file: Path) -> None:
    os.remove(file)


def replaced(file: Path) -> None:
    shutil.copyfile(file, file.with_name("copy.db"))
    os.replace(file.with_name("copy.db"), file)


def home_moved(file: Path) -> None:
    os.rename(file.parent, file.parent.with_name("home.gone"))


def home_emptied(file: Path) -> None:
    shutil.rmtree(file.parent)
    file.parent.mkdir()


CHANGES = [moved, removed, replaced, home_moved, home_emptied]


@pytest.mark.parametrize("change", CHANGES)
def test_nobody_reads_or_writes_what_is_no_longer_there(database: Database, change: Callable[[Path], None]):
    with database.reading() as connection:
        connection.execute(text("SELECT 1"))
    file = file_of(database)
    change(file)
    left = file.exists()
    for transaction in (database.reading, database.writing):
        with pytest.raises(StoreError, match=SENTENCE) as refusal, transaction():
            pass
        assert str(file) not in (refusal.value.public or "")
    database.engine.dispose()  # a new connection would open another file, or make one
    with pytest.raises(StoreError, match=SENTENCE), database.reading():
        pass
    assert file.exists() == left


def test_what_is_moved_back_is_used_again(database: Database):
    with database.writing() as connection:
        connection.execute(text("SELECT 1"))
    file = file_of(database)
    moved(file)
    with pytest.raises(StoreError), database.reading():
        pass
    os.rename(file.with_name("elsewhere.db"), file)
    with database.writing() as connection:
        connection.execute(text("SELECT 1"))


def test_a_connection_that_opens_another_file_is_refused(database: Database, monkeypatch: pytest.MonkeyPatch):
    """The file may be replaced after the look at it, and before a connection opens it."""
    assert database.file is not None
    with database.reading():
        pass
    database.engine.dispose()
    replaced(file_of(database))
    look = database.file.require
    asked: list[None] = []

    def first_before_the_change() -> None:
        asked.append(None)
        if len(asked) > 1:
            look()

    monkeypatch.setattr(database.file, "require", first_before_the_change)
    with pytest.raises(StoreError, match=SENTENCE), database.reading():
        pass
    assert len(asked) == 2


@pytest.mark.parametrize("change", CHANGES)
def test_the_service_is_not_ready_and_takes_no_job(
    database: Database, settings: Settings, change: Callable[[Path], None]
):
    register(database, settings, "made-up", make_dataset())
    body = {"dataset": "made-up", "recipe": "digits", "target": {"trials": 10}}
    with in_process(database, settings.home) as http:
        assert http.get("/readyz").status_code == 200
        change(file_of(database))
        before = sorted(settings.home.parent.rglob("*"))
        for answer in (http.get("/readyz"), http.post("/v1/jobs", json=body), http.get("/v1/studies")):
            unavailable(answer)
        assert sorted(settings.home.parent.rglob("*")) == before


def unavailable(answer: httpx.Response) -> None:
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert "moved, replaced or removed" in answer.json()["detail"]


def test_a_restore_under_a_service_leaves_it_not_ready(database: Database, settings: Settings, tmp_path: Path):
    """Another process may restore once this one has closed its connections, as after an outage."""
    with in_process(database, settings.home) as http:
        assert http.get("/readyz").status_code == 200
        back_up(database, settings, tmp_path / "backup")
        database.engine.dispose()
        restore(tmp_path / "backup", settings, overwrite=True)
        unavailable(http.get("/readyz"))


def test_a_driver_makes_no_database_where_there_was_one(tmp_path: Path):
    home = tmp_path / "gone"
    environment = {**os.environ, "MEMSCORE_HOME": str(home)}
    command = python("memscore.farm.driver", "5f2b9c41d07ae836", "1")
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        said = run.stderr.read()  # its standard input stays open: it would end with its parent
    assert run.returncode != 0
    assert f"There is no database {home / 'memscore.db'}" in said
    assert not home.exists()


def test_no_home_is_made_where_there_was_one(settings: Settings):
    launcher = LocalLauncher(settings)
    assert launcher.unavailable() is None
    os.rename(settings.home, settings.home.with_name("home.gone"))
    assert launcher.unavailable() == (
        f"The home folder {settings.home} is gone; move it back, or restart what uses it."
    )
    with pytest.raises(StoreError, match="is gone; move it back"):
        pepper_of(settings)
    assert not settings.home.exists()
    os.rename(settings.home.with_name("home.gone"), settings.home)
    assert launcher.unavailable() is None


def test_a_database_that_must_exist_is_not_made(tmp_path: Path):
    with pytest.raises(StoreError, match=r"There is no database .*/none\.db; set MEMSCORE_HOME"):
        open_database(f"sqlite:///{tmp_path / 'none.db'}", create=False)
    assert not list(tmp_path.glob("none*"))


def test_a_journal_without_its_database_keeps_everything_for_it(database: Database, settings: Settings):
    """As after a move of the file alone: a new one in its place would have SQLite delete what was written last."""
    with database.writing() as connection:
        datasets.register(connection, "kept", make_dataset())
    file = file_of(database)
    journal = file.with_name(f"{file.name}-wal")
    assert journal.stat().st_size
    written = journal.read_bytes()
    moved(file)
    for create in (True, False):
        with pytest.raises(StoreError, match=r"is missing, but its journal|There is no database"):  # noqa: SIM117
            with open_database(f"sqlite:///{file}", create=create).writing():
                pass
    assert not file.exists()
    assert journal.read_bytes() == written
    os.rename(file.with_name("elsewhere.db"), file)
    with database.reading() as connection:
        assert datasets.by_name(connection, "kept").name == "kept"


COMMANDS = [
    *(["studies list", "datasets list", "jobs list", "jobs prune --older 1d --dry-run", "keys list", "db usage"]),
    *(["scores list nothing", "pairs list nothing", "sets nothing", "datasets remove nothing", "db check"]),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_that_read_make_no_home(
    command: str, memscore: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("MEMSCORE_HOME", str(tmp_path / "mistyped"))
    refused(memscore(*command.split()), "There is no database")
    assert not (tmp_path / "mistyped").exists()


@pytest.mark.databases("sqlite")
def test_an_empty_file_is_no_database_and_keeps_its_journal(database: Database, settings: Settings):
    """As a copy that failed leaves it; SQLite would delete the journal beside a new database."""
    database.close()
    file = settings.home / "memscore.db"
    file.write_bytes(b"")
    journal = file.with_name("memscore.db-wal")
    with pytest.raises(StoreError, match=r"There is no database .* \(the file is empty\)"):
        open_database(settings.database, create=False)
    open_database(settings.database).close()  # but a new one may be made of it
    journal.write_bytes(b"what was written last")
    for create in (False, True):
        with pytest.raises(StoreError, match=r"is empty, but its journal|There is no database"):  # noqa: SIM117
            with open_database(settings.database, create=create).reading():
                pass
    assert journal.read_bytes() == b"what was written last"
