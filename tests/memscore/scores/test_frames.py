"""Exported tables: the values, names and meta data that other tools read."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from pyarrow import feather, parquet

from memscore.errors import InvalidInput
from memscore.scores.frames import encode, format_of, rows_of
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


def test_a_score_table_has_training_rows_or_test_rows(tables: tuple[ScoreTable, PairsTable]):
    scores, pairs = tables
    train, test = rows_of(scores), rows_of(scores, "test")
    assert next(iter(train)) == next(iter(test)) == "index"
    assert {len(column) for column in train.values()} == {60}
    assert {len(column) for column in test.values()} == {20}
    assert set(train) | set(test) == set(scores.columns) | {"index"}
    assert list(rows_of(pairs)) == [name for name in pairs.dtypes if name not in pairs.optional]


@pytest.mark.parametrize("rows", ["train", "test"])
def test_parquet_and_arrow_give_the_columns_back(tables: tuple[ScoreTable, PairsTable], rows):
    for table in tables:
        as_parquet = parquet.read_table(io.BytesIO(encode(table, "parquet", rows)))
        as_arrow = feather.read_table(io.BytesIO(encode(table, "arrow", rows)))
        for read in (as_parquet, as_arrow):
            assert json.loads(read.schema.metadata[b"memscore"]) == table.meta
            assert read.column_names == list(rows_of(table, rows))
            for name, column in rows_of(table, rows).items():
                again = read[name].to_numpy()
                assert again.dtype == column.dtype
                np.testing.assert_array_equal(again, column)


def test_undefined_is_null(tables: tuple[ScoreTable, PairsTable]):
    read = parquet.read_table(io.BytesIO(encode(tables[0], "parquet")))
    assert read["mem"].null_count == 1
    assert read["mem"][3].as_py() is None


def test_csv_is_a_header_and_values_that_are_exact(tables: tuple[ScoreTable, PairsTable]):
    for table in tables:
        text = encode(table, "csv").decode()
        assert text.startswith(",".join(rows_of(table)) + "\n")
        lines = list(csv.DictReader(io.StringIO(text)))
        for name, column in rows_of(table).items():
            values = np.array([float(line[name] or "nan") for line in lines]).astype(column.dtype)
            np.testing.assert_array_equal(values, column)
    assert encode(tables[0], "csv").decode().splitlines()[4].startswith("3,,")


def test_npz_is_the_table_file(tables: tuple[ScoreTable, PairsTable]):
    for table in tables:
        assert type(table).decode(encode(table, "npz")).digest == table.content_digest()


def test_the_suffix_names_the_format():
    for name, expected in (("a.csv", "csv"), ("a.NPZ", "npz"), ("b.arrow", "arrow"), ("b.feather", "arrow")):
        assert format_of(Path(name)) == expected
    assert format_of(Path("x/y.parquet")) == "parquet"
    for name in ("a", "a.txt"):
        with pytest.raises(InvalidInput, match=r"\.npz, \.csv, \.parquet"):
            format_of(Path(name))
