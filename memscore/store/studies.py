"""Queries on studies."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import JSON, Connection, Row, and_, exists, not_, or_, select, tuple_, update

from memscore.errors import Conflict, InvalidInput, NotFound
from memscore.store.database import insert_new, one_at_a_time
from memscore.store.datasets import IN_USE, DatasetRecord, by_name, require_valid
from memscore.store.schema import full_trials, jobs, score_tables, studies, trials
from memscore.study.spec import STORED, Design, Recipe, study_id
from memscore.texts import harmless_values

ID_PATTERN = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class StudyRecord:
    """A study, its parts and its unique name. Imported scores have no recipe and no design."""

    id: str
    name: str
    dataset: str
    fingerprint: str
    recipe: Recipe | None
    design: Design | None
    created_at: float


def ensure(
    connection: Connection, dataset: DatasetRecord, recipe: Recipe, design: Design, name: str | None
) -> StudyRecord:
    """The study of these parts, created if it is new.

    Without a name, a new study is named after its dataset, with part of its id if that name is taken.
    Raises Conflict if the given name belongs to another study, or the study has another name.
    """
    parts = {"recipe": recipe.model_dump(mode="json"), "design": design.model_dump(mode="json")}
    return _ensure(connection, dataset, study_id(dataset.fingerprint, recipe, design), parts, name)


def ensure_imported(connection: Connection, dataset: DatasetRecord, identifier: str, name: str | None) -> StudyRecord:
    """The study of imported scores with this id, created if it is new; names and errors as in `ensure`."""
    return _ensure(connection, dataset, identifier, {"recipe": JSON.NULL, "design": JSON.NULL}, name)


def require_name(connection: Connection, identifier: str, name: str) -> None:
    """Raises Conflict or InvalidInput unless the study with this id has this name, or is new and may get it."""
    existing = connection.execute(select(studies.c.name).where(studies.c.id == identifier)).scalar()
    if existing is not None and existing != name:
        raise Conflict(f"This study already exists under the name {existing!r}; use that name or leave it out.")
    if ID_PATTERN.fullmatch(name):
        raise InvalidInput(f"{name!r} looks like a study's id; choose another study_name.")
    holder = connection.execute(select(studies.c.id).where(studies.c.name == name)).scalar()
    if holder is not None and holder != identifier and not _is_empty(connection, holder):
        raise Conflict(f"The name {name!r} belongs to another study ({holder}); choose another name.")


def release_name(connection: Connection, identifier: str) -> str | None:
    """Rename a study whose name the next attempt will want, and return the new name; None if it has that already."""
    name = connection.execute(select(studies.c.name).where(studies.c.id == identifier)).scalar_one()
    if name.endswith(f"-{identifier[:8]}"):
        return None
    renamed = _long_name(name, identifier)
    connection.execute(update(studies).where(studies.c.id == identifier).values(name=renamed))
    return renamed


def rename(connection: Connection, study: str, new: str) -> StudyRecord:
    """Give a study another name; its id stays. Raises NotFound, InvalidInput, or Conflict if the name is taken."""
    require_valid(new)
    one_at_a_time(connection, IN_USE)
    record = find(connection, study)
    if ID_PATTERN.fullmatch(new):
        raise InvalidInput(f"{new!r} looks like a study's id; choose another name.")
    _free_name(connection, new, record.id)
    holder = connection.execute(select(studies.c.id).where(studies.c.name == new)).scalar()
    if holder not in (None, record.id):
        raise Conflict(f"The name {new!r} belongs to another study ({holder}); choose another name.")
    connection.execute(update(studies).where(studies.c.id == record.id).values(name=new))
    return find(connection, record.id)


def _return_name(connection: Connection, identifier: str, name: str) -> None:
    """Give a study back the name that `release_name` took from it, if it is asked for and nobody else has it."""
    free = connection.execute(select(studies.c.id).where(studies.c.name == name)).first() is None
    if free:
        own = and_(studies.c.id == identifier, studies.c.name == _long_name(name, identifier))
        connection.execute(update(studies).where(own).values(name=name))


def _long_name(name: str, identifier: str) -> str:
    return f"{name[:54]}-{identifier[:8]}"


def _is_empty(connection: Connection, identifier: str) -> bool:
    """Whether a study's jobs have failed and left no trials and no scores, and none may still bring some."""
    owned = (trials, full_trials, score_tables)
    something = or_(
        *(exists().where(table.c.study_id == identifier) for table in owned),
        exists().where(jobs.c.study_id == identifier, jobs.c.state.not_in(("failed", "cancelled"))),
    )
    failed = exists().where(jobs.c.study_id == identifier, jobs.c.state == "failed")
    return bool(connection.execute(select(and_(failed, not_(something)))).scalar_one())


