"""Compares two studies of one dataset, or of two that share training samples."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, cast

import numpy as np
from fastapi import APIRouter, Query, Request, Response

from api import errors
from api.dependencies import HomeOf, TablesOf
from api.routes.datasets import arrays_of
from api.table_cache import StudyTables, TableCache
from memscore.datasets.dataset import Dataset
from memscore.errors import FingerprintMismatch, NotFound
from memscore.messages.comparisons import Agreement, ComparisonMessage, Density, Disagreement, Side
from memscore.scores.alignment import Alignment, align
from memscore.scores.comparison import compare, density, disagreements
from memscore.scores.sets import Thresholds
from memscore.scores.tables import ScoreTable

router = APIRouter(prefix="/v1/studies", tags=["scores"], responses=errors.documented(404, 409))


@router.get("/{study}/compare", operation_id="compare_studies", response_model=ComparisonMessage)
async def compare_studies(
    request: Request,
    current: TablesOf,
    home: HomeOf,
    other: Annotated[
        str, Query(alias="with", description="id or name of the other study, b; {study} is a", examples=["digits"])
    ],
    threshold: Annotated[float, Query(ge=0, le=1, description="mem above this is atypical")] = Thresholds.atypical,
    bins: Annotated[int, Query(ge=1, le=200, description="bins of the density along each axis")] = 50,
    limit: Annotated[int, Query(ge=0, le=1000, description="most disagreements in the answer")] = 24,
) -> Response:
    """How well the scores of two studies agree, and where they disagree.

    Studies of different datasets are compared on the training samples that both have, at least half of the smaller one.
    """
    beside = await cast("TableCache", request.app.state.tables).get(other)
    asked = ("compare", beside.scores.digest, threshold, bins, limit)
    return await current.answer(asked, lambda: _message(home, current, beside, threshold, bins, limit))


def _message(home: Path, a: StudyTables, b: StudyTables, threshold: float, bins: int, limit: int) -> ComparisonMessage:
    """Raises FingerprintMismatch, InvalidInput."""
    aligned, scores = None, b.scores
    if a.study.fingerprint == b.study.fingerprint:
        agreement = a.compared(b, threshold)
    else:
        one, other = _both(home, a, b)
        aligned = align(one.x_train, one.y_train, other.x_train, other.y_train)
        scores = aligned.table(b.scores, a.study.fingerprint)
        found = compare(a.scores, scores, threshold)
        agreement = replace(found, notes=[aligned.note, *found.notes])
    edges, counts = density(a.scores, scores, bins)
    rows = disagreements(a.scores, scores, limit)
    return ComparisonMessage(
        a=a.study.id,
        b=b.study.id,
        digest_a=a.scores.digest,
        digest_b=b.scores.digest,
        shared=None if aligned is None else aligned.shared,
        relabelled=None if aligned is None else aligned.relabelled,
        agreement=Agreement(**asdict(agreement)),
        density=Density(edges=edges.tolist(), counts=counts.tolist()),
        disagreements=[_disagreement(a.scores, scores, aligned, int(index)) for index in rows],
    )


def _both(home: Path, a: StudyTables, b: StudyTables) -> tuple[Dataset, Dataset]:
    """The arrays of both datasets. Raises FingerprintMismatch if the service does not have them."""
    try:
        return arrays_of(home, a.study.fingerprint), arrays_of(home, b.study.fingerprint)
    except NotFound as error:
        raise FingerprintMismatch(
            f"The studies are of different datasets, {a.study.dataset!r} and {b.study.dataset!r}, and the service "
            "lacks the files to find the samples that both have."
        ) from error


def _disagreement(a: ScoreTable, b: ScoreTable, aligned: Alignment | None, index: int) -> Disagreement:
    sides = [_side(one, index) for one in (a, b)]
    return Disagreement(
        index=index,
        label=int(a["label"][index]),
        a=sides[0],
        b=sides[1],
        difference=sides[0].mem - sides[1].mem,
        index_b=None if aligned is None else int(aligned.places[index]),
        label_b=None if aligned is None else int(b["label"][index]),
    )


def _side(scores: ScoreTable, index: int) -> Side:
    low, high = (float(scores[name][index]) for name in ("mem_low", "mem_high"))
    ends = tuple(None if np.isnan(end) else end for end in (low, high))
    return Side(mem=float(scores["mem"][index]), interval=ends)
