"""Copies of training samples, within training and in the test part, with what the trials say of them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Response
from starlette.concurrency import run_in_threadpool

from api import errors, numeric_json
from api.dependencies import HomeOf, TablesOf
from api.paging import Limit
from api.routes.datasets import arrays_of
from api.table_cache import StudyTables
from memscore.messages.pairs import Duplicates
from memscore.scores.duplicates import ALIKE, LIMITS, LIMITS_OF_FEATURES, Copies

LEAST_SERVED = 0.98
"""The least correlation that may be asked for: below, many datasets have millions of such pairs."""

router = APIRouter(prefix="/v1/studies", tags=["scores"], responses=errors.documented(404, 409))


@router.get("/{study}/duplicates", operation_id="list_duplicates", response_model=Duplicates)
async def list_duplicates(
    current: TablesOf,
    home: HomeOf,
    alike: Annotated[
        float, Query(ge=LEAST_SERVED, le=1, description="least correlation of pixels, or likeness of features")
    ] = ALIKE,
    limit: Limit = 100,
    offset: Annotated[int, Query(ge=0, le=2**31 - 1, description="copies to skip")] = 0,
) -> Response:
    """Copies of training samples by pixels or features: test samples first, then training samples.

    They are looked for at the first request, which takes minutes for a large dataset, and kept for later ones.
    """
    dataset = await run_in_threadpool(arrays_of, home, current.study.fingerprint)
    found = await current.copies(dataset, alike)
    listed = {
        "matching": len(found),
        "copies": [_copy(current, one) for one in found[offset : offset + limit]],
        "note": LIMITS if dataset.kind == "images" else LIMITS_OF_FEATURES,
    }
    return numeric_json.answer(current.source | listed)


def _copy(current: StudyTables, copy: Copies) -> dict[str, Any]:
    """A copy with the fields of Duplicate."""
    other = current.named(copy.split, copy.other)
    return (
        asdict(copy)
        | {"mem": np.float32(copy.mem), "infl": np.float32(copy.infl)}  # the tables' precision, so written as there
        | current.named("train", copy.index)
        | {f"other_{field}": name for field, name in other.items()}
    )
