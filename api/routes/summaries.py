"""Summaries of a study's scores: what was found, classes, how far to trust them, likely wrong labels, privacy risk."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Response

from api import errors
from api.dependencies import DatabaseOf, LabelInQuery, TablesOf
from api.paging import Limit
from api.reviewed import by_review
from api.table_cache import StudyTables
from memscore.datasets.dataset import kind_of
from memscore.errors import Conflict
from memscore.messages.reviews import ReviewFilter
from memscore.messages.scores import Risks, Suspects
from memscore.messages.summaries import Calibration, Classes, Findings, PrecisionCourse, Quality, QualityCheck
from memscore.scores.classes import by_class
from memscore.scores.findings import findings
from memscore.scores.label_errors import LabelErrors, suggestion
from memscore.scores.planning import precision_course
from memscore.scores.quality import calibration, differences, quality
from memscore.scores.risk import note_on_risk, privacy_of
from memscore.scores.selection import Filters
from memscore.scores.suspects import note_on
from memscore.scores.tables import ATYPICAL
from memscore.statistics.precision import MOST_TRIALS
from memscore.study.spec import BLOCK, Wanted

router = APIRouter(prefix="/v1/studies", tags=["scores"], responses=errors.documented(404, 409))


@router.get("/{study}/classes", operation_id="list_classes", response_model=Classes)
async def list_classes(current: TablesOf) -> Response:
    """For each class, how much of it is memorized and how accurate the models are on it."""
    return await current.answer(
        ("classes",), lambda: Classes(**current.source, classes=by_class(current.scores, current.class_names))
    )


@router.get("/{study}/findings", operation_id="get_findings", response_model=Findings)
async def get_findings(current: TablesOf) -> Response:
    """What the study found: how much is memorized, suspected label errors, pairs beyond chance, privacy risk."""
    await current.label_errors()
    return await current.page(_findings)


def _findings(current: StudyTables) -> dict[str, Any]:
    """The fields of Findings; label errors must have been estimated."""
    errors = current.errors
    assert errors is not None
    named = "image" if kind_of(current.dataset.image_shape) == "images" else "sample"
    flipped = np.array(current.dataset.flipped, np.int64)
    found = findings(current.scores, current.pairs, errors, current.class_names, flipped, named)
    return Findings(**current.source, **found).model_dump()


@router.get("/{study}/quality", operation_id="get_quality", response_model=Quality)
async def get_quality(current: TablesOf) -> Response:
    """How far to trust the scores, what each check means, and what to do."""
    return await current.answer(("quality",), lambda: _quality(current))


@router.get("/{study}/precision", operation_id="get_precision", response_model=PrecisionCourse)
async def get_precision(
    current: TablesOf,
    until: Annotated[
        int | None, Query(ge=BLOCK, le=MOST_TRIALS, description="number of trials; default: three times as many as now")
    ] = None,
    threshold: Annotated[float, Query(ge=-1, le=1, description="of mem, for `settled`")] = ATYPICAL,
) -> Response:
    """The precision to expect after how many trials, from the trials so far; imported scores have none."""
    return await current.answer(("precision", until, threshold), lambda: _precision(current, until, threshold))


def _precision(current: StudyTables, until: int | None, threshold: float) -> PrecisionCourse:
    if current.study.design is None:
        raise Conflict(
            f"The scores of {current.study.name} were imported without the design of their trials, which a forecast "
            "needs."
        )
    last = until or 3 * current.scores.trials
    points, by_margins = precision_course(current.scores, current.study.design, Wanted(), last, threshold)
    return PrecisionCourse(**current.source, threshold=threshold, by_margins=by_margins, points=points)


@router.get("/{study}/suspects", operation_id="list_suspects", response_model=Suspects)
async def list_suspects(
    current: TablesOf,
    label: LabelInQuery,
    database: DatabaseOf,
    review: Annotated[ReviewFilter | None, Query(description="only what reviewers have decided so")] = None,
    limit: Limit = 100,
    offset: Annotated[int, Query(ge=0, le=2**31 - 1, description="samples to skip")] = 0,
) -> Response:
    """Training samples whose labels may be wrong by what held-out trials predict, likeliest first."""
    await current.label_errors()
    filters = Filters(label, picked=await by_review(database, current, review))
    return await current.page(_suspects, filters, limit, offset)


def _suspects(current: StudyTables, filters: Filters, limit: int, offset: int) -> dict[str, Any]:
    """The fields of Suspects; label errors must have been estimated."""
    errors = current.errors
    assert errors is not None
    found = errors.order[filters.mask(current.scores)[errors.order]]
    rows = [_suspect(current, errors, int(index)) for index in found[offset : offset + limit]]
    listed = {"matching": len(found), "scores": rows, "next": None, "note": note_on(errors)}
    counted = {name: getattr(errors, name) for name in ("suspected", "precision", "cutoff", "expected")}
    confusion = {"confusion": [asdict(one) for one in errors.confusion]}
    return current.source | listed | counted | confusion


def _suspect(current: StudyTables, errors: LabelErrors, index: int) -> dict[str, Any]:
    """A sample with the fields of Suspect."""
    vote = suggestion(current.scores, index)
    return current.row(index) | {
        "label_error": errors.label_error[index],
        "suggested": None if vote is None else vote[0],
        "share": None if vote is None else vote[1],
        "margin_out": current.scores["margin_out"][index],
        "suspected": None if errors.suspected is None else errors.suspects[index],
    }


@router.get("/{study}/risk", operation_id="list_risks", response_model=Risks)
async def list_risks(
    current: TablesOf,
    label: LabelInQuery,
    limit: Limit = 100,
    offset: Annotated[int, Query(ge=0, le=2**31 - 1, description="samples to skip")] = 0,
) -> Response:
    """Training samples by privacy risk, the highest first, and what a membership-inference attack achieves."""
    await current.order("risk")
    return await current.page(_risks, label, limit, offset)


def _risks(current: StudyTables, label: int | None, limit: int, offset: int) -> dict[str, Any]:
    """The fields of Risks; samples must have been sorted by risk."""
    found = current.orders["risk"]
    if label is not None:
        found = found[current.scores["label"][found] == label]
    privacy = privacy_of(current.scores)
    listed = {
        "matching": len(found),
        "scores": [current.row(int(index)) for index in found[offset : offset + limit]],
        "next": None,
        "privacy": None if privacy is None else privacy.model_dump(),
        "note": note_on_risk(current.scores),
    }
    return current.source | listed


def _quality(current: StudyTables) -> Quality:
    checks = [QualityCheck(**asdict(check)) for check in quality(current.scores, current.study.design)]
    points = calibration(differences(current.scores))
    return Quality(**current.source, checks=checks, calibration=Calibration(**asdict(points)))
