"""Exchanges studies: import of published scores, export and import of evidence."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Response
from sqlalchemy import Connection

from api import errors
from api.dependencies import ActorOf, DatabaseOf, DropTables, HomeOf, StudyInPath
from api.file_answers import NPZ, PARTS, ConditionsOf, Representation
from api.routes.studies import study_message
from api.routes.tables import NPZ_CONTENT
from api.uploads import Upload
from memscore.counted import counted
from memscore.datasets.storage import open_dataset
from memscore.errors import Conflict, FingerprintMismatch, InvalidInput, NoScoresYet, NotFound
from memscore.exchange.evidence_file import EvidenceMeta, StudyEvidence, gather, read_evidence
from memscore.exchange.feldman_zhang import FeldmanZhangScores, imported_id, tables_of
from memscore.exchange.own_tables import is_own, is_pairs, read_pairs, read_scores
from memscore.messages.studies import EvidenceMerged, StudyMessage
from memscore.scores.tables import PairsTable, ScoreTable
from memscore.store import Database, datasets, evidence, rebuilding, studies, tables
from memscore.store.datasets import DatasetRecord
from memscore.store.merging import merge, require_known_classes, require_same_network
from memscore.store.studies import StudyRecord
from memscore.study.bits import digest_of_file
from memscore.study.spec import NAME_PATTERN

router = APIRouter(prefix="/v1/studies", tags=["exchange"])
log = logging.getLogger(__name__)

EVIDENCE_RESPONSES: dict[int | str, dict[str, Any]] = {
    **NPZ_CONTENT,
    **PARTS,
    **errors.documented(409),
}

StudyName = Annotated[str | None, Query(pattern=NAME_PATTERN, description="name of the study if it is new")]


def _npz_body(description: str) -> dict[str, Any]:
    content = {NPZ: {"schema": {"type": "string", "format": "binary"}}}
    return {"requestBody": {"required": True, "description": description, "content": content}}


@router.post(
    "/import",
    operation_id="import_scores",
    openapi_extra=_npz_body("an .npz file in Feldman and Zhang's layout, or a table of memscore's own"),
    responses=errors.documented(404, 409),
)
def import_scores(
    database: DatabaseOf,
    home: HomeOf,
    drop_tables: DropTables,
    actor: ActorOf,
    upload: Upload,
    dataset: Annotated[str, Query(description="the registered dataset that the scores were made from")],
    name: StudyName = None,
) -> StudyMessage:
    """Import scores as a study: an .npz in Feldman and Zhang's layout, or a score table as GET .../table returns it.

    The pairs table of the same study can follow its score table. A repeated import changes nothing.
    """
    with database.reading() as connection:
        record = datasets.by_name(connection, dataset)
    arrays = open_dataset(home, record.fingerprint)
    train_labels, test_labels = np.asarray(arrays.y_train), np.asarray(arrays.y_test)
    if not is_own(upload):
        published = FeldmanZhangScores.decode(upload, train_labels, test_labels)
        identifier = imported_id(record.fingerprint, digest_of_file(upload))
        versions = tables_of(published, identifier, record.fingerprint)
    elif is_pairs(upload):
        samples = len(train_labels), len(test_labels)
        identifier, *versions = read_pairs(upload, record.fingerprint, record.name, samples)
    else:
        identifier, *versions = read_scores(upload, record.fingerprint, record.name, train_labels, test_labels)
    with database.writing() as connection:
        study = _imported(connection, record, identifier, name, versions)
        message = study_message(connection, study)
    drop_tables()
    log.info("%s imported scores as the study %s", actor, study.name, extra={"study": study.id})
    return message


def _imported(
    connection: Connection,
    dataset: DatasetRecord,
    identifier: str,
    name: str | None,
    versions: Sequence[ScoreTable | PairsTable],
) -> StudyRecord:
    """The study with these tables. Raises Conflict if it has other ones, or pairs come before their scores."""
    scored = any(isinstance(one, ScoreTable) for one in versions)
    if not scored and tables.current_digest(connection, identifier) is None:
        raise Conflict("This is a pairs table; first import the score table of the same study and trials.")
    study = studies.ensure_imported(connection, dataset, identifier, name)
    for one in versions:
        tables.add_imported(connection, study.id, one)
    return study


@router.get("/{study}/evidence", operation_id="get_evidence", responses=EVIDENCE_RESPONSES, response_class=Response)
def get_evidence(database: DatabaseOf, conditions: ConditionsOf, study: StudyInPath) -> Response:
    """The packed evidence of all trials as .npz; every score can be computed from it."""
    with database.reading() as connection:
        record = studies.find(connection, study)
        found = _stored(connection, record)
    return Representation.of(found.encode(), f"{record.name}.evidence.npz").answer(conditions)


@router.post(
    "/{study}/evidence",
    operation_id="merge_evidence",
    openapi_extra=_npz_body("an evidence file, as GET returns it"),
    responses=errors.documented(404, 409),
)
def merge_evidence(
    database: DatabaseOf,
    home: HomeOf,
    drop_tables: DropTables,
    actor: ActorOf,
    upload: Upload,
    study: StudyInPath,
    dataset: Annotated[str | None, Query(description="the registered dataset that the evidence is about")] = None,
    name: StudyName = None,
    allow_changed_network: Annotated[
        bool, Query(description="merge even if the file's trials used a different network with the recipe's name")
    ] = False,
) -> EvidenceMerged:
    """Add the trials of an evidence file to its study, and rebuild the tables.

    {study} is the file's study; it is created if it does not exist. Trials already stored are not changed.
    """

    def admit(meta: EvidenceMeta) -> None:
        with database.reading() as connection:
            _fitting(connection, study, meta, dataset)

    brought = read_evidence(upload, admit)
    with database.writing() as connection:
        found, of = _fitting(connection, study, brought.meta, dataset)
        record = found or studies.ensure(connection, of, brought.meta.recipe, brought.meta.design, name)
        found_dataset = open_dataset(home, record.fingerprint)  # without it no table could be built
        every = (*brought.trials, *brought.full)
        require_known_classes(every, np.asarray(found_dataset.y_train), np.asarray(found_dataset.y_test))
        if not allow_changed_network:
            require_same_network(connection, record, every)
        merged = merge(connection, record.id, every)
    _rebuild(database, home, record)
    drop_tables()
    log.info(
        "%s merged %s into the study %s",
        actor,
        counted(merged.added, "new trial"),
        record.name,
        extra={"study": record.id},
    )
    with database.reading() as connection:
        return EvidenceMerged(
            study=record.id,
            study_name=record.name,
            created=found is None,
            **asdict(merged),
            trials=evidence.count(connection, record.id),
            full_trials=evidence.count(connection, record.id, full=True),
            digest=tables.current_digest(connection, record.id),
        )


def _fitting(
    connection: Connection, study: str, meta: EvidenceMeta, dataset: str | None
) -> tuple[StudyRecord | None, DatasetRecord]:
    """The study of a file, if it exists here, and the dataset. Raises NotFound, Conflict, InvalidInput."""
    try:
        record = studies.find(connection, study)
    except NotFound:
        if study != meta.study:
            raise
        return None, _dataset_of(connection, meta, dataset)
    for part, stored, brought in (
        ("dataset", record.fingerprint, meta.fingerprint),
        ("recipe", record.recipe, meta.recipe),
        ("design", record.design, meta.design),
    ):
        if record.id != meta.study and stored != brought:
            raise Conflict(
                f"The file is evidence of study {meta.study}, whose {part} differs from that of {record.name!r}; "
                "evidence can only be merged within one study."
            )
    return record, _dataset_of(connection, meta, dataset or record.dataset)


def _dataset_of(connection: Connection, meta: EvidenceMeta, name: str | None) -> DatasetRecord:
    """The registered dataset that a file is about. Raises NotFound, FingerprintMismatch or InvalidInput."""
    named = [datasets.by_name(connection, name)] if name is not None else datasets.listing(connection)
    for record in named:
        if record.fingerprint == meta.fingerprint:
            if (record.train_samples, record.test_samples) != (meta.train_samples, meta.test_samples):
                raise InvalidInput("The evidence file is damaged: its number of samples differs from the dataset's.")
            return record
    if name is not None:
        raise FingerprintMismatch(
            f"The evidence belongs to a dataset other than {name!r} (fingerprint {meta.fingerprint[:12]}, not "
            f"{named[0].fingerprint[:12]})."
        )
    raise NotFound(
        f"No dataset with the fingerprint {meta.fingerprint[:12]} is registered; first add the evidence's dataset: "
        "memscore datasets add NAME"
    )


def _stored(connection: Connection, study: StudyRecord) -> StudyEvidence:
    """All evidence of a study. Raises Conflict if its scores were imported, NoScoresYet if it has no trials."""
    if study.recipe is None or study.design is None:
        raise Conflict(f"Study {study.name!r} has imported scores and therefore no evidence.")
    trials = evidence.load(connection, study.id) + evidence.load(connection, study.id, full=True)
    if not trials:
        raise NoScoresYet(f"Study {study.name!r} has no trials yet.")
    dataset = datasets.by_name(connection, study.dataset)
    return gather(
        trials,
        fingerprint=study.fingerprint,
        recipe=study.recipe,
        design=study.design,
        train_samples=dataset.train_samples,
        test_samples=dataset.test_samples,
    )


def _rebuild(database: Database, home: Path, study: StudyRecord) -> None:
    """Rebuild the tables of a study, unless they already cover its evidence."""
    with database.reading() as connection:
        stored = rebuilding.stored_trials(connection, study.id)
        if not stored[0] or stored == rebuilding.trials_of(tables.current_meta(connection, study.id)):
            return
        dataset = open_dataset(home, study.fingerprint)
        counts = rebuilding.count_study(connection, study, np.asarray(dataset.y_train), np.asarray(dataset.y_test))
        sketches = evidence.sketches(connection, study.id)
    rebuilding.rebuild_tables(database, study, counts, lambda: rebuilding.similarity_of(dataset, counts, sketches))
