"""Checks stored texts: names those that cannot be shown as they are, and writes them with escapes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import JSON, Column, LargeBinary, String, Table, Text, and_, select, update
from sqlalchemy import cast as cast_to
from sqlalchemy.sql.elements import ColumnElement

from memscore.counted import counted
from memscore.datasets.dataset import LONGEST_NAME
from memscore.store import job_logs as logs
from memscore.store.database import Database
from memscore.store.findings import DatabaseFinding, Watch, guarded
from memscore.store.schema import (
    api_keys,
    datasets,
    forgotten_samples,
    full_trials,
    idempotency_keys,
    job_events,
    job_logs,
    jobs,
    leases,
    reviews,
    studies,
    trials,
)
from memscore.texts import fault_of, harmless, harmless_values

LONGEST = 100_000  # characters of a text that has no other limit
AT_ONCE = 500  # rows read together
MOST_NAMED = 10  # rows in one finding

FREE: dict[Column[Any], int] = {
    datasets.c.source: LONGEST,
    datasets.c.class_names: LONGEST_NAME,
    jobs.c.error: LONGEST,
    job_events.c.message: LONGEST,
    job_logs.c.text: logs.MOST_BYTES,
    idempotency_keys.c.answer: LONGEST,
    leases.c.note: LONGEST,
    api_keys.c.name: 63,
    forgotten_samples.c.key_name: 63,
    reviews.c.reviewer: 63,
    **{
        table.c[name]: cast("String", table.c[name].type).length or LONGEST
        for table in (trials, full_trials)
        for name in ("device", "code_version", "network")
    },
}
"""Texts that nothing rests on, with the characters that each may have: they may be written in another way."""

FIXED = (studies.c.name, studies.c.recipe, studies.c.design, datasets.c.name, jobs.c.request)
"""Texts that name or identify something; these stay. Metadata of tables are compared with the tables themselves."""

RENAME = {
    datasets.c.name: "give it another name: memscore datasets rename OLD NEW",
    studies.c.name: "give it another name: memscore studies rename ID NEW",
}
REPAIR = "--repair writes harmful characters as escapes, and cuts what is too long"
STAYS = "is shown with escapes, and stays as it is, since a study or a job is identified by it"


@dataclass(frozen=True)
class _Bad:
    """A text that cannot be shown: the key of its row, and why. `unreadable`: it is no UTF-8, so that reading fails."""

    key: Mapping[str, Any]
    fault: str
    unreadable: bool


def check_texts(database: Database, repair: bool, watch: Watch) -> Iterator[DatabaseFinding]:
    """All texts that others may have written: names, sentences, logs, devices and networks."""
    for column, longest in [*FREE.items(), *((one, LONGEST) for one in FIXED)]:
        table = column.table
        watch(f"texts of {table.name}", 0)
        yield from guarded(f"table {table.name}", _check_column(database, column, longest, repair))


def _check_column(database: Database, column: Column[Any], longest: int, repair: bool) -> Iterator[DatabaseFinding]:
    bad = list(_bad_texts(database, column, longest))
    if not bad:
        return
    free = column in FREE
    repaired = _write(database, column, longest, bad) if repair and free else None
    shown = "; ".join(" ".join(f"{name}={value}" for name, value in one.key.items()) for one in bad[:MOST_NAMED])
    more = f"; and {len(bad) - MOST_NAMED} more" if len(bad) > MOST_NAMED else ""
    yield DatabaseFinding(
        f"table {column.table.name}",  # pyright: ignore[reportAttributeAccessIssue] -- of a Table
        f"has {counted(len(bad), 'text')} in the column {column.name} that cannot be shown as stored, in "
        f"{'row' if len(bad) == 1 else 'rows'} {harmless(shown)}{more}; the first {bad[0].fault}",
        REPAIR if free else RENAME.get(column, STAYS),
        repaired,
        harmless=not any(one.unreadable for one in bad),
    )


def _bad_texts(database: Database, column: Column[Any], longest: int) -> Iterator[_Bad]:
    table = column.table
    names = [one.name for one in table.primary_key.columns]
    query = select(*_key(database, table), _raw(database, column)).order_by(*table.primary_key.columns)
    with database.reading() as connection:
        for row in connection.execution_options(yield_per=AT_ONCE).execute(query):
            *key, raw = row
            text, unreadable = _decoded(raw)
            fault = "has bytes that are no UTF-8" if unreadable else _fault(column, text, longest)
            if fault is not None:
                yield _Bad(dict(zip(names, (_decoded(one)[0] for one in key), strict=True)), fault, unreadable)


def _write(database: Database, column: Column[Any], longest: int, bad: Sequence[_Bad]) -> str | None:
    """Write the texts without harm, each as it is by now; describes what was done."""
    table = column.table
    for first in range(0, len(bad), AT_ONCE):
        with database.writing() as connection:
            for one in bad[first : first + AT_ONCE]:
                mine = and_(*(table.c[name] == value for name, value in one.key.items()))
                raw = connection.execute(select(_raw(database, column)).where(mine)).scalar_one_or_none()
                if raw is not None:
                    value = _harmless(column, _decoded(raw)[0], longest)
                    connection.execute(update(table).where(mine).values({column.name: value}))
    return f"{counted(len(bad), 'text')} written with escapes, or cut"


def _raw(database: Database, column: ColumnElement[Any]) -> ColumnElement[Any]:
    """A column as the database has it: bytes on SQLite, which keeps what is no UTF-8 too; JSON as its text."""
    return cast_to(column, LargeBinary if database.engine.dialect.name == "sqlite" else Text)


def _key(database: Database, table: Table) -> list[ColumnElement[Any]]:
    return [
        _raw(database, column) if isinstance(column.type, String) else column for column in table.primary_key.columns
    ]


def _decoded(raw: object) -> tuple[Any, bool]:
    """A text, and whether it is no UTF-8; its wrong bytes are then written as escapes."""
    if not isinstance(raw, bytes):
        return raw, False
    try:
        return raw.decode(), False
    except UnicodeDecodeError:
        return raw.decode(errors="backslashreplace"), True


def _fault(column: Column[Any], text: str | None, longest: int) -> str | None:
    """Why a text cannot be shown. What is no JSON is another check's."""
    if text is None:
        return None
    if not isinstance(column.type, JSON):
        return fault_of(text, longest)
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return next((fault for one in _texts(value) if (fault := fault_of(one, longest))), None)


def _harmless(column: Column[Any], text: str, longest: int) -> Any:
    if not isinstance(column.type, JSON):
        return harmless(text)[:longest]
    return _cut(harmless_values(json.loads(text)), longest)


def _texts(value: Any) -> Iterator[str]:
    """All texts of a value of JSON, names of its fields included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, one in cast("dict[str, Any]", value).items():
            yield name
            yield from _texts(one)
    elif isinstance(value, list):
        for one in cast("list[Any]", value):
            yield from _texts(one)


def _cut(value: Any, longest: int) -> Any:
    if isinstance(value, str):
        return value[:longest]
    if isinstance(value, dict):
        return {name: _cut(one, longest) for name, one in cast("dict[str, Any]", value).items()}
    return [_cut(one, longest) for one in cast("list[Any]", value)] if isinstance(value, list) else value
