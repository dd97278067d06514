"""Backup and restore: also while a service runs, after a crash, over a damaged database, and never half done."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from errno import EIO
from pathlib import Path

import pytest
from sqlalchemy import text

from memscore.client import Client
from memscore.errors import Conflict, Damaged, InvalidInput, StoreError
from memscore.settings import Settings
from memscore.store import Database, backup, evidence, open_database
from memscore.store.backup import back_up, restore
from memscore.store.checking import check
from memscore.store.migrate import current_revision, downgrade, head_revision, revisions
from memscore.store.pepper import FILE, pepper_of
from memscore.study.evidence import Trial
from memscore.study.spec import Design
from tests.command_line import Outcome, refused
from tests.conftest import StoredStudy, make_trials
from tests.disk import Disk
from tests.processes import Service, ending

pytestmark = pytest.mark.databases("sqlite")

KEEPS_WRITING = """
import sys, time
from memscore.store import open_database
from memscore.store.schema import leases
from memscore.store.database import now
database = open_database(sys.argv[1])
number = 0
while True:
    with database.writing() as connection:
        connection.execute(leases.insert().values(name=f"{number}" + "x" * 2000, owner="w", expires_at=now()))
    number += 1
    if number == 200:
        print("written", flush=True)
"""

IDLE = """
import sys
from memscore.store import open_database, leadership
database = open_database(sys.argv[1])
with database.reading() as connection:
    leadership.current(connection, "dispatcher")
print("read", flush=True)
sys.stdin.read()
"""


def started(script: str, url: str) -> subprocess.Popen[bytes]:
    """A process on the database, once it has printed a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    return process


