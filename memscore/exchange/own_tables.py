"""Reading of memscore's own table files (.npz) as imported scores: for those who have a study's tables, not its trials.

A score table comes first; the pairs table of the same study and trials can follow it. What of a file's metadata the
service relies on is checked; the rest is left out, such as the mixtures behind posteriors at other thresholds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from memscore.arrays import Labels
from memscore.errors import Damaged, InvalidInput
from memscore.exchange.feldman_zhang import KIND as PUBLISHED
from memscore.exchange.feldman_zhang import imported_id, require_labels
from memscore.npz import NpzReader, Source
from memscore.scores.tables import PAIRS_FLOOR, PairsTable, ScoreTable
from memscore.validation import sentence

Kind = TypeVar("Kind", ScoreTable, PairsTable)
Meta = TypeVar("Meta", bound=BaseModel)

SOURCE = "memscore table"
KIND = "memscore table"

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]


class _Origin(BaseModel):
    """Metadata of both tables."""

    study: str = Field(pattern="^[0-9a-f]{16}$")
    trials: int = Field(ge=1, le=2**31 - 1)
    full_trials: Count = 0


class _ScoresMeta(_Origin):
    probability_trials: Count = 0
    in_sample_accuracy: Share | None = None
    held_out_accuracy: Share | None = None
    test_accuracy: Share | None = None
    checks: dict[str, float | None] = Field(default={}, max_length=50)
    warnings: list[Annotated[str, Field(max_length=1000)]] = Field(default=[], max_length=50)


class _PairsMeta(_Origin):
    floor: float = Field(default=PAIRS_FLOOR, ge=0, le=1)
    scope: Literal["same_class", "all"] = "same_class"


class _Findings(BaseModel):
    """What a pairs table says of all pairs, where it has posteriors."""

    findings_version: int = Field(ge=1, le=1000)
    strong: float = Field(gt=0, lt=1)
    pairs_from: Literal["margins", "bits"]
    typical_false: float | None = Field(default=None, ge=0)


def is_own(source: Source) -> bool:
    """Whether an .npz file says that it is one of memscore's tables. Raises InvalidInput if it is no .npz."""
    with NpzReader(source, PUBLISHED) as file:
        return "meta" in file and "tr_mem" not in file


def is_pairs(source: Source) -> bool:
    """Whether a file of memscore's is a pairs table. Raises InvalidInput if it is no .npz."""
    with NpzReader(source, KIND) as file:
        return "train_index" in file


def read_scores(
    source: Source, fingerprint: str, name: str, train_labels: Labels, test_labels: Labels
) -> tuple[str, ScoreTable, PairsTable]:
    """The id of the study that a score table becomes, its tables with provenance, and an empty pairs table.

    Raises InvalidInput for an unusable file, FingerprintMismatch if it was made from another dataset than `name`.
    """
    table = _decoded(ScoreTable, source)
    table.require_dataset(fingerprint, name)
    meta = _checked(_ScoresMeta, table.meta)
    require_labels(_of_length(table, "label", len(train_labels)), train_labels, "training")
    require_labels(_of_length(table, "test_label", len(test_labels)), test_labels, "test")
    for column, values in table.columns.items():
        _of_length(table, column, len(test_labels) if column.startswith("test_") else len(train_labels))
        if column in ("test_infl_index", "vote_label", "test_vote_label"):
            _within(column, values, len(train_labels) if column == "test_infl_index" else _classes(train_labels))
        if values.dtype.kind == "f" and np.isinf(values).any():
            raise InvalidInput(f"The column {column} of the file has infinite values.")
    identifier = _study_of(meta, fingerprint)
    about = {**_about(meta, identifier, fingerprint), **meta.model_dump(exclude={"study", "trials", "full_trials"})}
    about["warnings"] = [
        *meta.warnings,
        f"These scores were imported as a table of the study {meta.study}, without its {meta.trials} trials; what "
        "needs trials is not known here.",
    ]
    empty = {column: np.empty(0) for column in PairsTable.dtypes if column not in PairsTable.optional}
    pairs = PairsTable.of(empty, {**_about(meta, identifier, fingerprint), "floor": PAIRS_FLOOR, "scope": "same_class"})
    return identifier, ScoreTable.of(dict(table.columns), about), pairs


def read_pairs(source: Source, fingerprint: str, name: str, samples: tuple[int, int]) -> tuple[str, PairsTable]:
    """The id of the study that a pairs table belongs to, and the table. samples: of the training and the test part.

    Raises as `read_scores` does.
    """
    table = _decoded(PairsTable, source)
    table.require_dataset(fingerprint, name)
    meta = _checked(_PairsMeta, table.meta)
    columns = dict(table.columns)
    for column, values in columns.items():
        _of_length(table, column, len(table))
        if values.dtype.kind == "f" and np.isinf(values).any():
            raise InvalidInput(f"The column {column} of the file has infinite values.")
    for column, count in zip(("train_index", "test_index"), samples, strict=True):
        _within(column, columns[column], count, least=0)
    if (np.diff(columns["infl"]) > 0).any() or np.isnan(columns["infl"]).any():
        raise InvalidInput("The pairs of the file are not in descending order of infl.")
    findings: dict[str, Any] = {}
    if "strong" in table.meta and "q_weighted" in columns and "p_strong" in columns:
        findings = _checked(_Findings, table.meta).model_dump()
    else:
        for column in PairsTable.optional:
            columns.pop(column, None)
    identifier = _study_of(meta, fingerprint)
    about = {**_about(meta, identifier, fingerprint), "floor": meta.floor, "scope": meta.scope, **findings}
    return identifier, PairsTable.of(columns, about)


def _study_of(meta: _Origin, fingerprint: str) -> str:
    """The id that the tables of a study at a number of trials have where they are imported."""
    return imported_id(fingerprint, f"{meta.study} {meta.trials}")


def _about(meta: _Origin, identifier: str, fingerprint: str) -> dict[str, Any]:
    return {
        "study": identifier,
        "fingerprint": fingerprint,
        "recipe": None,
        "design": None,
        "trials": meta.trials,
        "full_trials": meta.full_trials,
        "source": f"{SOURCE} of study {meta.study}",
    }


def _decoded(kind: type[Kind], source: Source) -> Kind:
    try:
        return kind.read(source)
    except Damaged as error:
        raise InvalidInput(str(error)) from error


def _checked(kind: type[Meta], meta: Mapping[str, Any]) -> Meta:
    try:
        return kind.model_validate(dict(meta))
    except ValidationError as error:
        raise InvalidInput(f"The metadata of the file cannot be used: {sentence(error)}.") from error


def _of_length(table: ScoreTable | PairsTable, column: str, count: int) -> Any:
    values = table.columns[column]
    if values.shape != (count,):
        raise InvalidInput(f"The column {column} of the file has {len(values):,} values, not {count:,}.")
    return values


def _within(column: str, values: Any, count: int, least: int = -1) -> None:
    if len(values) and not (least <= values.min() and values.max() < count):
        raise InvalidInput(f"The column {column} of the file has values outside {least} to {count - 1}.")


def _classes(labels: Labels) -> int:
    return int(labels.max()) + 1 if len(labels) else 0
