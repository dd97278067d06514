"""Columns of samples: what is kept of them, and how they name a sample."""

from typing import Any

import numpy as np
import pytest

from memscore.datasets.columns import LONGEST_TEXT, SampleColumns, checked
from memscore.errors import InvalidDataset


def test_a_sample_is_named_by_its_id_or_else_its_file_or_else_its_place():
    columns = SampleColumns(
        {"id": np.array(["a7", ""]), "file": np.array(["x.png", "y.png"])}, {"file": np.array(["z.png"])}
    )
    assert columns.name_of("train", 0) == "a7"
    assert columns.name_of("train", 1) == "train 1"  # an empty id names nothing
    assert columns.name_of("test", 0) == "z.png"
    assert SampleColumns().name_of("test", 17) == "test 17"


def test_values_become_texts_or_floats_and_integers_in_ids_stay_exact():
    given: dict[str, Any] = {"id": np.array([2**60, 1]), "age": [3, 4], "text": ["a", None], "seen": [True, False]}
    columns, notes = checked(SampleColumns(given, {}), 2, 0)
    assert columns.train["id"].tolist() == [str(2**60), "1"]
    assert columns.train["age"].dtype == np.float64
    assert columns.train["text"].tolist() == ["a", ""]
    assert columns.train["seen"].tolist() == ["True", "False"]
    assert notes == ()


def test_long_texts_are_cut_and_that_is_said():
    columns, notes = checked(SampleColumns({"text": np.array(["a" * 5000, "b"])}, {}), 2, 0)
    assert [len(one) for one in columns.train["text"].tolist()] == [LONGEST_TEXT, 1]
    assert notes == ("1 texts of over 2,000 characters were cut there.",)


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"id": np.array(["a", "a", "b"])}, "The id 'a' belongs to 2 train samples"),
        ({"text": np.array(["a", "b"])}, "The column 'text' of the train samples has shape (2,)"),
        ({"text": np.array([["a"], ["b"], ["c"]])}, "has shape (3, 1)"),
    ],
)
def test_columns_that_do_not_fit_are_refused(columns: dict[str, Any], sentence: str):
    with pytest.raises(InvalidDataset) as error:
        checked(SampleColumns(columns, {}), 3, 0)
    assert sentence in str(error.value)


def test_what_is_no_mapping_of_columns_is_refused():
    wrong: Any = 3
    with pytest.raises(InvalidDataset, match=r"train must be a mapping of names to columns, such as .*, not 3"):
        SampleColumns(wrong)
    with pytest.raises(InvalidDataset, match="columns must be SampleColumns, of mappings of names to columns, not 3"):
        checked(wrong, 2, 2)
    with pytest.raises(InvalidDataset, match="The column 'id' has rows of different lengths; give it one value for"):
        checked(SampleColumns({"id": [[1], [2, 3]]}), 2, 0)  # pyright: ignore[reportArgumentType]
