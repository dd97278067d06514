"""Serves what is derived from a study's evidence as files: tables in several formats, and sets."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Depends, Header, Query, Response

from api import errors
from api.dependencies import DatabaseOf, TablesOf
from api.file_answers import NPZ, PARTS, ConditionsOf, Representation
from api.headers import ASK_AGAIN, FOR_EVER
from api.table_cache import MEDIA_TYPES, StudyTables, exported
from memscore.errors import NotFound
from memscore.messages.scores import SetsMessage
from memscore.scores.frames import Format, Rows
from memscore.scores.sets import Rule, Thresholds, split, sure
from memscore.scores.tables import PairsTable, ScoreTable
from memscore.store import Database, tables
from memscore.validation import DIGEST_PATTERN

router = APIRouter(prefix="/v1/studies", tags=["tables"])

BINARY = {"schema": {"type": "string", "format": "binary"}}
NPZ_CONTENT: dict[int | str, dict[str, Any]] = {200: {"content": {NPZ: BINARY}}}
TABLE_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": {media_type.partition(";")[0]: BINARY for media_type in MEDIA_TYPES.values()}},
    **PARTS,
    **errors.documented(406, 409),
}
ACCEPTED: dict[str, Format] = {
    **{media_type.partition(";")[0]: format for format, media_type in MEDIA_TYPES.items()},
    "application/zip": "npz",
    "application/octet-stream": "npz",
    "application/*": "npz",
    "text/*": "csv",
    "*/*": "npz",
}

Digest = Annotated[
    str | None, Query(pattern=DIGEST_PATTERN, description="digest of a stored version; default: the current one")
]


async def _format(
    format: Annotated[Format | None, Query(description="overrides Accept; npz if neither names a format")] = None,
    accept: Annotated[str, Header(description="media types, ranked by their q, if `format` is left out")] = "*/*",
) -> Format:
    """The format that a client wants. Raises NotAcceptable."""
    if format is not None:
        return format
    for media_type in _by_preference(accept):
        if media_type in ACCEPTED:
            return ACCEPTED[media_type]
    raise errors.NotAcceptable(
        f"No accepted format is available; accept one of {', '.join(ACCEPTED)}, or set ?format=."
    )


FormatOf = Annotated[Format, Depends(_format)]


@router.get("/{study}/table", operation_id="get_table", responses=TABLE_RESPONSES, response_class=Response)
async def get_table(
    database: DatabaseOf,
    current: TablesOf,
    conditions: ConditionsOf,
    format: FormatOf,
    rows: Annotated[Rows, Query(description="samples to list; npz holds both kinds")] = "train",
    digest: Digest = None,
) -> Response:
    """The whole score table, as .npz (whose ETag is the table's digest), CSV, Parquet or Arrow."""
    if digest not in (None, current.scores.digest):
        asked = (ScoreTable, digest, format, rows)
        stored = await current.exported(asked, lambda: _version(database, current, *asked))
        return stored.answer(conditions, FOR_EVER)
    file = current.scores_file if format == "npz" else await current.export("scores", format, rows)
    return file.answer(conditions, ASK_AGAIN if digest is None else FOR_EVER)


@router.get("/{study}/pairs/table", operation_id="get_pairs_table", responses=TABLE_RESPONSES, response_class=Response)
async def get_pairs_table(
    database: DatabaseOf, current: TablesOf, conditions: ConditionsOf, format: FormatOf, digest: Digest = None
) -> Response:
    """The whole pairs table, in the same formats."""
    if digest not in (None, current.pairs.digest):
        asked = (PairsTable, digest, format, "train")
        stored = await current.exported(asked, lambda: _version(database, current, *asked))
        return stored.answer(conditions, FOR_EVER)
    file = current.pairs_file if format == "npz" else await current.export("pairs", format, "train")
    return file.answer(conditions, ASK_AGAIN if digest is None else FOR_EVER)


@router.get(
    "/{study}/sets",
    operation_id="get_sets",
    responses=NPZ_CONTENT | errors.documented(404, 409),
    response_model=SetsMessage,
)
async def get_sets(
    current: TablesOf,
    atypical: Annotated[
        float, Query(ge=0, le=1, description="atypical: mem, or infl, above this")
    ] = Thresholds.atypical,
    typical: Annotated[float, Query(ge=0, le=1, description="typical: mem, or infl, below this")] = Thresholds.typical,
    test_accuracy: Annotated[
        float, Query(ge=0, le=1, description="least share of models that classify a typical test sample correctly")
    ] = Thresholds.test_accuracy,
    rule: Annotated[
        Rule,
        Query(description="atypical test samples: by the probability of infl above `atypical`, or by its estimate"),
    ] = Thresholds.rule,
    format: Annotated[Literal["npz", "json"], Query(description="masks, or counts and indices")] = "npz",
    limit: Annotated[int | None, Query(ge=0, description="most indices of each set in JSON; default: all")] = None,
) -> Response:
    """Typical and atypical sets: boolean masks as .npz, or counts and indices as JSON."""
    thresholds = Thresholds(atypical, typical, test_accuracy, rule)
    if format == "json":
        return await current.page(_listed, thresholds, limit)
    name = f'attachment; filename="{current.study.name}.sets.npz"'
    return Response(await current.made(_masks, thresholds), media_type=NPZ, headers={"Content-Disposition": name})


def _masks(current: StudyTables, thresholds: Thresholds) -> bytes:
    return split(current.scores, current.pairs, thresholds).encode(digest=current.scores.digest)


def _listed(current: StudyTables, thresholds: Thresholds, limit: int | None) -> dict[str, Any]:
    """The fields of SetsMessage."""
    sets = split(current.scores, current.pairs, thresholds)
    return SetsMessage(
        study=current.study.id,
        digest=current.scores.digest,
        thresholds={name: value for name, value in asdict(sets.thresholds).items() if name != "rule"},
        rule=sets.rule,
        expected_false=sets.expected_false,
        typical_false=sets.typical_false,
        sure=sure(current.scores, sets),
        by_chance=sets.by_chance,
        counts=sets.counts(),
        indices={name: np.flatnonzero(mask)[:limit].tolist() for name, mask in sets.masks().items()},
        warnings=[*current.scores.warnings, *sets.notes],
    ).model_dump()


def _version(
    database: Database,
    current: StudyTables,
    kind: type[ScoreTable] | type[PairsTable],
    digest: str,
    format: Format,
    rows: Rows,
) -> Representation:
    """A stored version of a table that is not the current one. Raises NotFound."""
    with database.reading() as connection:
        version = tables.version(connection, kind, current.study.id, digest)
    if version is None:
        raise NotFound(
            f"Study {current.study.name!r} has no {kind.kind} with the digest {digest}; leave `digest` out for the "
            "current one."
        )
    if format == "npz":
        return Representation.of(version.payload, f"{current.study.name}.npz", etag=digest)
    return exported(version.decode(kind), current.study.name, format, rows)


def _by_preference(accept: str) -> list[str]:
    """The media types of an Accept header, most preferred first, without those of q=0."""
    found: list[tuple[float, str]] = []
    for part in accept.lower().split(","):
        media_type, *parameters = (one.strip() for one in part.split(";"))
        quality = next((one[2:] for one in parameters if one.startswith("q=")), "1")
        try:
            found.append((float(quality), media_type))
        except ValueError:
            continue
    return [media_type for weight, media_type in sorted(found, key=lambda one: -one[0]) if weight > 0]
