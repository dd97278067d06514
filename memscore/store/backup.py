"""Backups of an SQLite database: one file, made while a service runs, with what the database alone does not hold."""

from __future__ import annotations

import os
import shutil
import sqlite3
import zipfile
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

import memscore
from memscore.datasets.dataset import SPLITS
from memscore.datasets.forgotten import Forgotten
from memscore.datasets.storage import forgotten_in
from memscore.errors import Conflict, Damaged, InvalidInput, StoreError
from memscore.files import PRIVATE_FILE, atomic_write, make_folder, reason, sync
from memscore.settings import Settings
from memscore.store.database import JOURNALS, Database, sqlite_file
from memscore.store.intact import require_intact
from memscore.store.migrate import VERSION_TABLE, revisions
from memscore.store.open_files import users_of_another
from memscore.store.pepper import FILE as PEPPER

DATABASE, ABOUT = "memscore.db", "backup.json"
"""Names in the zip file of a backup, beside that of the pepper."""
WAIT_SECONDS = 5.0  # for a reader that is about to end
_NO_BACKUP = "is no backup made by memscore db backup"


class _Frozen(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True)


class NamedDataset(_Frozen):
    """A dataset that the database refers to; its arrays are in the home folder."""

    name: str
    fingerprint: str
    source: str


class Backup(_Frozen):
    """What a backup holds: the database at a schema `revision`, and the pepper of its keys if `pepper`.

    made_at: in UTC, in ISO 8601. datasets: those whose arrays have to be kept beside it.
    """

    format: Literal[1] = 1
    made_at: str
    memscore: str
    revision: str
    pepper: bool
    datasets: tuple[NamedDataset, ...]


def back_up(database: Database, settings: Settings, file: Path, *, overwrite: bool = False) -> Backup:
    """Write a backup for this user alone, as the database is at one moment. Others may write to it meanwhile.

    All trials and tables of the backup are compared with their digests before it gets its name. Raises InvalidInput for
    PostgreSQL, or if `file` cannot be written, or exists without `overwrite`; StoreError if the database is damaged.
    """
    if database.engine.dialect.name != "sqlite":
        raise InvalidInput(
            "PostgreSQL makes its own backups: pg_dump --format=custom --file=FILE DATABASE; keep the file "
            f"{settings.home / PEPPER} with it, if there is one."
        )
    if file.exists() and not overwrite:
        raise InvalidInput(f"{file} exists; choose another file, or replace it with --overwrite.")
    if file.exists():
        _require_backup(file)
    try:
        with atomic_write(file, private=True) as scratch, _scratch_copy(scratch) as copy:
            _copy(database, copy)
            pepper = settings.home / PEPPER
            about = _examined(copy, pepper=pepper.exists())
            require_intact(copy)
            with zipfile.ZipFile(scratch, "w") as packed:
                packed.writestr(ABOUT, about.model_dump_json(indent=2))
                packed.write(copy, DATABASE)
                if about.pepper:
                    packed.write(pepper, PEPPER)
    except Damaged as error:
        raise StoreError(f"The database {database.shown} is damaged: {error}; see memscore db check.") from error
    except OSError as error:
        raise InvalidInput(f"{file} cannot be written ({reason(error)}).") from error
    return about


def restore(file: Path, settings: Settings, *, overwrite: bool = False) -> Backup:
    """Put a backup in the place of the database and its journals, which no process may use, and of the pepper.

    All its trials and tables are compared with their digests first. If anything fails, nothing has changed. Raises
    InvalidInput for PostgreSQL, if `file` is no backup, or if there is a database or another pepper without
    `overwrite`; Damaged if the backup is; Conflict while a process uses the database; StoreError if the backup is a
    newer version's, or the database cannot be written.
    """
    target = sqlite_file(settings.database)
    if target is None:
        raise InvalidInput("PostgreSQL restores its own backups: pg_restore --clean --dbname=DATABASE FILE.")
    with _opened(file) as packed:
        about = _description(packed, file)
        pepper = packed.read(PEPPER) if about.pepper else None
        home = settings.prepare_home()
        if not overwrite:
            _require_free(target, home / PEPPER, pepper)
        try:
            make_folder(target.parent)
            with _scratch_copy(target) as scratch:
                _unpack(packed, file, scratch)
                if _examined(scratch, pepper=about.pepper).revision not in revisions():
                    raise StoreError(
                        f"{file} was made by a newer version (revision {about.revision}); update memscore."
                    )
                require_intact(scratch)
                sync(scratch)
                _require_unused(target, home)
                with _out_of_use(target):
                    os.replace(scratch, target)
                    sync(target.parent)
            if pepper is not None:  # last: the keys of the old database would be void with the new pepper
                with atomic_write(home / PEPPER, private=True) as written:
                    written.write_bytes(pepper)
        except Damaged as error:
            raise Damaged(f"The backup {file} is damaged: {error}; nothing was replaced, restore another.") from error
        except OSError as error:
            raise StoreError(f"The database {target} cannot be written ({reason(error)}).") from error
    return about


def unknown_to(settings: Settings, about: Backup) -> list[tuple[NamedDataset, Forgotten]]:
    """The datasets of a restored database whose files call samples forgotten that it does not know to be so."""
    known: set[tuple[str, str, int]] = set()
    target = sqlite_file(settings.database)
    with closing(sqlite3.connect(str(target))) as connection, suppress(sqlite3.OperationalError):  # an older schema
        known.update(connection.execute("SELECT fingerprint, split, sample_index FROM forgotten_samples"))
    found: list[tuple[NamedDataset, Forgotten]] = []
    for one in about.datasets:
        noted = [{index for of, split, index in known if (of, split) == (one.fingerprint, part)} for part in SPLITS]
        if unknown := forgotten_in(settings.home, one.fingerprint) - Forgotten.of(*noted):
            found.append((one, unknown))
    return found


