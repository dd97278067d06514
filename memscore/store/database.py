"""Connections and transactions, the same for SQLite and PostgreSQL."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Double, Engine, Table, create_engine, event, func, make_url, select
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from memscore.errors import Conflict, InvalidInput, StoreError
from memscore.files import PRIVATE_FILE, tighten

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

BUSY_SECONDS = 60
MOST_WAITING = 16  # writers of a process that wait for SQLite's lock; a service has 40 threads, readers need some
JOURNALS = ("-wal", "-shm", "-journal")
"""What SQLite adds to a database's name for the files that belong to it."""
CONNECT_SECONDS = 10
UNUSABLE = "The database cannot be used at the moment; the service's log says why."


class now(FunctionElement[float]):  # noqa: N801 -- it reads as the SQL function it is
    """Seconds since 1970 by the database's clock, the only one that leases and events use."""

    type = Double[float]()
    inherit_cache = True


@compiles(now, "sqlite")
def _now_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(now, "postgresql")
def _now_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    return "CAST(extract(epoch FROM clock_timestamp()) AS DOUBLE PRECISION)"


class SqliteFile:
    """The file of an SQLite database, which must stay the one that this process opened first.

    A file that is removed or replaced lives on until the processes that have it open close it: what they write to it is
    lost.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened: tuple[int, int] | None = None

    def require(self) -> None:
        """Raises StoreError unless the path still leads to that file."""
        if self._opened is not None and self._opened != self._found():
            raise StoreError(
                f"The database file {self.path} was moved, replaced or removed while this process used it; move it "
                "back, or restart the process.",
                public="The database file was moved, replaced or removed; move it back, or restart the service.",
            )

    def opened(self) -> None:
        """Remember the file, once a connection has opened it. Raises StoreError if it is not the first one's."""
        if self._opened is None:
            self._opened = self._found()
        self.require()

    def closed(self) -> None:
        """Forget the file."""
        self._opened = None

    def _found(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino


@dataclass(frozen=True)
class Database:
    """An engine with the two kinds of transaction the product uses; `file` is that of SQLite."""

    engine: Engine
    file: SqliteFile | None = field(default=None, compare=False)
    _writer: threading.Lock = field(default_factory=threading.Lock, compare=False)
    _writers: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(MOST_WAITING), compare=False
    )

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """A transaction that only reads, from one snapshot. Raises StoreError if the database cannot be reached."""
        engine = self.engine  # SQLite's transactions always read one snapshot
        if engine.dialect.name == "postgresql":
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with self._transaction(engine) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Generator[Connection]:
        """A short transaction that writes; on SQLite it takes the write lock at its start.

        Raises StoreError if the database cannot be reached, or too many others wait to write.
        """
        with self._turn(), self._transaction(self.engine.execution_options(memscore_writes=True)) as connection:
            yield connection

    @contextmanager
    def _turn(self) -> Generator[None]:
        """Wait for this process's other writers to SQLite without a connection, so that readers find one."""
        if self.engine.dialect.name != "sqlite":
            yield
            return
        if not self._writers.acquire(blocking=False):
            raise StoreError("Too many requests wait to write to the database; try again.")
        try:
            if not self._writer.acquire(timeout=BUSY_SECONDS):
                text = f"The database {self.shown} has been locked for {BUSY_SECONDS} s; try again."
                raise StoreError(text, public=UNUSABLE)
            try:
                yield
            finally:
                self._writer.release()
        finally:
            self._writers.release()

    @contextmanager
    def _transaction(self, engine: Engine) -> Generator[Connection]:
        try:
            if self.file is not None:
                self.file.require()
            with engine.begin() as connection:
                yield connection
        except PoolTimeout as error:
            text = f"All connections to the database {self.shown} are in use; try again."
            raise StoreError(text, public=UNUSABLE) from error
        except DBAPIError as error:
            if isinstance(error, DataError):
                raise InvalidInput(f"A value cannot be used: {_first_line(error)}.") from error
            if isinstance(error, IntegrityError) and _refers_to_nothing(error):
                text = "What this belongs to was removed in the meantime; see what is left, and try again."
                raise Conflict(text) from error
            if isinstance(error, (IntegrityError, ProgrammingError)):
                raise  # a bug of ours, not a state of the database
            text = f"The database {self.shown} cannot be used: {_first_line(error)}."
            raise StoreError(text, public=UNUSABLE) from error

    @property
    def shown(self) -> str:
        """The URL without its passwords, for messages."""
        return shown_url(self.engine.url)

    def close(self) -> None:
        """Close all pooled connections; those opened later may be to another file in the old one's place."""
        self.engine.dispose()
        if self.file is not None:
            self.file.closed()


def shown_url(url: URL) -> str:
    """A database's URL without its passwords."""
    hidden = [name for name in url.query if "password" in name]
    return url.difference_update_query(hidden).render_as_string(hide_password=True)


def one_at_a_time(connection: Connection, what: str) -> None:
    """Wait until no other transaction works on `what`, and keep others waiting until this one ends.

    For a decision that reads first and writes afterwards. SQLite's writers are alone anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"memscore {what}", 0))))


def insert_new(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, except those whose key, or another unique value, already exists."""
    connection.execute(_insert(connection, table).values(created_at=now()).on_conflict_do_nothing(), rows)


