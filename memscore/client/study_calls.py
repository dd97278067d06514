"""Calls on studies: what is known of one sample, of some, or of all that a filter lets through."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, TypedDict, Unpack

import numpy as np
import numpy.typing as npt

from memscore.client.pages import gathered, one_by_one
from memscore.client.session import Session, ask, exchange, get, part, post, post_file
from memscore.client.steps import Flow, Items
from memscore.errors import Conflict, InvalidInput
from memscore.messages.message import MOST_A_PAGE
from memscore.messages.pairs import Explanation, Pair, Pairs
from memscore.messages.scores import (
    MOST_INDICES,
    Histogram,
    SampleScore,
    Score,
    ScoreColumns,
    Scores,
    SetName,
    SetsMessage,
    TestScore,
)
from memscore.messages.studies import Studies, StudyMessage
from memscore.scores.sets import Sets, Thresholds
from memscore.scores.tables import Columns, ScoreTable

REBUILDS = 3  # of the scores while they are looked up in several requests


class ScoreFilters(TypedDict, total=False):
    """Which training samples, and in which order: `sort` is a column, with - to descend; without it -mem."""

    label: int | None
    set: SetName | None
    mem_min: float | None
    mem_max: float | None
    sort: str | None


class PairFilters(TypedDict, total=False):
    """Which pairs: of one training or test sample, with at least this infl and mem, and at most this q-value."""

    train_index: int | None
    test_index: int | None
    infl_min: float | None
    mem_min: float | None
    q_max: float | None


def studies(session: Session, dataset: str | None = None) -> Flow[Studies]:
    """All studies, or those of one dataset, oldest first."""
    found = yield from gathered(session, Studies, get("/v1/studies", dataset=dataset), lambda page: page.studies)
    return Studies(studies=found)


def study(session: Session, study: str) -> Flow[StudyMessage]:
    """One study by id or name, with a summary of its scores."""
    return (yield from ask(session, StudyMessage, get(f"/v1/studies/{part(study)}")))


def score(session: Session, study: str, index: int) -> Flow[Score]:
    """One training sample."""
    return (yield from ask(session, Score, get(f"/v1/studies/{part(study)}/scores/{index}")))


def scores(session: Session, study: str, indices: Iterable[int] | npt.NDArray[np.integer[Any]]) -> Flow[Columns]:
    """Training samples as columns in the order of `indices`, all from one version of the scores.

    index, label, mem, se, mem_low, mem_high, p_in, p_out, n_in, n_out; an undefined value is NaN.
    """
    wanted = _whole_numbers(indices)
    request = f"/v1/studies/{part(study)}/scores/lookup"
    for _ in range(REBUILDS):
        found: list[ScoreColumns] = []
        for start in range(0, max(1, len(wanted)), MOST_INDICES):
            body = {"indices": wanted[start : start + MOST_INDICES]}
            found.append((yield from ask(session, ScoreColumns, post(request, body))))
        if len({columns.digest for columns in found}) == 1:
            return _columns(found)
    raise Conflict("The scores were rebuilt each time while they were looked up; pull the table instead.")


def scores_page(
    session: Session, study: str, *, limit: int = 100, cursor: str | None = None, **wanted: Unpack[ScoreFilters]
) -> Flow[Scores]:
    """A page of at most 1000 training samples; `cursor` is the `next` of the page before."""
    request = get(f"/v1/studies/{part(study)}/scores", **wanted, limit=limit, cursor=cursor)
    return (yield from ask(session, Scores, request))


def iter_scores(
    session: Session, study: str, *, page: int = MOST_A_PAGE, **wanted: Unpack[ScoreFilters]
) -> Items[SampleScore]:
    """All training samples that the filters let through, in the order of `sort`."""
    request = get(f"/v1/studies/{part(study)}/scores", **wanted, limit=page)
    return (yield from one_by_one(session, Scores, request, lambda found: found.scores))


def test_score(session: Session, study: str, index: int) -> Flow[TestScore]:
    """One test sample."""
    return (yield from ask(session, TestScore, get(f"/v1/studies/{part(study)}/test-scores/{index}")))


def histogram(
    session: Session, study: str, *, bins: int = 20, column: str = "mem", label: int | None = None
) -> Flow[Histogram]:
    """How the values of a column are distributed, over all training samples or those of one class."""
    request = get(f"/v1/studies/{part(study)}/histogram", bins=bins, column=column, label=label)
    return (yield from ask(session, Histogram, request))


def explain(session: Session, study: str, index: int, *, limit: int = 10) -> Flow[Explanation]:
    """Why a training sample's score is what it is, with at most `limit` influences and rivals."""
    return (yield from ask(session, Explanation, get(f"/v1/studies/{part(study)}/explain/{index}", limit=limit)))


def pairs(
    session: Session, study: str, *, limit: int = 100, cursor: str | None = None, **wanted: Unpack[PairFilters]
) -> Flow[Pairs]:
    """A page of at most 1000 pairs, strongest first; `cursor` is the `next` of the page before."""
    request = get(f"/v1/studies/{part(study)}/pairs", **wanted, limit=limit, cursor=cursor)
    return (yield from ask(session, Pairs, request))


def iter_pairs(session: Session, study: str, *, page: int = MOST_A_PAGE, **wanted: Unpack[PairFilters]) -> Items[Pair]:
    """All pairs that the filters let through, strongest first."""
    request = get(f"/v1/studies/{part(study)}/pairs", **wanted, limit=page)
    return (yield from one_by_one(session, Pairs, request, lambda found: found.pairs))


def sets(session: Session, study: str, thresholds: Thresholds = Thresholds()) -> Flow[Sets]:
    """Masks of the typical and atypical samples."""
    reply = yield from exchange(session, get(f"/v1/studies/{part(study)}/sets", **asdict(thresholds), format="npz"))
    return Sets.decode(reply.content)


def set_indices(session: Session, study: str, thresholds: Thresholds = Thresholds()) -> Flow[SetsMessage]:
    """Sizes and indices of the typical and atypical sets."""
    request = get(f"/v1/studies/{part(study)}/sets", **asdict(thresholds), format="json")
    return (yield from ask(session, SetsMessage, request))


def import_scores(session: Session, payload: bytes, dataset: str, name: str | None = None) -> Flow[StudyMessage]:
    """Import a score file in Feldman and Zhang's layout as a study."""
    request = post_file("/v1/studies/import", payload, dataset=dataset, name=name)
    return (yield from ask(session, StudyMessage, request))


def _whole_numbers(indices: Iterable[int] | npt.NDArray[np.integer[Any]]) -> list[int]:
    array = np.asarray(indices if isinstance(indices, np.ndarray) else list(indices))
    if (array.size and array.dtype.kind not in "iu") or array.ndim != 1:
        raise InvalidInput("The indices must be whole numbers in one row; np.flatnonzero makes them of a mask.")
    return array.tolist()


def _columns(found: list[ScoreColumns]) -> Columns:
    """The answers of a look-up as one array per column."""
    names = [name for name in ScoreColumns.model_fields if name not in ("study", "trials", "digest")]
    types = {**ScoreTable.dtypes, "index": "<i4"}
    return {
        name: np.array([value for columns in found for value in getattr(columns, name)], types[name]) for name in names
    }