@contextmanager
def _scratch_copy(beside: Path) -> Generator[Path]:
    """A new file for this user alone, which is gone after the block, with SQLite's journals of it."""
    path = beside.with_name(f".{beside.name.lstrip('.')}-{os.urandom(4).hex()}")
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_FILE))
    try:
        yield path
    finally:
        for suffix in ("", *JOURNALS):
            path.with_name(path.name + suffix).unlink(missing_ok=True)


def _copy(database: Database, copy: Path) -> None:
    """Copy the database, with what is still in its journal, as one file that needs none."""
    try:
        with closing(database.engine.raw_connection()) as pooled, closing(sqlite3.connect(copy)) as target:
            source = pooled.driver_connection
            assert isinstance(source, sqlite3.Connection)
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE").fetchone()
    except sqlite3.OperationalError as error:
        raise StoreError(f"The database {database.shown} could not be copied: {error}.") from error
    except sqlite3.DatabaseError as error:
        raise Damaged(str(error)) from error


def _examined(file: Path, *, pepper: bool) -> Backup:
    """What there is to say about a database file. Raises Damaged, or InvalidInput for one of another program."""
    try:
        with closing(sqlite3.connect(file)) as connection:
            (sound,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if sound != "ok":
                raise Damaged(str(sound).splitlines()[-1])
            (revision,) = connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()  # noqa: S608 -- ours
            rows = connection.execute("SELECT name, fingerprint, source FROM datasets ORDER BY name").fetchall()
    except (sqlite3.DatabaseError, TypeError) as error:
        raise Damaged(str(error)) from error
    return Backup(
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        memscore=memscore.__version__,
        revision=revision,
        pepper=pepper,
        datasets=tuple(
            NamedDataset(name=name, fingerprint=fingerprint, source=source) for name, fingerprint, source in rows
        ),
    )


@contextmanager
def _opened(file: Path) -> Generator[zipfile.ZipFile]:
    if file.exists() and not file.is_file():  # a device such as /dev/zero would be read for ever
        raise InvalidInput(f"{file} {_NO_BACKUP}: it is no regular file.")
    try:
        packed = zipfile.ZipFile(file)
    except zipfile.BadZipFile as error:
        raise InvalidInput(f"{file} {_NO_BACKUP} ({error}).") from error
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read ({reason(error)}).") from error
    with packed:
        yield packed


def _require_backup(file: Path) -> None:
    """Raises InvalidInput unless a file that is to be replaced is a backup: not the database, nor anything else."""
    try:
        with _opened(file) as packed:
            _description(packed, file)
    except (InvalidInput, Damaged) as error:
        raise InvalidInput(f"{file} is no backup, so it is not replaced; choose another file.") from error


def _description(packed: zipfile.ZipFile, file: Path) -> Backup:
    try:
        about = Backup.model_validate_json(packed.read(ABOUT))
    except (KeyError, ValidationError, RuntimeError, zipfile.BadZipFile) as error:  # RuntimeError: it is encrypted
        raise InvalidInput(f"{file} {_NO_BACKUP}, or it is a newer version's.") from error
    if not {DATABASE, *([PEPPER] if about.pepper else [])} <= set(packed.namelist()):
        raise Damaged(f"The backup {file} is damaged: it lacks a part that it should have.")
    return about


def _unpack(packed: zipfile.ZipFile, file: Path, scratch: Path) -> None:
    try:
        with packed.open(DATABASE) as source, scratch.open("wb") as target:
            shutil.copyfileobj(source, target, 2**20)
    except zipfile.BadZipFile as error:  # a checksum, too
        raise Damaged(str(error).rstrip(".")) from error


def _require_free(target: Path, pepper_file: Path, pepper: bytes | None) -> None:
    if target.exists():
        raise InvalidInput(f"There is a database {target}; to lose it and restore the backup, add --overwrite.")
    if pepper is not None and pepper_file.exists() and pepper_file.read_bytes() != pepper:
        raise InvalidInput(
            f"The backup has another pepper than {pepper_file}; to lose this one and the keys made with it, add "
            "--overwrite."
        )


def _require_unused(target: Path, home: Path) -> None:
    """Raises Conflict while a process uses a database that was here before: its file has been moved or replaced."""
    others = [one for one in users_of_another(target, home.absolute()) if one != os.getpid()]
    if others:
        named = ", ".join(str(one) for one in others)
        raise Conflict(
            f"The processes {named} still use the database that was at {target} before; stop the service and its "
            "dispatchers first."
        )


@contextmanager
def _out_of_use(target: Path) -> Generator[None]:
    """Keep all others out of a database that is about to be replaced, and remove its journals.

    SQLite would replay the journal that a crash has left into the file that comes in the database's place, and ruin it.
    What the journal holds goes into the database first, so that a crash in the block leaves that whole.
    Raises Conflict if another process has it open.
    """
    if not target.exists():
        _remove_journals(target)
        yield
        return
    with closing(sqlite3.connect(target, timeout=WAIT_SECONDS, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA journal_mode = DELETE").fetchone()  # only the sole user can
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise Conflict(
                    f"A process is using the database {target}; stop the service and its dispatchers first."
                ) from error
            if code not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise StoreError(f"The database {target} cannot be replaced: {error}.") from error
        _remove_journals(target)  # there are some only if the database is too damaged to lose anything with them
        yield
        with suppress(sqlite3.DatabaseError):
            connection.execute("ROLLBACK")


def _remove_journals(target: Path) -> None:
    for suffix in JOURNALS:
        target.with_name(target.name + suffix).unlink(missing_ok=True)
    sync(target.parent)