def _free_name(connection: Connection, name: str, identifier: str) -> None:
    """Take a name from a study that has nothing to show for it, such as one whose models diverged."""
    holder = connection.execute(select(studies.c.id).where(studies.c.name == name)).scalar()
    if holder is not None and holder != identifier and _is_empty(connection, holder):
        release_name(connection, holder)


def _ensure(
    connection: Connection, dataset: DatasetRecord, identifier: str, parts: dict[str, Any], name: str | None
) -> StudyRecord:
    one_at_a_time(connection, IN_USE)
    if by_name(connection, dataset.name).fingerprint != dataset.fingerprint:  # it may have been removed meanwhile
        raise Conflict(f"The name {dataset.name!r} was given to another dataset in the meantime; try again.")
    if name is not None:
        _free_name(connection, name, identifier)
        _return_name(connection, identifier, name)
        require_name(connection, identifier, name)
    existing = connection.execute(select(studies).where(studies.c.id == identifier)).one_or_none()
    if existing is not None:
        return _record(existing)
    if name is None:
        _free_name(connection, dataset.name, identifier)
    row = {
        "id": identifier,
        "name": name or _unused_name(connection, dataset.name, identifier),
        "dataset": dataset.name,
        "fingerprint": dataset.fingerprint,
        **parts,
    }
    insert_new(connection, studies, [row])
    return find(connection, identifier)


def _unused_name(connection: Connection, name: str, identifier: str) -> str:
    """A dataset's name for its new study, with as much of the study's id as makes it unique."""
    longer = (_long_name(name, identifier), f"{name[:46]}-{identifier}")
    wanted = longer if ID_PATTERN.fullmatch(name) else (name, *longer)
    taken = set(connection.execute(select(studies.c.name).where(studies.c.name.in_(wanted))).scalars())
    return next(one for one in wanted if one not in taken)


def find(connection: Connection, study: str) -> StudyRecord:
    """The study with this id or name; ids take precedence. Raises NotFound, which lists some studies."""
    rows = connection.execute(select(studies).where(or_(studies.c.id == study, studies.c.name == study))).all()
    if not rows:
        known = (
            connection.execute(select(studies.c.name).order_by(studies.c.created_at.desc()).limit(5)).scalars().all()
        )
        there = f"the latest are: {', '.join(known)}" if known else "memscore estimate makes the first one"
        raise NotFound(f"There is no study {study!r}; {there}.")
    return _record(next((row for row in rows if row.id == study), rows[0]))


def names(connection: Connection) -> dict[str, str]:
    """The name of each study, by its id."""
    return {row.id: row.name for row in connection.execute(select(studies.c.id, studies.c.name))}


def listing(
    connection: Connection,
    dataset: str | None = None,
    limit: int | None = None,
    after: tuple[float, str] | None = None,
) -> list[StudyRecord]:
    """Studies, oldest first, of one dataset or of all; `after`: creation time and id of the last one seen."""
    query = select(studies).order_by(studies.c.created_at, studies.c.id).limit(limit)
    if dataset is not None:
        query = query.where(studies.c.dataset == dataset)
    if after is not None:
        query = query.where(tuple_(studies.c.created_at, studies.c.id) > tuple_(*after))
    return [_record(row) for row in connection.execute(query)]


def _record(row: Row[Any]) -> StudyRecord:
    return StudyRecord(
        row.id,
        row.name,
        row.dataset,
        row.fingerprint,
        None if row.recipe is None else Recipe.model_validate(harmless_values(row.recipe), context=STORED),
        None if row.design is None else Design.model_validate(row.design),
        row.created_at,
    )
