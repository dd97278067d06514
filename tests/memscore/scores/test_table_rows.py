"""A score table in hand: indexed as NumPy and pandas users expect, masked, and handed over to pandas and Arrow."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from memscore.errors import InvalidInput, MissingPackage, NoColumn, NoSample
from memscore.scores.frames import rows_of
from memscore.scores.sets import Thresholds, split
from memscore.scores.tables import PairsTable, ScoreTable
from memscore.study.spec import Design
from tests.conftest import build, make_dataset, make_trials


@pytest.fixture(scope="module")
def tables() -> tuple[ScoreTable, PairsTable]:
    dataset = make_dataset()
    scores, pairs = build(dataset, make_trials(dataset, Design(), blocks=4), Design(), "a" * 16)
    mem = scores["mem"].copy()
    mem[3] = np.nan
    return ScoreTable.of({**scores.columns, "mem": mem}, scores.meta), pairs


@pytest.fixture(scope="module")
def scores(tables: tuple[ScoreTable, PairsTable]) -> ScoreTable:
    return tables[0]


def test_an_index_gives_a_sample(scores: ScoreTable):
    sample = scores[17]
    for same in (scores.row(17), scores[np.int64(17)], scores[17 - len(scores)]):
        assert repr(same) == repr(sample)
    assert (sample.index, sample.label, sample.n_in) == (17, scores["label"][17], scores["n_in"][17])
    assert sample.mem == float(scores["mem"][17])
    assert np.isnan(scores[3].mem)
    assert [one.index for one in scores] == list(range(60))
    for wrong in (60, -61):
        with pytest.raises(IndexError, match="indices go from 0 to 59"):
            scores[wrong]
        with pytest.raises(NoSample, match="There is no training sample"):
            scores[wrong]


def test_a_wrong_column_or_index_is_one_sentence(tables: tuple[ScoreTable, PairsTable]):
    scores, pairs = tables
    wrong: Any = scores
    with pytest.raises(KeyError) as refused:
        scores["men"]
    assert isinstance(refused.value, NoColumn)
    assert str(refused.value).startswith("There is no column 'men' in the score table; its columns are: mem, se, ")
    with pytest.raises(NoColumn, match=r"There is no column 'mem_out' in the pairs table; its .*test_index, infl"):
        pairs["mem_out"]
    for odd in (1.5, ("mem", 3), ["a"], None):
        with pytest.raises(InvalidInput, match=r"takes the name of a column, an index, a slice|all rows of one length"):
            wrong[odd]
    for call, said in (
        (lambda: wrong.row("1"), "index must be a whole number, not '1'"),
        (lambda: wrong.atypical("0.1"), r"threshold must be a number, not '0\.1'"),
        (lambda: wrong.typical(None), "threshold must be a number, not None"),
        (lambda: wrong.mask(label="1"), "label must be a whole number, not '1'"),
        (lambda: wrong.mask(mem_min="0.1"), r"mem_min must be a number, not '0\.1'"),
        (lambda: wrong.to_pandas("training"), "rows must be 'train' or 'test', not 'training'"),
        (lambda: wrong.to_arrow(3), "rows must be 'train' or 'test', not 3"),
        (lambda: ScoreTable.decode("x"), "payload must be bytes, not 'x'"),  # pyright: ignore[reportArgumentType]
        (lambda: ScoreTable.load(3), "path must be a path or text, not 3"),  # pyright: ignore[reportArgumentType]
        (lambda: Thresholds("a"), "atypical must be a number, not 'a'"),  # pyright: ignore[reportArgumentType]
        (lambda: Thresholds(rule="a"), "rule must be 'posterior' or 'raw', not 'a'"),  # pyright: ignore[reportArgumentType]
    ):
        with pytest.raises(InvalidInput, match=f"^{said}"):
            call()


@pytest.mark.parametrize(
    ("wanted", "indices"),
    [
        ([5, 3, 5], [5, 3, 5]),
        (np.array([-1, 0]), [59, 0]),
        (slice(2, 5), [2, 3, 4]),
        (slice(None, None, -30), [59, 29]),
        ([], []),
        (np.arange(60) % 20 == 0, [0, 20, 40]),
    ],
)
def test_several_are_columns(scores: ScoreTable, wanted, indices: list[int]):
    columns = scores[wanted]
    assert columns["index"].tolist() == indices
    for name in ("mem", "label", "mem_high", "n_out"):
        np.testing.assert_array_equal(columns[name], scores[name][indices])


def test_a_mask_of_another_length_is_an_error(scores: ScoreTable):
    with pytest.raises(NoSample, match="There are 60 training samples: indices go from 0 to 59, and a mask has one"):
        scores[np.ones(59, np.bool_)]


def test_masks_are_those_of_the_sets_and_leave_undefined_samples_out(tables: tuple[ScoreTable, PairsTable]):
    scores, pairs = tables
    sets = split(scores, pairs)
    np.testing.assert_array_equal(scores.atypical(), sets.train_atypical)
    np.testing.assert_array_equal(scores.typical(), sets.train_typical)
    mem = scores["mem"]
    wanted = [bool(label == 1 and 0.1 <= value <= 0.9) for label, value in zip(scores["label"], mem, strict=True)]
    assert scores.mask(label=1, mem_min=0.1, mem_max=0.9).tolist() == wanted
    assert scores.mask().all()
    assert not scores.mask(mem_min=-1)[3]


@pytest.mark.parametrize("rows", ["train", "test"])
def test_pandas_has_the_rows_by_index(scores: ScoreTable, rows):
    frame = scores.to_pandas(rows)
    columns = rows_of(scores, rows)
    assert (frame.index.name, list(frame.columns)) == ("index", list(columns)[1:])
    for name in frame:
        assert frame[name].dtype == columns[name].dtype
        np.testing.assert_array_equal(frame[name].to_numpy(), columns[name])
    assert frame.attrs["digest"] == scores.digest


def test_pairs_go_to_pandas_and_arrow_too(tables: tuple[ScoreTable, PairsTable]):
    pairs = tables[1]
    assert list(pairs.to_pandas().columns) == pairs.to_arrow().column_names == list(pairs.columns)
    assert tables[0].to_arrow()["mem"].null_count == 1
    assert tables[0].to_arrow("test").num_rows == 20


def test_a_missing_package_is_one_sentence(scores: ScoreTable, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingPackage, match="needs pandas, which is not installed: pip install pandas"):
        scores.to_pandas()
    with pytest.raises(ImportError):
        scores.to_pandas()


def test_tables_and_client_import_nothing_that_is_large():
    code = "import sys, memscore.scores.tables, memscore.scores.frames, memscore.client; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pandas", "pyarrow", "torch", "httpx"} & set(loaded)
