"""Compares two studies of one dataset."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, cast

import numpy as np
from fastapi import APIRouter, Query, Request, Response

from api import errors
from api.dependencies import TablesOf
from api.table_cache import StudyTables, TableCache
from memscore.messages.comparisons import Agreement, ComparisonMessage, Density, Disagreement, Side
from memscore.scores.comparison import density, disagreements
from memscore.scores.sets import Thresholds

router = APIRouter(prefix="/v1/studies", tags=["scores"], responses=errors.documented(404, 409))


@router.get("/{study}/compare", operation_id="compare_studies", response_model=ComparisonMessage)
async def compare_studies(
    request: Request,
    current: TablesOf,
    other: Annotated[
        str, Query(alias="with", description="id or name of the other study, b; {study} is a", examples=["digits"])
    ],
    threshold: Annotated[float, Query(ge=0, le=1, description="mem above this is atypical")] = Thresholds.atypical,
    bins: Annotated[int, Query(ge=1, le=200, description="bins of the density along each axis")] = 50,
    limit: Annotated[int, Query(ge=0, le=1000, description="most disagreements in the answer")] = 24,
) -> Response:
    """How well the scores of two studies agree, and where they disagree."""
    beside = await cast("TableCache", request.app.state.tables).get(other)
    asked = ("compare", beside.scores.digest, threshold, bins, limit)
    return await current.answer(asked, lambda: _message(current, beside, threshold, bins, limit))


def _message(a: StudyTables, b: StudyTables, threshold: float, bins: int, limit: int) -> ComparisonMessage:
    """Raises FingerprintMismatch, InvalidInput."""
    agreement = a.compared(b, threshold)
    edges, counts = density(a.scores, b.scores, bins)
    rows = disagreements(a.scores, b.scores, limit)
    return ComparisonMessage(
        a=a.study.id,
        b=b.study.id,
        digest_a=a.scores.digest,
        digest_b=b.scores.digest,
        agreement=Agreement(**asdict(agreement)),
        density=Density(edges=edges.tolist(), counts=counts.tolist()),
        disagreements=[_disagreement(a, b, int(index)) for index in rows],
    )


def _disagreement(a: StudyTables, b: StudyTables, index: int) -> Disagreement:
    sides = [_side(one, index) for one in (a, b)]
    return Disagreement(
        index=index,
        label=int(a.scores["label"][index]),
        a=sides[0],
        b=sides[1],
        difference=sides[0].mem - sides[1].mem,
    )


def _side(tables: StudyTables, index: int) -> Side:
    low, high = (float(tables.scores[name][index]) for name in ("mem_low", "mem_high"))
    ends = tuple(None if np.isnan(end) else end for end in (low, high))
    return Side(mem=float(tables.scores["mem"][index]), interval=ends)
