"""Reviews: what people say of a study's training samples and their labels."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import UTC, datetime
from typing import Annotated, get_args

from fastapi import APIRouter, Body, Query
from fastapi.openapi.models import Example

from api import errors
from api.dependencies import ActorOf, DatabaseOf, IndexInPath, KeyName, StudyInPath, TablesOf
from api.paging import Cursor, Limit, cursor_of, values_of
from api.table_cache import StudyTables
from memscore.counted import counted
from memscore.errors import InvalidInput, NotFound
from memscore.messages.reviews import Decision, Decisions, Review, ReviewCounts, ReviewRequest, Reviews, Verdict
from memscore.scores.reviews import decided
from memscore.store import reviews, studies
from memscore.store.reviews import ReviewRecord
from memscore.validation import NAME_PATTERN

log = logging.getLogger(__name__)

router = APIRouter(prefix="/v1/studies", tags=["reviews"])

MOST_INDEX = 2**31 - 1  # that a database holds

ANYBODY = "reviewer"
"""Who reviews if nobody says a name."""

EXAMPLES: dict[str, Example] = {
    "another label": {"summary": "the label is wrong, and should be 1", "value": {"verdict": "error", "label": 1}},
    "no class": {"summary": "the label is wrong, and no class is right", "value": {"verdict": "error"}},
    "fine": {"summary": "the label is right", "value": {"verdict": "fine", "reviewer": "ada"}},
}


@router.get("/{study}/reviews", operation_id="list_reviews", responses=errors.documented(404))
def list_reviews(
    database: DatabaseOf,
    current: TablesOf,
    verdict: Annotated[Verdict | None, Query(description="only these verdicts")] = None,
    reviewer: Annotated[str | None, Query(pattern=NAME_PATTERN, description="only those of this reviewer")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Reviews:
    """The verdicts on training samples, by sample and reviewer, and what they come to."""
    after = None
    if cursor is not None:
        index, name = values_of(cursor, int, str)
        after = (min(index, MOST_INDEX), name)
    study = current.source["study"]
    with database.reading() as connection:
        found = reviews.listing(connection, study, verdict=verdict, reviewer=reviewer, limit=limit + 1, after=after)
        decisions = decided(reviews.opinions(connection, study))
    kinds = Counter(one.decision for one in decisions.values())
    counts = ReviewCounts(reviewed=len(decisions), **{kind: kinds[kind] for kind in get_args(Decision)})
    last = found[limit - 1] if len(found) > limit else None
    return Reviews(
        study=study,
        counts=counts,
        reviews=[_message(current, one) for one in found[:limit]],
        next=None if last is None else cursor_of(last.index, last.reviewer),
    )


@router.get("/{study}/decisions", operation_id="list_decisions", responses=errors.documented(404))
def list_decisions(
    database: DatabaseOf,
    current: TablesOf,
    index: Annotated[int | None, Query(ge=0, le=MOST_INDEX, description="only on this training sample")] = None,
) -> Decisions:
    """What the reviewers decide together on each sample that has a verdict."""
    study = current.source["study"]
    with database.reading() as connection:
        found = decided(reviews.opinions(connection, study, index))
    return Decisions(
        study=study,
        index=list(found),
        decision=[one.decision for one in found.values()],
        label=[one.label for one in found.values()],
    )


@router.put("/{study}/reviews/{index}", operation_id="review_sample", responses=errors.documented(404))
def review_sample(
    database: DatabaseOf,
    current: TablesOf,
    key_name: KeyName,
    actor: ActorOf,
    study: StudyInPath,
    index: IndexInPath,
    request: Annotated[ReviewRequest, Body(openapi_examples=EXAMPLES)],
) -> Review:
    """Say of a training sample that its label is wrong, right, or unclear; an earlier verdict is replaced.

    Needs the scope write. With an API key the reviewer is its name.
    """
    samples, classes = len(current.scores), len(current.class_names)
    if not 0 <= index < samples:
        raise NotFound(f"There is no training sample {index}; they go from 0 to {samples - 1}.")
    if request.label is not None and request.verdict != "error":
        raise InvalidInput("label is for the verdict error alone: it is the class that would be right.")
    if request.label is not None and request.label >= classes:
        raise InvalidInput(f"label: {request.label} is no class; the {counted(classes, 'class')} go from 0 on.")
    if request.label is not None and request.label == int(current.scores["label"][index]):
        raise InvalidInput(f"label: sample {index} has the label {request.label} already; its verdict would be fine.")
    if key_name is not None and request.reviewer not in (None, key_name):
        raise InvalidInput(f"reviewer: with this API key it is {key_name!r}; leave it out.")
    reviewer = key_name or request.reviewer or ANYBODY
    identifier = current.source["study"]
    with database.writing() as connection:
        studies.find(connection, identifier)
        if request.verdict is None:
            reviews.remove(connection, identifier, index, reviewer)
            made = None
        else:
            made = reviews.put(
                connection, identifier, index, reviewer, request.verdict, label=request.label, digest=request.digest
            )
    log.info(
        "%s reviewed sample %d of the study %s as %s: %s",
        actor,
        index,
        study,
        reviewer,
        request.verdict or "taken back",
        extra={"study": identifier},
    )
    if made is not None:
        return _message(current, made)
    given = int(current.scores["label"][index])
    return Review(index=index, given=given, verdict=None, label=None, reviewer=reviewer, digest=None, at=None)


def _message(current: StudyTables, one: ReviewRecord) -> Review:
    return Review(
        index=one.index,
        given=int(current.scores["label"][one.index]),
        verdict=one.verdict,
        label=one.label,
        reviewer=one.reviewer,
        digest=one.digest,
        at=datetime.fromtimestamp(one.created_at, UTC),
    )