def insert_or_update(connection: Connection, table: Table, row: dict[str, Any]) -> None:
    """Insert a row, or give the one that has its primary key the row's other values and a new time."""
    keys = [column.name for column in table.primary_key.columns]
    given = {**row, "created_at": now()}
    changed = {name: value for name, value in given.items() if name not in keys}
    connection.execute(
        _insert(connection, table).values(**given).on_conflict_do_update(index_elements=keys, set_=changed)
    )


def insert_ignoring(connection: Connection, table: Table, row: dict[str, Any]) -> int:
    """Insert a row unless its key already exists; returns the number of inserted rows."""
    statement = _insert(connection, table).values(**row).on_conflict_do_nothing()
    return connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount


def _insert(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An insert that supports ON CONFLICT; imports only the dialect in use, which the engine has already loaded."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert

        return insert(table)
    from sqlalchemy.dialects.sqlite import insert

    return insert(table)


def open_database(url: str, *, create: bool = True) -> Database:
    """A database for a SQLAlchemy URL.

    Raises InvalidInput for a URL that names no supported database; without `create`, StoreError if SQLite's file does
    not exist.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise InvalidInput(
            "The database URL cannot be read; write sqlite:///FILE or postgresql+psycopg://..."
        ) from error
    if parsed.get_backend_name() == "sqlite":
        if parsed.database is None or parsed.database == ":memory:":
            raise InvalidInput("An SQLite database must be a file, since several processes open it: sqlite:///FILE.")
        file = SqliteFile(Path(parsed.database).absolute())
        if not create and _is_missing(file.path):
            empty = " (the file is empty)" if file.path.exists() else ""
            raise StoreError(
                f"There is no database {file.path}{empty}; set MEMSCORE_HOME or MEMSCORE_DATABASE_URL to the one you "
                "mean, or make one: memscore datasets add, memscore estimate, or memscore serve."
            )
        folder = file.path.parent
        if not folder.is_dir():
            raise StoreError(f"The folder {folder} of the database does not exist; create it first.")
        engine = create_engine(parsed, connect_args={"timeout": BUSY_SECONDS})
        event.listen(engine, "do_connect", _protect_sqlite)
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "connect", lambda *_: file.opened())
        event.listen(engine, "begin", _begin_sqlite)
        return Database(engine, file)
    if parsed.get_backend_name() == "postgresql":
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        try:
            options = {
                "connect_timeout": CONNECT_SECONDS,  # for a host that does not answer at all
                "prepare_threshold": None,  # a pooler such as pgbouncer may give each transaction another connection
            }
            return Database(create_engine(parsed, pool_pre_ping=True, connect_args=options))
        except (ModuleNotFoundError, NoSuchModuleError) as error:
            raise InvalidInput("PostgreSQL needs the package psycopg: install memscore[postgresql].") from error
    raise InvalidInput(f"The database {parsed.get_backend_name()!r} is not supported; use sqlite or postgresql.")


def sqlite_file(url: str) -> Path | None:
    """The file that an SQLite URL names; None for another database or an invalid URL."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return None
    return Path(parsed.database).absolute() if parsed.get_backend_name() == "sqlite" and parsed.database else None


def require_no_lone_journal(file: Path) -> None:
    """Raises StoreError if an SQLite file is missing, or empty, and its journal is not: it was moved or overwritten.

    SQLite writes the first page of a new file before it has a journal.
    """
    journal = Path(f"{file}{JOURNALS[0]}")
    if _is_missing(file) and journal.exists() and journal.stat().st_size:
        how = "empty" if file.exists() else "missing"
        raise StoreError(
            f"The database file {file} is {how}, but its journal {journal.name} is there, with what was written "
            "last; move the database back beside it, or, if you mean to start over, move the journal away."
        )


def _is_missing(file: Path) -> bool:
    """Whether there is no database: no file, or an empty one, such as a failed copy leaves."""
    return not file.exists() or (file.is_file() and not file.stat().st_size)


def _protect_sqlite(dialect: Any, record: Any, arguments: Any, options: Any) -> None:
    """Create a missing database file for this user alone; SQLite gives its journals the mode of the database.

    Close to other users what an earlier version, or a restore by hand, left open to all of them. The file is never
    opened here: to close it again would release the locks that SQLite holds on it for this process. A journal without
    its database is kept for that one: SQLite would delete it beside a new file. Raises StoreError if there is one.
    """
    require_no_lone_journal(Path(arguments[0]))
    with contextlib.suppress(OSError, AttributeError):  # it is there, or this system cannot: SQLite creates it
        os.mknod(arguments[0], PRIVATE_FILE)
    for suffix in ("", *JOURNALS):
        tighten(Path(f"{arguments[0]}{suffix}"))


def _configure_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    _use_wal(cursor)
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _use_wal(cursor: sqlite3.Cursor) -> None:
    """Switch a file to WAL, once; SQLite does not itself wait for the lock that this change needs."""
    deadline = time.monotonic() + BUSY_SECONDS
    while cursor.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("memscore_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _refers_to_nothing(error: IntegrityError) -> bool:
    """Whether a row refers to a missing one, or was to be deleted while others refer to it."""
    return getattr(error.orig, "sqlstate", None) == "23503" or "FOREIGN KEY" in str(error.orig)


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
