"""Lists studies, what they consist of, and their progress; renames and removes them."""

from __future__ import annotations

import logging
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy import Connection

from api import errors
from api.dependencies import RENAMED, ActorOf, Confirm, DatabaseOf, DropTables, DryRun, HomeOf, StudyInPath
from api.paging import Cursor, Limit, cursor_of, values_of
from memscore.messages.removal import NewName, StudyRemoved
from memscore.messages.studies import Studies, StudyMessage, TableSummary
from memscore.store import evidence, removal, studies, tables
from memscore.store.studies import StudyRecord
from memscore.study.recipes import name_of

log = logging.getLogger(__name__)

router = APIRouter(prefix="/v1/studies", tags=["studies"])


@router.get("", operation_id="list_studies")
def list_studies(
    database: DatabaseOf,
    dataset: Annotated[str | None, Query(description="only studies of this dataset")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Studies:
    """Studies, oldest first."""
    after = None if cursor is None else tuple(values_of(cursor, float, str))
    with database.reading() as connection:
        found = studies.listing(connection, dataset, limit + 1, after)
        ids = [study.id for study in found[:limit]]
        counts, metas = evidence.counts(connection, ids), tables.current_metas(connection, ids)
    listed = [_message(study, counts.get(study.id, 0), metas.get(study.id)) for study in found[:limit]]
    last = found[limit - 1] if len(found) > limit else None
    return Studies(studies=listed, next=None if last is None else cursor_of(last.created_at, last.id))


@router.get("/{study}", operation_id="get_study", responses=errors.documented(404))
def get_study(database: DatabaseOf, study: StudyInPath) -> StudyMessage:
    """One study by id or unique name, with a summary of its current scores."""
    with database.reading() as connection:
        return study_message(connection, studies.find(connection, study))


@router.patch("/{study}", operation_id="rename_study", responses=errors.documented(404, 409))
def rename_study(
    database: DatabaseOf,
    drop_tables: DropTables,
    actor: ActorOf,
    study: StudyInPath,
    request: Annotated[NewName, RENAMED],
) -> StudyMessage:
    """Give a study another name; its id stays. Needs the scope admin."""
    with database.writing() as connection:
        record = studies.rename(connection, study, request.name)
        message = study_message(connection, record)
    drop_tables()
    log.info("%s renamed the study %s to %s", actor, study, record.name, extra={"study": record.id})
    return message


@router.delete("/{study}", operation_id="remove_study", responses=errors.documented(404, 409))
def remove_study(
    database: DatabaseOf,
    home: HomeOf,
    drop_tables: DropTables,
    actor: ActorOf,
    study: StudyInPath,
    confirm: Confirm = None,
    evidence: Annotated[bool, Query(description="remove its trials too; otherwise a study with trials stays")] = False,
    dry_run: DryRun = False,
) -> StudyRemoved:
    """Remove a study with its tables and jobs, none of which may wait or run. Needs the scope admin."""
    removed = removal.remove_study(database, home, study, confirm=confirm, evidence=evidence, dry_run=dry_run)
    if not dry_run:
        drop_tables()
        what = removal.described(removed.size)
        log.info("%s removed the study %s: %s", actor, removed.name, what, extra={"study": removed.id})
    size = removed.size
    return StudyRemoved(
        removed=not dry_run,
        id=removed.id,
        name=removed.name,
        trials=size.trials,
        full_trials=size.full_trials,
        tables=size.tables,
        published=size.published,
        reviews=size.reviews,
        jobs=size.jobs,
        bytes=size.bytes,
    )


def study_message(connection: Connection, study: StudyRecord) -> StudyMessage:
    """A study as a message."""
    return _message(study, evidence.count(connection, study.id), tables.current_meta(connection, study.id))


def _message(study: StudyRecord, trials: int, meta: dict[str, Any] | None) -> StudyMessage:
    summary = None if meta is None else TableSummary.model_validate(meta)
    return StudyMessage(
        id=study.id,
        name=study.name,
        dataset=study.dataset,
        fingerprint=study.fingerprint,
        recipe=study.recipe,
        recipe_name=None if study.recipe is None else name_of(study.recipe),
        design=study.design,
        trials=trials,
        table=summary,
        imported=study.recipe is None,
    )
