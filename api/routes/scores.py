"""Scores of samples: one, many, a sorted page, their distribution, and the explanation of one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Body, Query, Response
from fastapi.openapi.models import Example

from api import errors, numeric_json
from api.dependencies import DatabaseOf, IndexInPath, LabelInQuery, TablesOf
from api.paging import Cursor, Limit, cursor_of, values_of
from api.reviewed import by_review
from api.table_cache import StudyTables
from memscore.arrays import Indices
from memscore.errors import InvalidInput, NotFound
from memscore.messages.message import Message
from memscore.messages.pairs import Explanation, Influence, Pair, Pairs
from memscore.messages.reviews import ReviewFilter
from memscore.messages.scores import (
    ColumnDensity,
    CountedColumn,
    Histogram,
    LookupRequest,
    Score,
    ScoreColumns,
    Scores,
    SetFilter,
    TestScore,
)
from memscore.scores import explanation
from memscore.scores.density import density
from memscore.scores.label_errors import suggestion
from memscore.scores.selection import BOUND, COLUMNS, Column, ColumnRange, Filters, Order
from memscore.scores.selection import values_of as column_of
from memscore.scores.tables import NO_TEST_PART, PairsTable

LOOK_UP: dict[str, Example] = {"some": {"summary": "some samples", "value": {"indices": [17, 4, 23]}}}
MOST_MEMORIZED_FIRST = Order("mem", descending=True)
PairOrder = Literal["infl", "holds"]
MOST_RANGES = 10
ONE_RANGE = rf"({'|'.join(COLUMNS)}):({BOUND})?:({BOUND})?"

OTHERS = 3  # other samples' influences that an explanation lists for each test sample

router = APIRouter(prefix="/v1/studies", tags=["scores"], responses=errors.documented(404, 409))

Least = Annotated[float | None, Query(ge=-1, le=1, description="only values of at least this")]
Most = Annotated[float | None, Query(ge=-1, le=1, description="only values of at most this")]


@router.get("/{study}/scores/{index}", operation_id="get_score", response_model=Score)
async def get_score(current: TablesOf, index: IndexInPath) -> Response:
    """One training sample by its index in the dataset."""
    return numeric_json.answer(current.source | current.row(_train_index(current, index)))


@router.post("/{study}/scores/lookup", operation_id="look_up_scores", response_model=ScoreColumns)
async def look_up_scores(
    current: TablesOf, request: Annotated[LookupRequest, Body(openapi_examples=LOOK_UP)]
) -> Response:
    """Many training samples by their indices, as columns in the order of the request."""
    samples = len(current.scores)
    wrong = next((index for index in request.indices if not 0 <= index < samples), None)
    if wrong is not None:
        raise _no_sample(current, "training", wrong, samples)
    return numeric_json.answer(current.columns_at(np.array(request.indices, np.int64)))


@router.get("/{study}/scores", operation_id="list_scores", response_model=Scores)
async def list_scores(
    current: TablesOf,
    label: LabelInQuery,
    database: DatabaseOf,
    set: Annotated[SetFilter | None, Query(description="only this set, at the paper's thresholds")] = None,
    review: Annotated[ReviewFilter | None, Query(description="only what reviewers have decided so")] = None,
    mem_min: Least = None,
    mem_max: Most = None,
    range: Annotated[
        str | None,
        Query(
            max_length=1000,
            json_schema_extra={"pattern": rf"^{ONE_RANGE}(,{ONE_RANGE}){{0,9}}$"},
            description="bounds of columns that must all hold, such as p_out:0.1:0.5,se::0.05",
        ),
    ] = None,
    sort: Annotated[
        str,
        Query(
            max_length=50,
            description="a column, prefixed with - for descending order; undefined values come last",
            json_schema_extra={"pattern": f"^-?({'|'.join(COLUMNS)})$"},
        ),
    ] = "-mem",
    limit: Limit = 100,
    cursor: Cursor = None,
    offset: Annotated[int, Query(ge=0, le=2**31 - 1, description="samples to skip; instead of a cursor")] = 0,
) -> Response:
    """Training samples, filtered and sorted, page by page; by default the most memorized first."""
    order = Order.parse(sort)
    if cursor is not None and offset:
        raise InvalidInput("offset and cursor both set the start of the page; give only one of them.")
    after = None
    if cursor is not None:
        sorted_by, value, index = values_of(cursor, str, (float, type(None)), int)
        if sorted_by != sort:
            raise InvalidInput("cursor belongs to another sort; give the same sort, or leave the cursor out.")
        after = (value, index)
    await current.order(order)
    ranges = () if range is None else tuple(map(ColumnRange.parse, range.split(",")))
    if len(ranges) > MOST_RANGES:
        raise InvalidInput(f"range: at most {MOST_RANGES} columns can be bounded.")
    filters = Filters(label, set, mem_min, mem_max, await by_review(database, current, review), ranges)
    return await current.page(_scores, order, sort, filters, after, offset, limit)


def _scores(
    current: StudyTables,
    order: Order,
    sort: str,
    filters: Filters,
    after: tuple[float | None, int] | None,
    offset: int,
    limit: int,
) -> dict[str, Any]:
    """The fields of Scores; the samples must have been sorted in this order."""
    wanted = filters.mask(current.scores)
    matching = int(wanted.sum())
    if after is not None:
        wanted &= order.after(current.scores, *after)
    sorted_samples = current.orders[order]
    found = sorted_samples[wanted[sorted_samples]][offset : offset + limit + 1]
    rows = [current.row(int(index)) for index in found[:limit]]
    further = None
    if len(found) > limit:
        last = int(found[limit - 1])
        value = float(column_of(current.scores, order.column)[last])
        further = cursor_of(sort, None if np.isnan(value) else value, last)
    return current.source | {"matching": matching, "scores": rows, "next": further}


@router.get("/{study}/test-scores/{index}", operation_id="get_test_score", response_model=TestScore)
async def get_test_score(current: TablesOf, index: IndexInPath) -> Response:
    """One test sample by its index in the dataset."""
    index = _test_index(current, index)
    table, sets = current.scores, await current.at_thresholds()
    strongest = table["test_infl_index"][index]
    score = {
        "index": index,
        **current.named("test", index),
        "label": table["test_label"][index],
        "p": table["test_p"][index],
        "p_full": table["test_p_full"][index],
        "infl_max": table["test_infl_max"][index],
        "infl_index": None if strongest < 0 else strongest,
        "set": "atypical" if sets.test_atypical[index] else "typical" if sets.test_typical[index] else None,
    }
    return numeric_json.answer(current.source | score)


@router.get("/{study}/histogram", operation_id="get_histogram", response_model=Histogram)
async def get_histogram(
    current: TablesOf,
    label: LabelInQuery,
    bins: Annotated[int, Query(ge=1, le=1000, description="bins of equal width over the column's range")] = 20,
    column: Annotated[Literal["mem", "se", "p_in", "p_out"], Query(description="the column to count")] = "mem",
) -> Response:
    """The distribution of mem, or of another column, over the training samples."""
    return await current.page(_histogram, label, bins, column)


def _histogram(current: StudyTables, label: int | None, bins: int, column: str) -> dict[str, Any]:
    """The fields of Histogram."""
    values = current.scores[column][Filters(label=label).mask(current.scores)]
    defined = values[~np.isnan(values)]
    counts, edges = np.histogram(defined, bins, (-1.0 if column == "mem" else 0.0, 1.0))
    found = {"column": column, "edges": edges, "counts": counts, "undefined": len(values) - len(defined)}
    return current.source | found


@router.get("/{study}/density", operation_id="get_density", response_model=ColumnDensity)
async def get_density(
    current: TablesOf,
    label: LabelInQuery,
    x: Annotated[CountedColumn, Query(description="the column from left to right")] = "p_out",
    y: Annotated[CountedColumn, Query(description="the column upwards")] = "p_in",
    bins: Annotated[int, Query(ge=1, le=200, description="bins of a column whose values are not few shares")] = 40,
) -> Response:
    """How many training samples have which values of two columns."""
    return await current.page(_density, label, x, y, bins)


def _density(current: StudyTables, label: int | None, x: Column, y: Column, bins: int) -> dict[str, Any]:
    """The fields of ColumnDensity."""
    found = density(current.scores, Filters(label=label).mask(current.scores), (x, y), bins)
    return current.source | asdict(found)


@router.get("/{study}/explain/{index}", operation_id="explain_score", response_model=Explanation)
async def explain_score(
    current: TablesOf,
    index: IndexInPath,
    limit: Annotated[int, Query(ge=1, le=100, description="length of each list")] = 10,
    holding: Annotated[bool, Query(description="rivals by pairs that hold alone: most others are chance")] = False,
) -> Response:
    """An explanation of a training sample's score: its counts in words, the test samples it influences, its rivals."""
    index = _train_index(current, index)
    await current.label_errors()
    return await current.page(_explained, index, limit, holding)


