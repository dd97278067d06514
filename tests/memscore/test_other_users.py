"""The home folder is its owner's alone, whatever the umask; what was shared with a group on purpose stays shared."""

from __future__ import annotations

import os
import stat
from collections.abc import Generator
from pathlib import Path

import pytest

from memscore.datasets.storage import open_dataset, save
from memscore.farm.launchers import LocalLauncher
from memscore.files import tighten
from memscore.settings import Settings
from memscore.store import jobs, studies
from memscore.store.pepper import FILE, pepper_of
from memscore.study.spec import Design, Target, Wanted
from memscore.workflows.datasets import register
from memscore.workflows.embedded import opened_database
from tests.conftest import QUICK, make_dataset
from tests.databases import create_sqlite
from tests.other_user import as_other_user, needs_root, open_folder

READ_ALL = """
read = []
for folder, folders, files in os.walk(sys.argv[1]):
    for path in (os.path.join(folder, name) for name in files + folders):
        try:
            handle = os.open(path, os.O_RDONLY)
            os.close(handle)
            read.append(os.path.relpath(path, sys.argv[1]))
        except OSError:
            pass
for name in ("memscore.db", "memscore.db-wal", "memscore.db-shm", "key-pepper"):  # which need not be listed first
    try:
        open(os.path.join(sys.argv[1], "home", name), "rb").read()
        read.append(name)
    except OSError:
        pass
print(json.dumps(read))
"""


@pytest.fixture
def place() -> Generator[Path]:
    with open_folder() as folder:
        yield folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def used(settings: Settings) -> None:
    """Leave everything in a home that a service leaves there; the database stays as a crash would leave it."""
    pepper_of(settings)
    with opened_database(settings) as database:
        dataset = make_dataset()
        record = register(database, settings, "made-up", dataset)
        with database.writing() as connection:
            study = studies.ensure(connection, record, QUICK, Design(), "made-up")
            job, _ = jobs.submit(connection, study.id, Wanted(target=Target(trials=50)), 40)
        driver = LocalLauncher(settings).launch(job)
        driver.stop()


@needs_root
def test_another_user_reads_nothing_of_a_home(place: Path):
    settings = Settings(home=place / "home")
    before = os.umask(0)
    try:
        with opened_database(settings) as database, database.reading():
            used(settings)
            names = {path.name for path in settings.home.iterdir()}
            assert {"memscore.db", "memscore.db-wal", "memscore.db-shm", FILE, "logs", "datasets"} <= names
            assert as_other_user(READ_ALL, place) == []
            settings.home.chmod(0o755)  # as earlier versions made it: what is in it needs no help
            assert as_other_user(READ_ALL, place) == ["home"]
    finally:
        os.umask(before)


@pytest.mark.parametrize("given", [0o000, 0o022, 0o077])
def test_modes_are_the_same_whatever_the_umask(tmp_path: Path, given: int):
    settings = Settings(home=tmp_path / "new" / "home")
    before = os.umask(given)
    try:
        with opened_database(settings):
            used(settings)
            found = {path.name: mode(path) for path in (settings.home, *settings.home.iterdir())}
            (log,) = (settings.home / "logs").iterdir()
    finally:
        os.umask(before)
    folders = {name: found.pop(name) for name in ("home", "datasets", "logs")}
    assert set(folders.values()) == {0o700}
    assert set(found.values()) == {0o600}
    assert mode(log) == 0o600


def test_what_an_earlier_version_left_open_to_all_is_closed(tmp_path: Path, home: Path, sqlite_template: Path):
    settings = Settings(home=home)
    create_sqlite(home / "memscore.db", sqlite_template)
    pepper_of(settings)
    save(make_dataset(), home)
    home.chmod(0o755)
    for name in ("memscore.db", FILE):
        (home / name).chmod(0o644)
    (home / "datasets").chmod(0o755)
    with opened_database(settings):
        pepper_of(settings)
        assert {mode(home / name) for name in ("memscore.db", "memscore.db-wal", "memscore.db-shm", FILE)} == {0o600}
        assert {mode(home / name) for name in ("datasets", "logs")} == {0o700}
    assert mode(home) == 0o755, "its owner chose the folder, which may hold other things"


def test_what_is_shared_with_a_group_stays_shared(home: Path, sqlite_template: Path):
    settings = Settings(home=home)
    create_sqlite(home / "memscore.db", sqlite_template)
    home.chmod(0o2770)
    (home / "memscore.db").chmod(0o660)
    with opened_database(settings):
        assert {mode(home / name) for name in ("memscore.db", "memscore.db-wal", "memscore.db-shm")} == {0o660}
    assert {mode(home / name) & 0o777 for name in ("datasets", "logs")} == {0o770}
    fingerprint = save(make_dataset(), home)
    assert mode(home / "datasets" / fingerprint) & 0o777 == 0o770
    assert open_dataset(home, fingerprint).fingerprint == fingerprint


def test_only_what_is_ones_own_is_closed(tmp_path: Path):
    (tmp_path / "target").touch(0o644)
    (tmp_path / "link").symlink_to(tmp_path / "target")
    assert not tighten(tmp_path / "link")
    assert not tighten(tmp_path / "missing")
    assert mode(tmp_path / "target") == 0o644
    assert tighten(tmp_path / "target")
    assert not tighten(tmp_path / "target")
    assert mode(tmp_path / "target") == 0o600


@needs_root
def test_files_of_other_users_are_left_alone(tmp_path: Path):
    (tmp_path / "file").touch(0o644)
    os.chown(tmp_path / "file", 1234, 1234)
    assert not tighten(tmp_path / "file")
    assert mode(tmp_path / "file") == 0o644
