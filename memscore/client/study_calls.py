"""Calls on studies: the scores of one sample, of several, or of all that match a filter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any, Literal, TypedDict, Unpack, cast

import numpy as np
import numpy.typing as npt

from memscore.arguments import shown
from memscore.client.pages import gathered, one_by_one
from memscore.client.service_access import (
    TRANSFER_SECONDS,
    ServiceAccess,
    ask,
    delete,
    exchange,
    get,
    part,
    post,
    post_file,
)
from memscore.client.steps import Flow, Items, Request
from memscore.errors import Conflict, InvalidInput
from memscore.messages.comparisons import ComparisonMessage
from memscore.messages.message import MOST_A_PAGE
from memscore.messages.pairs import Duplicates, Explanation, Pair, Pairs
from memscore.messages.removal import StudyRemoved
from memscore.messages.reviews import Review, ReviewFilter, Reviews, Verdict
from memscore.messages.scores import (
    MOST_INDICES,
    ColumnDensity,
    CountedColumn,
    Histogram,
    Risks,
    SampleScore,
    Score,
    ScoreColumns,
    Scores,
    SetFilter,
    SetsMessage,
    Suspects,
    TestScore,
)
from memscore.messages.studies import Studies, StudyMessage
from memscore.messages.summaries import PrecisionCourse
from memscore.scores.sets import Sets, Thresholds
from memscore.scores.tables import ATYPICAL, Columns, ScoreTable

REBUILDS = 3  # attempts at a look-up in several requests, during which the scores may be rebuilt


class ScoreFilters(TypedDict, total=False):
    """Which training samples, and their order: `sort` is a column, with a leading - to descend; default -mem.

    range: bounds of columns, such as "p_out:0.1:0.5,se::0.05", which must all hold.
    """

    label: int | None
    set: SetFilter | None
    review: ReviewFilter | None
    mem_min: float | None
    mem_max: float | None
    range: str | None
    sort: str | None


class PairFilters(TypedDict, total=False):
    """Which pairs: of one training or test sample, with at least this infl, mem and p_strong, and at most this q.

    order: "infl", the default, or "holds", those that hold at a false-discovery rate of 5 % before all others.

    harmful: those in which the training sample makes mistakes likelier, across all classes, in place of the others. The
    service looks for them at the first request, which can take a minute; at most ten are kept of each test sample.
    """

    train_index: int | None
    test_index: int | None
    infl_min: float | None
    mem_min: float | None
    q_max: float | None
    q_weighted_max: float | None
    p_min: float | None
    holding: bool | None
    order: Literal["infl", "holds"] | None
    harmful: bool | None


def studies(service: ServiceAccess, dataset: str | None = None) -> Flow[Studies]:
    """All studies, or those of one dataset, oldest first."""
    found = yield from gathered(service, Studies, get("/v1/studies", dataset=dataset), lambda page: page.studies)
    return Studies(studies=found)


def study(service: ServiceAccess, study: str) -> Flow[StudyMessage]:
    """One study by id or name, with a summary of its scores.

    Raises NotFound.
    """
    return (yield from ask(service, StudyMessage, get(f"/v1/studies/{part(study)}")))


def score(service: ServiceAccess, study: str, index: int) -> Flow[Score]:
    """The scores of one training sample, by its index in the dataset.

    A value is None if it is undefined because the sample was in every subset or in none. Raises NotFound, or
    NoScoresYet before the study's first block has finished.
    """
    return (yield from ask(service, Score, get(f"/v1/studies/{part(study)}/scores/{index}")))


def scores(service: ServiceAccess, study: str, indices: Iterable[int] | npt.NDArray[np.integer[Any]]) -> Flow[Columns]:
    """The scores of any number of training samples as columns, in the order of `indices`.

    `index`, `label`, `n_in` and `n_out` are int32 [k]; `mem`, `se`, `mem_low`, `mem_high`, `p_in` and `p_out` are
    float32 [k], NaN where undefined; so are `mem_margin`, `se_margin`, `mem_margin_low`, `mem_margin_high`, `risk` and
    `se_risk`, which are missing if no trial recorded margins. All come from one version of the scores. Raises
    InvalidInput for indices that are not integers, NotFound for one outside the dataset, NoScoresYet, or Conflict if
    each attempt met a rebuild.
    """
    wanted = _whole_numbers(indices)
    request = f"/v1/studies/{part(study)}/scores/lookup"
    for _ in range(REBUILDS):
        found: list[ScoreColumns] = []
        for start in range(0, max(1, len(wanted)), MOST_INDICES):
            body = {"indices": wanted[start : start + MOST_INDICES]}
            found.append((yield from ask(service, ScoreColumns, post(request, body))))
        if len({columns.digest for columns in found}) == 1:
            return _columns(found)
    raise Conflict("The scores were rebuilt during every look-up; pull the table instead.")


def scores_page(
    service: ServiceAccess, study: str, *, limit: int = 100, cursor: str | None = None, **wanted: Unpack[ScoreFilters]
) -> Flow[Scores]:
    """A page of at most 1000 training samples; `cursor` is the `next` of the previous page.

    Raises InvalidInput for a filter, column or cursor that the service does not know, NotFound, or NoScoresYet.
    """
    request = get(f"/v1/studies/{part(study)}/scores", **wanted, limit=limit, cursor=cursor)
    return (yield from ask(service, Scores, request))


def iter_scores(
    service: ServiceAccess, study: str, *, page: int = MOST_A_PAGE, **wanted: Unpack[ScoreFilters]
) -> Items[SampleScore]:
    """All training samples that match the filters, in the order of `sort`.

    Pages of `page` samples, at most 1000, are requested as needed.
    """
    request = get(f"/v1/studies/{part(study)}/scores", **wanted, limit=page)
    return (yield from one_by_one(service, Scores, request, lambda found: found.scores))


def test_score(service: ServiceAccess, study: str, index: int) -> Flow[TestScore]:
    """The scores of one test sample: how often models classify it correctly, and which samples influence it most.

    Raises NotFound, or NoScoresYet.
    """
    return (yield from ask(service, TestScore, get(f"/v1/studies/{part(study)}/test-scores/{index}")))


def histogram(
    service: ServiceAccess, study: str, *, bins: int = 20, column: str = "mem", label: int | None = None
) -> Flow[Histogram]:
    """The distribution of a column over all training samples or those of one class.

    `column` is mem, se, p_in or p_out. The `bins`, 1 to 1000, have equal width and cover [-1, 1] for mem and [0, 1]
    otherwise.
    """
    request = get(f"/v1/studies/{part(study)}/histogram", bins=bins, column=column, label=label)
    return (yield from ask(service, Histogram, request))


def precision(
    service: ServiceAccess, study: str, *, until: int | None = None, threshold: float = ATYPICAL
) -> Flow[PrecisionCourse]:
    """The precision to expect after how many trials, up to `until`, by default three times as many as there are.

    Each point has the standard error of mem (95 % of the samples have a smaller one), the share of samples whose 95 %
    interval lies wholly above or below `threshold` (from the present number of trials on; None before), and the share
    of pairs of influence 0.2 that would be told from chance. Raises Conflict for imported scores with unknown trials.
    """
    request = get(f"/v1/studies/{part(study)}/precision", until=until, threshold=threshold)
    return (yield from ask(service, PrecisionCourse, request))


def density(
    service: ServiceAccess,
    study: str,
    *,
    x: CountedColumn = "p_out",
    y: CountedColumn = "p_in",
    bins: int = 40,
    label: int | None = None,
) -> Flow[ColumnDensity]:
    """How many training samples, or those of one class, have which values of two columns."""
    request = get(f"/v1/studies/{part(study)}/density", x=x, y=y, bins=bins, label=label)
    return (yield from ask(service, ColumnDensity, request))


def risk(
    service: ServiceAccess, study: str, *, label: int | None = None, limit: int = 100, offset: int = 0
) -> Flow[Risks]:
    """Training samples by privacy risk, the highest first, and what a membership-inference attack achieves.

    At most 1000 samples, of one class if `label` is given; `offset` of them are skipped. Raises NotFound, or
    NoScoresYet.
    """
    request = get(f"/v1/studies/{part(study)}/risk", label=label, limit=limit, offset=offset)
    return (yield from ask(service, Risks, request))


def suspects(
    service: ServiceAccess, study: str, *, label: int | None = None, limit: int = 100, offset: int = 0
) -> Flow[Suspects]:
    """Training samples whose labels may be wrong, the likeliest first, how many look so, and the labels suggested.

    At most 1000 samples, of one class if `label` is given; `offset` of them are skipped. Raises NotFound, or
    NoScoresYet.
    """
    request = get(f"/v1/studies/{part(study)}/suspects", label=label, limit=limit, offset=offset)
    return (yield from ask(service, Suspects, request))


def duplicates(
    service: ServiceAccess, study: str, *, alike: float | None = None, limit: int = 100, offset: int = 0
) -> Flow[Duplicates]:
    """Copies of training samples by pixels or features, those in the test part first.

    `alike`, from 0.98 to 1, is the least correlation, by default 0.995. At most 1000 copies; `offset` of them are
    skipped. The service looks for them at the first request, which takes minutes for a large dataset. Raises NotFound
    if it does not have the dataset's files, or NoScoresYet.
    """
    request = get(f"/v1/studies/{part(study)}/duplicates", alike=alike, limit=limit, offset=offset)
    return (yield from ask(service, Duplicates, replace(request, timeout=TRANSFER_SECONDS)))


def explain(
    service: ServiceAccess, study: str, index: int, *, limit: int = 10, holding: bool | None = None
) -> Flow[Explanation]:
    """Why a training sample has its score: ranks, influences and rivals, at most `limit` (1 to 100) of each.

    holding: rivals by pairs that hold alone, since most others are chance.

    Raises NotFound, or NoScoresYet.
    """
    return (
        yield from ask(
            service, Explanation, get(f"/v1/studies/{part(study)}/explain/{index}", limit=limit, holding=holding)
        )
    )


def pairs(
    service: ServiceAccess, study: str, *, limit: int = 100, cursor: str | None = None, **wanted: Unpack[PairFilters]
) -> Flow[Pairs]:
    """A page of at most 1000 pairs, strongest first unless `order` asks for those that hold.

    `cursor` is the `next` of the previous page. Raises NotFound, or NoScoresYet; Conflict for harmful pairs without
    evidence or of too many samples.
    """
    request = get(f"/v1/studies/{part(study)}/pairs", **wanted, limit=limit, cursor=cursor)
    return (yield from ask(service, Pairs, request))


def iter_pairs(
    service: ServiceAccess, study: str, *, page: int = MOST_A_PAGE, **wanted: Unpack[PairFilters]
) -> Items[Pair]:
    """All pairs that match the filters, strongest first unless `order` asks for those that hold.

    Pages of `page` pairs, at most 1000, are requested as needed.
    """
    request = get(f"/v1/studies/{part(study)}/pairs", **wanted, limit=page)
    return (yield from one_by_one(service, Pairs, request, lambda found: found.pairs))


def sets(service: ServiceAccess, study: str, thresholds: Thresholds = Thresholds()) -> Flow[Sets]:
    """The typical and atypical sets as boolean masks in dataset order.

    Training masks are bool [n], test masks bool [q]. Raises InvalidInput for thresholds that contradict each other or
    lie below the smallest infl that the study keeps.
    """
    reply = yield from exchange(service, get(f"/v1/studies/{part(study)}/sets", **asdict(thresholds), format="npz"))
    return Sets.decode(reply.content)


def set_indices(service: ServiceAccess, study: str, thresholds: Thresholds = Thresholds()) -> Flow[SetsMessage]:
    """The typical and atypical sets as sizes and ascending indices.

    Raises InvalidInput as `sets` does.
    """
    request = get(f"/v1/studies/{part(study)}/sets", **asdict(thresholds), format="json")
    return (yield from ask(service, SetsMessage, request))


def import_scores(service: ServiceAccess, payload: bytes, dataset: str, name: str | None = None) -> Flow[StudyMessage]:
    """Import a score file, passed as bytes, as a read-only study of `dataset`.

    In Feldman and Zhang's layout, or a score table of memscore's own, which its pairs table can follow.

    Needs the scope write. Raises InvalidInput for an unusable file, Conflict if the name is taken.
    """
    request = post_file("/v1/studies/import", payload, dataset=dataset, name=name)
    return (yield from ask(service, StudyMessage, request))


def compare(
    service: ServiceAccess, study: str, other: str, *, threshold: float | None = None, limit: int = 24
) -> Flow[ComparisonMessage]:
    """How well the scores of two studies agree, and the `limit` samples on which they disagree most.

    Studies of different datasets are compared on the training samples that both have, such as those of a dataset and of
    its corrected version. threshold: samples with mem above it are atypical, by default 0.15. Raises
    FingerprintMismatch if the datasets share too few samples, NotFound, or NoScoresYet.
    """
    request = get(f"/v1/studies/{part(study)}/compare", **{"with": other, "threshold": threshold, "limit": limit})
    return (yield from ask(service, ComparisonMessage, request))


def rename_study(service: ServiceAccess, study: str, new: str) -> Flow[StudyMessage]:
    """Give a study another name; its id stays.

    Needs the scope admin. Raises NotFound, InvalidInput for an impossible name, or Conflict if it is taken.
    """
    request = Request("PATCH", f"/v1/studies/{part(study)}", json={"name": new}, repeatable=False)
    return (yield from ask(service, StudyMessage, request))


def remove_study(
    service: ServiceAccess, study: str, *, confirm: str | None = None, evidence: bool = False, dry_run: bool = False
) -> Flow[StudyRemoved]:
    """Remove a study with its tables and jobs; `confirm` repeats its name, and `evidence` lets its trials go too.

    With `dry_run`, only what would go is returned. Needs the scope admin. Raises NotFound; Conflict while a job waits
    or works on it, or if it has trials and `evidence` is False; InvalidInput unless it is confirmed.
    """
    options = {"confirm": confirm, "evidence": evidence or None, "dry_run": dry_run or None}
    return (yield from ask(service, StudyRemoved, delete(f"/v1/studies/{part(study)}", **options)))


def reviews(
    service: ServiceAccess, study: str, *, verdict: Verdict | None = None, reviewer: str | None = None
) -> Flow[Reviews]:
    """What people say of a study's training samples and their labels: all verdicts, or those that match.

    By sample and reviewer. The counts are of all verdicts, whatever is asked for.
    """
    request = get(f"/v1/studies/{part(study)}/reviews", verdict=verdict, reviewer=reviewer, limit=MOST_A_PAGE)
    first = yield from ask(service, Reviews, request)
    found, page = list(first.reviews), first
    while page.next is not None:
        page = yield from ask(service, Reviews, replace(request, params={**request.params, "cursor": page.next}))
        found += page.reviews
    return first.model_copy(update={"reviews": found, "next": None})


def review(
    service: ServiceAccess,
    study: str,
    index: int,
    verdict: Verdict | None,
    *,
    label: int | None = None,
    reviewer: str | None = None,
    digest: str | None = None,
) -> Flow[Review]:
    """Say of a training sample that its label is wrong (error), right (fine) or unclear (unsure).

    None takes the verdict back. label: with error, the right class; None if no class is right. reviewer: who says so;
    with an API key its name. digest: of the score table that was looked at. Needs the scope write. Raises NotFound, or
    InvalidInput for a label that is no class or the one that the sample has.
    """
    body = {"verdict": verdict, "label": label, "reviewer": reviewer, "digest": digest}
    request = Request("PUT", f"/v1/studies/{part(study)}/reviews/{int(index)}", json=body)
    return (yield from ask(service, Review, request))


def _whole_numbers(indices: Iterable[int] | npt.NDArray[np.integer[Any]]) -> list[int]:
    if not isinstance(indices, np.ndarray):
        given: Any = indices
        if not isinstance(given, Iterable) or isinstance(given, str | bytes | Mapping):
            raise InvalidInput(f"The indices must be a list or an array of integers, not {shown(given)}.")
        listed: Any = list(cast("Iterable[Any]", given))
        if (wrong := next((one for one in listed if not isinstance(one, int | np.integer)), None)) is not None:
            raise InvalidInput(f"The indices must be integers in one dimension, not {shown(wrong)}.")
        if (far := next((one for one in listed if abs(one) >= 2**63), None)) is not None:
            raise InvalidInput(f"{far} is not an index of a sample: it is too large.")
    else:
        listed = cast("Any", indices)
    array: npt.NDArray[Any] = np.asarray(listed)
    if (array.size and array.dtype.kind not in "iu") or array.ndim != 1:
        raise InvalidInput("The indices must be integers in one dimension; np.flatnonzero converts a mask.")
    return array.tolist()


def _columns(found: list[ScoreColumns]) -> Columns:
    """The responses of a look-up as one array per column."""
    names = [name for name in ScoreColumns.model_fields if name not in ("study", "trials", "digest")]
    types = {**ScoreTable.dtypes, "index": "<i4"}
    return {
        name: np.array([value for columns in found for value in getattr(columns, name)], types[name])
        for name in names
        if getattr(found[0], name) is not None
    }