def _explained(current: StudyTables, index: int, limit: int, holding: bool) -> dict[str, Any]:
    """The fields of Explanation; label errors must have been estimated."""
    errors = current.errors
    assert errors is not None
    vote = suggestion(current.scores, index)
    table, pairs = current.scores, current.pairs
    class_name = current.class_names[int(table["label"][index])]
    overall, in_class = explanation.places(table, index)
    all_own = explanation.influenced(pairs, index)
    own = all_own[:limit]
    beside = explanation.others(pairs, index, pairs["test_index"][own])
    rivals = explanation.rivals(pairs, index, limit, holding=holding)
    return {
        "score": current.source | current.row(index),
        "class_name": class_name,
        "rank": overall.rank,
        "rank_in_class": in_class.rank,
        "samples": overall.among,
        "samples_in_class": in_class.among,
        "position": MOST_MEMORIZED_FIRST.place(table, index),
        "sentence": explanation.in_words(table, index, class_name),
        "influences": [
            {
                **_row_of(pairs, row, Influence),
                "others": [
                    _row_of(pairs, other, Influence)
                    for other in beside[pairs["test_index"][beside] == pairs["test_index"][row]][:OTHERS]
                ],
            }
            for row in own
        ],
        "rivals": [
            {
                "index": rival.index,
                "label": table["label"][rival.index],
                "mem": table["mem"][rival.index],
                "shared": rival.shared,
                "overlap": rival.overlap,
            }
            for rival in rivals
        ],
        "influenced": len(all_own),
        "holding": int(pairs.holding[all_own].sum()) if pairs.tested else None,
        "suggested": None if vote is None else vote[0],
        "share": None if vote is None else vote[1],
        "label_error": errors.label_error[index],
        "suspected": None if errors.suspected is None else errors.suspects[index],
        "floor": pairs.meta["floor"],
        "strong": pairs.meta.get("strong"),
    }


