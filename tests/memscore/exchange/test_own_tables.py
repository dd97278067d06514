"""Tables of memscore's own as imported scores: whole where they fit, refused in a sentence where they do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from memscore.datasets.dataset import Dataset
from memscore.errors import FingerprintMismatch, InvalidInput
from memscore.exchange.own_tables import is_own, is_pairs, read_pairs, read_scores
from memscore.scores.sets import split
from memscore.scores.tables import PairsTable, ScoreTable
from memscore.study.spec import Design
from tests.conftest import build, make_dataset, make_trials
from tests.made_evidence import with_outputs

STUDY = "0123456789abcdef"


@pytest.fixture(scope="module")
def whole() -> Dataset:
    return make_dataset()


@pytest.fixture(scope="module", params=["bits", "margins"])
def made(request: pytest.FixtureRequest, whole: Dataset) -> tuple[ScoreTable, PairsTable]:
    design = Design()
    trials = make_trials(whole, design, blocks=4)
    if request.param == "margins":
        trials = [with_outputs(one, whole.y_train, whole.y_test) for one in trials]
    return build(whole, trials, design, STUDY, images=request.param == "margins")


def brought(scores: ScoreTable, whole: Dataset) -> tuple[str, ScoreTable, PairsTable]:
    return read_scores(scores.encode(), whole.fingerprint, "made-up", whole.y_train, whole.y_test)


def brought_pairs(pairs: PairsTable, whole: Dataset) -> tuple[str, PairsTable]:
    return read_pairs(pairs.encode(), whole.fingerprint, "made-up", (len(whole.y_train), len(whole.y_test)))


def test_tables_come_in_as_they_went_out(made: tuple[ScoreTable, PairsTable], whole: Dataset):
    scores, pairs = made
    assert (is_own(scores.encode()), is_pairs(scores.encode())) == (True, False)
    assert (is_own(pairs.encode()), is_pairs(pairs.encode())) == (True, True)
    identifier, read, empty = brought(scores, whole)
    assert brought_pairs(pairs, whole)[0] == identifier != STUDY
    assert list(read.columns) == list(scores.columns)
    for name, column in scores.columns.items():
        np.testing.assert_array_equal(read[name], column)
    assert (read.meta["recipe"], read.meta["design"], read.trials) == (None, None, scores.trials)
    assert read.warnings[:-1] == scores.warnings
    assert f"table of the study {STUDY}" in read.warnings[-1]
    assert read.content_digest() == read.digest != scores.digest
    assert len(empty) == 0
    again = brought_pairs(pairs, whole)[1]
    for name, column in pairs.columns.items():
        np.testing.assert_array_equal(again[name], column)
    assert again.weighted == pairs.weighted
    np.testing.assert_array_equal(again.holding, pairs.holding)
    before, after = split(scores, pairs), split(read, again)
    np.testing.assert_array_equal(before.test_atypical, after.test_atypical)


def with_meta(table: ScoreTable, **fields: Any) -> ScoreTable:
    meta = {**table.meta, **fields}
    return ScoreTable.of(dict(table.columns), {name: value for name, value in meta.items() if value is not ...})


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"study": "../../x"}, "study"),
        ({"study": 7}, "study"),
        ({"trials": 0}, "trials must be at least 1"),
        ({"trials": -5}, "trials"),
        ({"in_sample_accuracy": 7}, "in_sample_accuracy"),
        ({"checks": {"reliability": "high"}}, "checks"),
        ({"warnings": ["x" * 2000]}, "warnings"),
        ({"warnings": ["x"] * 100}, "warnings"),
    ],
)
def test_metadata_that_nothing_could_use_is_refused(
    made: tuple[ScoreTable, PairsTable], whole: Dataset, fields: dict[str, Any], sentence: str
):
    with pytest.raises(InvalidInput, match=sentence):
        brought(with_meta(made[0], **fields), whole)


def test_metadata_that_nobody_checked_is_left_out(made: tuple[ScoreTable, PairsTable], whole: Dataset):
    odd = {"placebo": "x", "privacy": [1], "margin_priors": "y", "versions": 7, "strong": "z", "mine": {"a": 1}}
    _, read, _ = brought(with_meta(made[0], **odd), whole)
    assert not set(odd) & set(read.meta)


def changed(table: Any, column: str, place: int, value: float) -> Any:
    columns = {name: values.copy() for name, values in table.columns.items()}
    columns[column][place] = value
    return type(table).of(columns, dict(table.meta))


@pytest.mark.parametrize(
    ("column", "place", "value", "sentence"),
    [
        ("label", 3, 2, "labels of 1 training samples differ"),
        ("test_label", 3, 2, "labels of 1 test samples differ"),
        ("mem", 0, np.inf, "mem of the file has infinite values"),
        ("test_infl_index", 0, 60, "test_infl_index of the file has values outside -1 to 59"),
        ("test_infl_index", 0, -2, "test_infl_index"),
    ],
)
def test_columns_that_do_not_fit_the_dataset_are_refused(
    made: tuple[ScoreTable, PairsTable], whole: Dataset, column: str, place: int, value: float, sentence: str
):
    scores = made[0]
    if scores[column][place] == value:
        value = (value + 1) % 3
    with pytest.raises(InvalidInput, match=sentence):
        brought(changed(scores, column, place, value), whole)


@pytest.mark.parametrize("column", ["mem", "n_in", "test_p", "label"])
def test_columns_of_another_length_are_refused(made: tuple[ScoreTable, PairsTable], whole: Dataset, column: str):
    scores = made[0]
    shorter = ScoreTable.of({**scores.columns, column: scores[column][:-1]}, dict(scores.meta))
    with pytest.raises(InvalidInput, match=r"samples and the dataset|has \d+ values, not"):
        brought(shorter, whole)


@pytest.mark.parametrize(
    ("column", "value", "sentence"),
    [
        ("train_index", 60, "train_index of the file has values outside 0 to 59"),
        ("train_index", -1, "train_index"),
        ("test_index", 20, "test_index of the file has values outside 0 to 19"),
        ("infl", np.nan, "descending order"),
        ("infl", -1, "descending order"),
        ("se", np.inf, "infinite"),
    ],
)
def test_pairs_that_do_not_fit_are_refused(
    made: tuple[ScoreTable, PairsTable], whole: Dataset, column: str, value: float, sentence: str
):
    with pytest.raises(InvalidInput, match=sentence):
        brought_pairs(changed(made[1], column, 0, value), whole)


def test_tables_of_another_dataset_are_refused(made: tuple[ScoreTable, PairsTable]):
    other = make_dataset(seed=5)
    with pytest.raises(FingerprintMismatch, match="different dataset"):
        brought(made[0], other)
    with pytest.raises(FingerprintMismatch, match="different dataset"):
        brought_pairs(made[1], other)


def test_a_table_that_was_changed_is_refused(made: tuple[ScoreTable, PairsTable], whole: Dataset):
    payload = bytearray(made[0].encode())
    place = payload.index(made[0]["mem"].tobytes()[:16])
    payload[place] ^= 1
    with pytest.raises(InvalidInput, match=r"digest|truncated|damaged"):
        read_scores(bytes(payload), whole.fingerprint, "made-up", whole.y_train, whole.y_test)
