"""Studies and everything derived from their evidence."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Header, Query, Response
from sqlalchemy import Connection

from api.context import DatabaseOf, TablesOf
from memscore.errors import InvalidInput, NotFound
from memscore.export import Format, Rows, encode
from memscore.messages import Pair, Pairs, Score, SetsMessage, Studies, StudyMessage, TableSummary
from memscore.recipes import name_of
from memscore.sets import Thresholds, split
from memscore.store import evidence, studies, tables
from memscore.store.studies import StudyRecord
from memscore.tables import Table

router = APIRouter(prefix="/v1/studies", tags=["studies"])

NPZ = "application/x-npz"
MEDIA_TYPES: dict[Format, str] = {
    "npz": NPZ,
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.file",
}
NPZ_RESPONSE: dict[int | str, dict[str, Any]] = {
    200: {"content": {NPZ: {"schema": {"type": "string", "format": "binary"}}}},
    304: {"description": "the client's copy is current"},
}
IfNoneMatch = Annotated[str | None, Header()]
Share = Annotated[float, Query(ge=0, le=1)]


@router.get("", operation_id="list_studies")
def list_studies(database: DatabaseOf) -> Studies:
    """All studies, oldest first."""
    with database.reading() as connection:
        return Studies(studies=[study_message(connection, study) for study in studies.listing(connection)])


@router.get("/{study}", operation_id="get_study")
def get_study(database: DatabaseOf, study: str) -> StudyMessage:
    """One study by id or unique name, with a summary of its current scores."""
    with database.reading() as connection:
        return study_message(connection, studies.find(connection, study))


@router.get("/{study}/scores/{index}", operation_id="get_score")
async def get_score(current: TablesOf, index: int) -> Score:
    """One training sample by its index in the dataset."""
    scores = current.scores
    if not 0 <= index < len(scores):
        raise NotFound(
            f"Study {current.study.name!r} has no training sample {index}; indices go from 0 to {len(scores) - 1}."
        )
    return Score(
        study=current.study.id,
        index=index,
        label=int(scores["label"][index]),
        mem=_number(scores["mem"][index]),
        se=_number(scores["se"][index]),
        interval=(_number(scores["mem_low"][index]), _number(scores["mem_high"][index])),
        p_in=_number(scores["p_in"][index]),
        p_out=_number(scores["p_out"][index]),
        n_in=int(scores["n_in"][index]),
        n_out=int(scores["n_out"][index]),
        set=current.set_of(index),  # pyright: ignore[reportArgumentType]
        trials=scores.trials,
        digest=scores.digest,
    )


@router.get("/{study}/table", operation_id="get_table", responses=NPZ_RESPONSE, response_class=Response)
def get_table(
    current: TablesOf, format: Format = "npz", rows: Rows = "train", if_none_match: IfNoneMatch = None
) -> Response:
    """The whole score table as .npz (DESIGN section 8), whose ETag is its digest, or one kind of its rows otherwise."""
    if format == "npz":
        return _file(current.scores_payload, current.scores.digest, f"{current.study.name}.scores.npz", if_none_match)
    return _exported(current.scores, format, rows, f"{current.study.name}.{rows}.{format}", if_none_match)


@router.get("/{study}/pairs/table", operation_id="get_pairs_table", responses=NPZ_RESPONSE, response_class=Response)
def get_pairs_table(current: TablesOf, format: Format = "npz", if_none_match: IfNoneMatch = None) -> Response:
    """The whole pairs table, by default as .npz, whose ETag is its digest."""
    if format == "npz":
        return _file(current.pairs_payload, current.pairs.digest, f"{current.study.name}.pairs.npz", if_none_match)
    return _exported(current.pairs, format, "train", f"{current.study.name}.pairs.{format}", if_none_match)


@router.get("/{study}/pairs", operation_id="list_pairs")
async def list_pairs(
    current: TablesOf,
    train_index: int | None = None,
    test_index: int | None = None,
    infl_min: Annotated[float | None, Query(ge=-1, le=1)] = None,
    mem_min: Annotated[float | None, Query(ge=-1, le=1)] = None,
    q_max: Annotated[float | None, Query(ge=0, le=1)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: str | None = None,
) -> Pairs:
    """High-influence pairs, strongest first, filtered; `cursor` is `next` of the page before."""
    pairs = current.pairs
    chosen = np.ones(len(pairs), np.bool_)
    for column, wanted in (("train_index", train_index), ("test_index", test_index)):
        if wanted is not None:
            chosen &= pairs[column] == wanted
    if infl_min is not None:
        chosen &= pairs["infl"] >= infl_min
    if mem_min is not None:
        chosen &= pairs["mem"] >= mem_min
    if q_max is not None:
        chosen &= pairs["q_value"] <= q_max
    if cursor is not None:
        infl, train, test = _parse_cursor(cursor)
        tie = (pairs["infl"] == infl) & (
            (pairs["train_index"] > train) | ((pairs["train_index"] == train) & (pairs["test_index"] > test))
        )
        chosen &= (pairs["infl"] < infl) | tie
    rows = np.flatnonzero(chosen)[: limit + 1]
    found = [
        Pair(
            train_index=int(pairs["train_index"][row]),
            test_index=int(pairs["test_index"][row]),
            infl=float(pairs["infl"][row]),
            se=_number(pairs["se"][row]),
            q_value=_number(pairs["q_value"][row]),
            mem=_number(pairs["mem"][row]),
        )
        for row in rows[:limit]
    ]
    more = len(rows) > limit
    return Pairs(
        study=current.study.id,
        digest=pairs.digest,
        floor=float(pairs.meta["floor"]),
        pairs=found,
        next=f"{found[-1].infl!r}_{found[-1].train_index}_{found[-1].test_index}" if more else None,
    )


@router.get("/{study}/sets", operation_id="get_sets", responses=NPZ_RESPONSE, response_model=SetsMessage)
async def get_sets(
    current: TablesOf,
    atypical: Share = Thresholds.atypical,
    typical: Share = Thresholds.typical,
    test_accuracy: Share = Thresholds.test_accuracy,
    format: Literal["npz", "json"] = "npz",
) -> Response | SetsMessage:
    """Typical and atypical sets: boolean masks as .npz, or counts and indices as JSON."""
    sets = split(current.scores, current.pairs, Thresholds(atypical, typical, test_accuracy))
    if format == "npz":
        return Response(sets.encode(digest=current.scores.digest), media_type=NPZ)
    return SetsMessage(
        study=current.study.id,
        digest=current.scores.digest,
        thresholds=asdict(sets.thresholds),
        counts=sets.counts(),
        indices={name: np.flatnonzero(mask).tolist() for name, mask in sets.masks().items()},
        warnings=current.scores.warnings,
    )


def study_message(connection: Connection, study: StudyRecord) -> StudyMessage:
    """A study as it is answered."""
    meta = tables.current_meta(connection, study.id)
    summary = None if meta is None else TableSummary.model_validate(meta)
    return StudyMessage(
        id=study.id,
        name=study.name,
        dataset=study.dataset,
        fingerprint=study.fingerprint,
        recipe=study.recipe,
        recipe_name=None if study.recipe is None else name_of(study.recipe),
        design=study.design,
        trials=evidence.count(connection, study.id),
        table=summary,
    )


def _exported(table: Table, format: Format, rows: Rows, filename: str, if_none_match: str | None) -> Response:
    """A table in another format than its own, made only if the client lacks it."""
    tag = f"{table.digest}-{rows}-{format}"
    return _file(lambda: encode(table, format, rows), tag, filename, if_none_match, MEDIA_TYPES[format])


def _file(
    payload: bytes | Callable[[], bytes], digest: str, filename: str, if_none_match: str | None, media_type: str = NPZ
) -> Response:
    etag = f'"{digest}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    known = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    if etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    content = payload if isinstance(payload, bytes) else payload()
    return Response(content, media_type=media_type, headers=headers)


def _parse_cursor(cursor: str) -> tuple[np.float32, int, int]:
    try:
        infl, train, test = cursor.split("_")
        if not math.isfinite(float(infl)):
            raise ValueError(infl)
        return np.float32(float(infl)), int(train), int(test)
    except ValueError as error:
        raise InvalidInput("cursor is not one that a page gave as `next`; leave it out to start anew.") from error


def _number(value: Any) -> float | None:
    number = float(value)
    return None if math.isnan(number) else number