@router.get("/{study}/pairs", operation_id="list_pairs", response_model=Pairs)
async def list_pairs(
    database: DatabaseOf,
    current: TablesOf,
    train_index: Annotated[int | None, Query(description="only pairs of this training sample")] = None,
    test_index: Annotated[int | None, Query(description="only pairs of this test sample")] = None,
    infl_min: Least = None,
    mem_min: Least = None,
    q_max: Annotated[float | None, Query(ge=0, le=1, description="only with a q-value of at most this")] = None,
    q_weighted_max: Annotated[
        float | None, Query(ge=0, le=1, description="only with a weighted q-value of at most this")
    ] = None,
    p_min: Annotated[float | None, Query(ge=0, le=1, description="only with a p_strong of at least this")] = None,
    order: Annotated[
        PairOrder,
        Query(description="`infl`: strongest first; `holds`: those at a false-discovery rate of 5 % first, then these"),
    ] = "infl",
    holding: Annotated[
        bool,
        Query(
            description="only pairs that hold at a false-discovery rate of 5 %; imported ones are not tested, and pass"
        ),
    ] = False,
    harmful: Annotated[
        bool, Query(description="pairs of all classes with negative influence instead; the first request is slow")
    ] = False,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """High-influence pairs, strongest first or those that hold first, filtered, page by page.

    Harmful pairs are looked for in the evidence, among all classes, and at most ten kept of each test sample. They have
    a q-value of their own test, but neither weighted q-values nor p_strong.
    """
    wanted = _Wanted(
        None if train_index is None else _train_index(current, train_index),
        None if test_index is None else _test_index(current, test_index),
        (("infl", infl_min), ("mem", mem_min), ("p_strong", p_min)),
        (("q_value", q_max), ("q_weighted", q_weighted_max)),
    )
    after = None
    if cursor is not None:
        kinds = (float, int, int, bool) if order == "holds" else (float, int, int)
        after = tuple(values_of(cursor, *kinds))
    if harmful:
        await current.harmful_pairs(database)
    return await current.page(_pairs, wanted, order, holding, harmful, after, limit)


@dataclass(frozen=True)
class _Wanted:
    """Conditions on pairs; None means no condition. Bounds are inclusive, in single precision."""

    train_index: int | None
    test_index: int | None
    least: tuple[tuple[str, float | None], ...]
    most: tuple[tuple[str, float | None], ...]

    def rows(self, pairs: PairsTable) -> Indices:
        """The rows that meet them, in the table's order."""
        if self.train_index is not None:
            rows = pairs.of_train(self.train_index)
        elif self.test_index is not None:
            rows = pairs.of_test(self.test_index)
        else:
            rows = np.arange(len(pairs))
        if self.train_index is not None and self.test_index is not None:
            rows = rows[pairs["test_index"][rows] == self.test_index]
        for column, least in self.least:
            if least is not None:
                rows = rows[pairs.at(column, rows) >= np.float32(least)]
        for column, most in self.most:
            if most is not None:
                rows = rows[pairs.at(column, rows) <= np.float32(most)]
        return rows


def _pairs(
    current: StudyTables,
    wanted: _Wanted,
    order: PairOrder,
    holding: bool,
    harmful: bool,
    after: tuple[Any, ...] | None,
    limit: int,
) -> dict[str, Any]:
    """The fields of Pairs; harmful pairs must have been looked for."""
    pairs = current.pairs
    if harmful:
        assert current.harmful is not None
        pairs = current.harmful
    rows = wanted.rows(pairs)
    holds = pairs.holding[rows]
    counts = {"matching": len(rows), "holding": int(holds.sum()) if pairs.tested else None}
    if holding and pairs.tested:
        rows, holds = rows[holds], holds[holds]
    first = holds if order == "holds" else np.zeros(len(rows), np.bool_)
    if after is not None:
        at, train, test, *held = after
        infl = pairs["infl"][rows] if not harmful else -pairs["infl"][rows]
        trains, tests = pairs["train_index"][rows], pairs["test_index"][rows]
        before = np.float32(-at if harmful else at)
        tie = (trains > train) | ((trains == train) & (tests > test))
        later = (infl < before) | ((infl == before) & tie)
        chosen = (first & later) | ~first if held == [True] else ~first & later
        rows, first = rows[chosen], first[chosen]
    rows = np.concatenate([rows[first], rows[~first]])[: limit + 1]
    further = None
    if len(rows) > limit:
        last = rows[limit - 1]
        place = [pairs[name][last].item() for name in ("infl", "train_index", "test_index")]
        further = cursor_of(*place, *([bool(pairs.holding[last])] if order == "holds" else []))
    of_all: dict[str, Any] = {
        "strong": pairs.meta.get("strong"),
        "found": pairs.meta.get("pairs_found"),
        "expected": pairs.meta.get("pairs_expected"),
    }
    return {
        "study": current.study.id,
        "digest": pairs.digest,
        "floor": pairs.meta["floor"],
        **({"scope": pairs.meta["scope"]} if harmful else of_all),
        **counts,
        "pairs": [_row_of(pairs, row, Pair) for row in rows[:limit]],
        "next": further,
    }


def _row_of(pairs: PairsTable, row: int, message: type[Message]) -> dict[str, Any]:
    """The fields of a message from one row of a pairs table."""
    return {name: pairs.at(name, row) for name in message.model_fields}


def _train_index(current: StudyTables, index: int) -> int:
    """The index of an existing training sample. Raises NotFound."""
    if not 0 <= index < len(current.scores):
        raise _no_sample(current, "training", index, len(current.scores))
    return index


def _test_index(current: StudyTables, index: int) -> int:
    """The index of an existing test sample. Raises NotFound."""
    if not 0 <= index < current.scores.test_samples:
        raise _no_sample(current, "test", index, current.scores.test_samples)
    return index


def _no_sample(current: StudyTables, kind: str, index: int, samples: int) -> NotFound:
    if not samples:
        return NotFound(NO_TEST_PART)
    return NotFound(f"Study {current.study.name!r} has no {kind} sample {index}; indices go from 0 to {samples - 1}.")