def ended(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def trials(database: Database, study: str) -> list[Trial]:
    with database.reading() as connection:
        return evidence.load(connection, study)


def faults(database: Database, home: Path) -> list[str]:
    return [
        f"{one.place} {one.problem}" for one in check(database, home, repair=False, watch=lambda *_: None) if one.damage
    ]


def test_a_backup_brings_everything_back_elsewhere(
    database: Database, settings: Settings, stored_study: StoredStudy, tmp_path: Path
):
    file, elsewhere = tmp_path / "b.zip", Settings(home=tmp_path / "elsewhere")
    secret = pepper_of(settings)
    made = back_up(database, settings, file)
    assert [one.name for one in made.datasets] == ["made-up"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert restore(file, elsewhere) == made
    assert {stat.S_IMODE((elsewhere.home / name).stat().st_mode) for name in ("memscore.db", FILE)} == {0o600}
    assert pepper_of(elsewhere) == secret
    opened = open_database(elsewhere.database)
    assert trials(opened, stored_study.record.id) == stored_study.trials
    assert faults(opened, settings.home) == []
    opened.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.zip", "elsewhere", "home"]


def test_what_was_written_after_the_backup_is_gone_and_the_journal_of_a_crash_ruins_nothing(
    database_url: str, database: Database, settings: Settings, stored_study: StoredStudy, tmp_path: Path
):
    file, journal = tmp_path / "b.zip", settings.home / "memscore.db-wal"
    back_up(database, settings, file)
    more = make_trials(stored_study.dataset, Design(), blocks=8)
    with database.writing() as connection:
        evidence.add(connection, stored_study.record.id, more[40:])
    database.close()
    ended(started(KEEPS_WRITING, database_url))
    assert journal.stat().st_size > 0, "as a crash leaves it"
    restore(file, settings, overwrite=True)
    assert not journal.exists()
    assert trials(database, stored_study.record.id) == stored_study.trials
    assert faults(database, settings.home) == []


def test_a_backup_is_of_one_moment_while_others_write(
    database_url: str, database: Database, settings: Settings, stored_study: StoredStudy, tmp_path: Path
):
    writer = started(KEEPS_WRITING, database_url)
    try:
        for number in range(5):
            back_up(database, settings, tmp_path / f"{number}.zip")
        assert writer.poll() is None
    finally:
        ended(writer)
    database.close()
    for number in range(5):
        restore(tmp_path / f"{number}.zip", settings, overwrite=True)
        assert faults(database, settings.home) == []
        assert trials(database, stored_study.record.id) == stored_study.trials
        with database.reading() as connection:
            names = connection.exec_driver_sql("SELECT name FROM leases").scalars().all()
        assert sorted(int(name.rstrip("x")) for name in names) == list(range(len(names)))
        assert len(names) >= 200
        database.close()


def test_a_database_in_use_is_not_replaced(
    database_url: str, database: Database, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(backup, "WAIT_SECONDS", 0.1)
    back_up(database, settings, tmp_path / "b.zip")
    with database.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE later (a INTEGER)")
    database.close()
    idle = started(IDLE, database_url)
    try:
        with pytest.raises(Conflict, match="stop the service"):
            restore(tmp_path / "b.zip", settings, overwrite=True)
    finally:
        ended(idle)
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM later").scalar() == 0, "what was there is still there"
    database.close()
    restore(tmp_path / "b.zip", settings, overwrite=True)
    with database.reading() as connection:
        assert not connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE name = 'later'").all()


def test_a_database_that_was_replaced_under_a_process_is_not_replaced_again(
    database_url: str, database: Database, settings: Settings, tmp_path: Path
):
    back_up(database, settings, tmp_path / "b.zip")
    database.close()
    idle = started(IDLE, database_url)
    file = settings.home / "memscore.db"
    other = tmp_path / "other.db"
    other.write_bytes(file.read_bytes())
    other.replace(file)
    try:
        with pytest.raises(Conflict, match=f"The processes {idle.pid} still use the database that was at .* before"):
            restore(tmp_path / "b.zip", settings, overwrite=True)
    finally:
        ended(idle)
    restore(tmp_path / "b.zip", settings, overwrite=True)


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/full"])
def test_a_device_is_neither_read_nor_replaced(settings: Settings, database: Database, name: str):
    for run in (
        lambda: restore(Path(name), settings, overwrite=True),
        lambda: back_up(database, settings, Path(name), overwrite=True),
    ):
        with pytest.raises(InvalidInput, match="is no "):
            run()


def test_a_malformed_database_is_refused_in_a_sentence(
    memscore: Callable[..., Outcome], database: Database, settings: Settings, embedded: StoredStudy, tmp_path: Path
):
    """So broken that not even its journal mode can be read."""
    database.close()
    file = settings.home / "memscore.db"
    content = bytearray(file.read_bytes())
    for start in range(3 * 4096, len(content) - 40, 2 * 4096):
        content[start : start + 40] = bytes(one ^ 0x5A for one in content[start : start + 40])
    file.write_bytes(content)
    refused(memscore("db", "backup", str(tmp_path / "b.zip")), "is damaged: database disk image is malformed")


def test_a_running_service_is_backed_up_and_never_restored_into(
    memscore: Callable[..., Outcome], database: Database, settings: Settings, embedded: StoredStudy, tmp_path: Path
):
    file = tmp_path / "b.zip"
    database.close()
    with ending(Service(settings, "--no-dispatch")) as running:
        assert memscore("db", "backup", str(file)).status == 0
        refused(memscore("db", "restore", str(file), "--overwrite"), "stop the service and its dispatchers first")
        with Client(running.url) as client:
            assert [one.name for one in client.studies().studies] == ["made-up"]
        running.top.send_signal(signal.SIGKILL)
        running.guard.wait(60)
    done = memscore("db", "restore", str(file), "--overwrite")
    assert (done.status, done.err) == (0, "")
    assert memscore("db", "check").status == 0


def test_nothing_is_overwritten_unless_that_is_asked_for(
    memscore: Callable[..., Outcome], settings: Settings, embedded: StoredStudy, tmp_path: Path
):
    file = tmp_path / "b.zip"
    pepper_of(settings)
    told = memscore("db", "backup", str(file), "--json").json
    assert (told["revision"], told["pepper"], told["datasets"][0]["name"]) == (head_revision(), True, "made-up")
    before = file.read_bytes()
    refused(memscore("db", "backup", str(file)), "replace it with --overwrite")
    assert file.read_bytes() == before
    done = memscore("db", "backup", str(file), "--overwrite")
    assert "with its pepper" in done.out
    assert "not in it; keep a copy of" in " ".join(done.err.split())
    refused(memscore("db", "restore", str(file)), "There is a database")
    (settings.home / "memscore.db").unlink()
    (settings.home / FILE).write_text("another pepper of 32 characters!")
    refused(memscore("db", "restore", str(file)), "The backup has another pepper than")
    assert not (settings.home / "memscore.db").exists()
    told = memscore("db", "restore", str(file), "--overwrite", "--json").json
    assert [one["problem"] for one in told["datasets"]] == [None]
    assert told["made_at"].endswith("+00:00")


def test_datasets_whose_arrays_are_missing_or_damaged_are_named(
    memscore: Callable[..., Outcome], settings: Settings, database: Database, embedded: StoredStudy, tmp_path: Path
):
    file = tmp_path / "b.zip"
    memscore("db", "backup", str(file))
    database.close()
    (arrays,) = (settings.home / "datasets").iterdir()
    (arrays / "x_test.npy").write_bytes(b"")
    done = memscore("db", "restore", str(file), "--overwrite")
    assert done.status == 0
    assert "Dataset made-up: its arrays cannot be read" in " ".join(done.err.split())
    assert "memscore datasets add made-up" in " ".join(done.err.split())


def test_an_older_database_is_backed_up_and_restored_as_it_is(
    memscore: Callable[..., Outcome], database: Database, settings: Settings, tmp_path: Path
):
    older = revisions()[-2]
    downgrade(database, older)
    database.close()
    assert memscore("db", "backup", str(tmp_path / "b.zip"), "--json").json["revision"] == older
    done = memscore("db", "restore", str(tmp_path / "b.zip"), "--overwrite")
    assert (done.status, "memscore db upgrade" in done.err) == (0, True)
    assert current_revision(database) == older


def test_a_database_that_is_missing_or_damaged_is_not_backed_up(
    memscore: Callable[..., Outcome], database: Database, settings: Settings, embedded: StoredStudy, tmp_path: Path
):
    database.close()
    file = settings.home / "memscore.db"
    whole = file.read_bytes()
    file.write_bytes(whole[:8192] + b"\xff" * 8192 + whole[16384:])
    refused(memscore("db", "backup", str(tmp_path / "b.zip")), "is damaged")
    file.unlink()
    refused(memscore("db", "backup", str(tmp_path / "b.zip")), "There is no database")
    assert not (tmp_path / "b.zip").exists()
    assert not file.exists()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        ("UPDATE trials SET digest = 'odd' WHERE number = 7", "is damaged: trial 7 of study"),
        ("UPDATE score_tables SET payload = zeroblob(100)", "is damaged: the score table"),
    ],
)
def test_a_database_with_content_that_has_not_its_digest_is_not_backed_up(
    database: Database, settings: Settings, stored_study: StoredStudy, tmp_path: Path, spoil: str, sentence: str
):
    """Or the damage would be found only when the backup is restored."""
    back_up(database, settings, tmp_path / "b.zip")
    before = (tmp_path / "b.zip").read_bytes()
    with database.writing() as connection:
        assert connection.execute(text(spoil)).rowcount > 0
    with pytest.raises(StoreError, match=f"{sentence}.*; see memscore db check"):
        back_up(database, settings, tmp_path / "b.zip", overwrite=True)
    assert (tmp_path / "b.zip").read_bytes() == before


def test_a_restore_replaces_a_database_that_cannot_even_be_opened(
    database: Database, settings: Settings, stored_study: StoredStudy, tmp_path: Path
):
    back_up(database, settings, tmp_path / "b.zip")
    database.close()
    for name in ("memscore.db", "memscore.db-wal", "memscore.db-shm", "memscore.db-journal"):
        (settings.home / name).write_bytes(os.urandom(40_000))
    restore(tmp_path / "b.zip", settings, overwrite=True)
    assert faults(database, settings.home) == []
    assert trials(database, stored_study.record.id) == stored_study.trials


def test_a_stray_journal_without_a_database_is_not_replayed(
    database_url: str, database: Database, settings: Settings, stored_study: StoredStudy, tmp_path: Path
):
    back_up(database, settings, tmp_path / "b.zip")
    database.close()
    ended(started(KEEPS_WRITING, database_url))
    (settings.home / "memscore.db").unlink()
    restore(tmp_path / "b.zip", settings)
    assert faults(database, settings.home) == []


def flipped(table: str, column: str, at: int) -> str:
    """One byte changed in a blob, which SQLite's own check does not see."""
    part = f"substr({column}, 1, {at}) || x'5a' || substr({column}, {at} + 2)"
    return f"UPDATE {table} SET {column} = CAST({part} AS BLOB) WHERE rowid = (SELECT max(rowid) FROM {table})"


WITHIN = {
    "score table": flipped("score_tables", "payload", 600),
    "pairs table": flipped("pair_tables", "payload", 600),
    "trial": flipped("trials", "train_bits", 3),
    "digest of a trial": f"UPDATE trials SET digest = '{64 * '0'}' WHERE number = 7",
    "name of a table": f"UPDATE score_tables SET digest = '{64 * '1'}'",
    "type of a value": "UPDATE trials SET train_bits = 'text' WHERE number = 3",
}


def spoiled(file: Path, way: str) -> None:
    """Spoil a backup."""
    content = file.read_bytes()
    if way == "cut short":
        file.write_bytes(content[: len(content) // 2])
    elif way == "bits flipped":
        file.write_bytes(content[:50_000] + bytes([content[50_000] ^ 1]) + content[50_001:])
    elif way == "no zip":
        file.write_bytes(b"SQLite format 3\0" + bytes(1000))
    elif way == "another zip":
        with zipfile.ZipFile(file, "w") as packed:
            packed.writestr("a.npy", b"a")
    else:
        with zipfile.ZipFile(file) as packed:
            parts = {name: packed.read(name) for name in packed.namelist()}
        if way == "no database":
            del parts["memscore.db"]
        elif way == "newer":
            copy = file.with_name("copy.db")
            copy.write_bytes(parts["memscore.db"])
            with sqlite3.connect(copy) as connection:
                connection.execute("UPDATE alembic_version SET version_num = '9999'")
            connection.close()
            parts["memscore.db"] = copy.read_bytes()
        elif way == "damaged database":
            whole = parts["memscore.db"]
            parts["memscore.db"] = whole[:8192] + b"\xff" * 8192 + whole[16384:]
        elif way in WITHIN:
            copy = file.with_name("copy.db")
            copy.write_bytes(parts["memscore.db"])
            with sqlite3.connect(copy) as connection:
                connection.execute(WITHIN[way])
            connection.close()
            parts["memscore.db"] = copy.read_bytes()
        elif way == "of the future":
            parts["backup.json"] = parts["backup.json"].replace(b'"format": 1', b'"format": 2')
        with zipfile.ZipFile(file, "w") as packed:
            for name, content in parts.items():
                packed.writestr(name, content)


@pytest.mark.parametrize(
    ("way", "error", "sentence"),
    [
        ("cut short", InvalidInput, "is no backup made by memscore db backup"),
        ("bits flipped", Damaged, "is damaged: Bad CRC"),
        ("no zip", InvalidInput, "is no backup made by memscore db backup"),
        ("another zip", InvalidInput, "is no backup made by memscore db backup"),
        ("no database", Damaged, "lacks a part"),
        ("damaged database", Damaged, "is damaged"),
        ("score table", Damaged, "is damaged: the score table .* does not match its digest; nothing was replaced"),
        ("pairs table", Damaged, "is damaged: the pairs table .* does not match its digest; nothing was replaced"),
        ("trial", Damaged, "is damaged: trial 39 of study .* does not match its digest; nothing was replaced"),
        ("digest of a trial", Damaged, "is damaged: trial 7 of study"),
        ("name of a table", Damaged, "is damaged: the score table 111111111111 of study .* holds the table"),
        ("type of a value", Damaged, "is damaged: trial 3 of study .* cannot be read, or does not match"),
        ("newer", StoreError, "made by a newer version"),
        ("of the future", InvalidInput, "or it is a newer version's"),
    ],
)
def test_what_is_no_sound_backup_changes_nothing(
    way: str,
    error: type[Exception],
    sentence: str,
    database: Database,
    settings: Settings,
    stored_study: StoredStudy,
    tmp_path: Path,
):
    pepper_of(settings)
    back_up(database, settings, tmp_path / "b.zip")
    spoiled(tmp_path / "b.zip", way)
    database.close()
    before = {path: path.read_bytes() for path in settings.home.iterdir() if path.is_file()}
    with pytest.raises(error, match=sentence):
        restore(tmp_path / "b.zip", settings, overwrite=True)
    assert {path: path.read_bytes() for path in settings.home.iterdir() if path.is_file()} == before


def test_a_restore_that_fails_leaves_what_was_there(
    database_url: str,
    database: Database,
    settings: Settings,
    stored_study: StoredStudy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    """With what the journal of a crash held."""
    back_up(database, settings, tmp_path / "b.zip")
    database.close()
    ended(started(KEEPS_WRITING, database_url))

    def broken(source: object, target: object) -> None:
        raise OSError(EIO, os.strerror(EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", broken)
        with pytest.raises(StoreError, match="cannot be written"):
            restore(tmp_path / "b.zip", settings, overwrite=True)
        with pytest.raises(InvalidInput, match="cannot be written"):
            back_up(database, settings, tmp_path / "b.zip", overwrite=True)
    assert faults(database, settings.home) == []
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM leases").scalar_one() >= 200
    assert not [path.name for path in settings.home.iterdir() if path.name.startswith(".")]
    database.close()
    restore(tmp_path / "b.zip", settings, overwrite=True)


def test_backup_and_restore_are_on_the_disk(
    database: Database, settings: Settings, stored_study: StoredStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    base = tmp_path / "base"
    base.mkdir()
    pepper_of(settings)
    elsewhere = Settings(home=base / "home", database_url=f"sqlite:///{base}/new/memscore.sqlite")
    disk = Disk(base, monkeypatch)
    back_up(database, settings, base / "backups" / "b.zip")
    restore(base / "backups" / "b.zip", elsewhere)
    assert (base / "new" / "memscore.sqlite").exists()
    assert (disk.lost(), disk.rash) == ([], [])


@pytest.mark.databases("postgresql")
def test_postgresql_names_its_own_way(memscore: Callable[..., Outcome], embedded: StoredStudy, tmp_path: Path):
    refused(memscore("db", "backup", str(tmp_path / "b.zip")), "pg_dump --format=custom")
    refused(memscore("db", "restore", str(tmp_path / "b.zip")), "pg_restore")


@pytest.mark.parametrize("name", ["memscore.db", "key-pepper", "memscore.db-wal", "notes.txt"])
def test_a_backup_replaces_nothing_but_a_backup(
    name: str, database: Database, settings: Settings, stored_study: StoredStudy, tmp_path: Path
):
    pepper_of(settings)
    (settings.home / "notes.txt").write_text("of the user")
    before = (settings.home / name).read_bytes()
    with pytest.raises(InvalidInput, match="is no backup, so it is not replaced"):
        back_up(database, settings, settings.home / name, overwrite=True)
    assert (settings.home / name).read_bytes()[: len(before)] == before
    back_up(database, settings, tmp_path / "b.zip")
    assert back_up(database, settings, tmp_path / "b.zip", overwrite=True).datasets


def test_an_encrypted_zip_is_no_backup(
    database: Database, settings: Settings, stored_study: StoredStudy, tmp_path: Path
):
    file = tmp_path / "b.zip"
    back_up(database, settings, file)
    with zipfile.ZipFile(file) as archive:
        directory = archive.start_dir
    packed = bytearray(file.read_bytes())
    for place in (6, directory + 8):  # the flags of the first part, and those in the directory
        packed[place] |= 1
    file.write_bytes(packed)
    with pytest.raises(InvalidInput, match="is no backup made by memscore db backup"):
        restore(file, Settings(home=tmp_path / "elsewhere"))


@pytest.mark.parametrize("older", revisions()[1:-1])
def test_evidence_of_every_earlier_revision_is_checked_and_restored(
    older: str, database: Database, settings: Settings, stored_study: StoredStudy, tmp_path: Path
):
    downgrade(database, older)
    back_up(database, settings, tmp_path / "b.zip")
    database.close()
    assert restore(tmp_path / "b.zip", settings, overwrite=True).revision == older
    spoiled(tmp_path / "b.zip", "digest of a trial")
    with pytest.raises(Damaged, match="is damaged: trial 7 of study"):
        restore(tmp_path / "b.zip", settings, overwrite=True)
    assert current_revision(database) == older
