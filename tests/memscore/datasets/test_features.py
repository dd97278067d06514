"""Features: standardized once, with everything that was changed said; new samples are transformed alike."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from memscore.datasets.dataset import build_dataset
from memscore.datasets.features import LARGEST, Scaling, standardized_features
from memscore.errors import InvalidDataset

NONE = np.empty((0, 1))


def drawn(samples: int, columns: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(3, 7, (samples, columns))


def test_columns_have_mean_0_and_deviation_1_over_the_training_samples_alone():
    train, test, scaling, notes = standardized_features(drawn(500, 300), drawn(50, 300, 1) + 100)
    assert train.dtype == test.dtype == np.float32
    np.testing.assert_allclose(train.mean(axis=0, dtype=float), 0, atol=1e-5)
    np.testing.assert_allclose(train.std(axis=0, dtype=float), 1, atol=1e-5)
    assert (test == LARGEST).any()  # clipped
    np.testing.assert_array_equal(scaling.transform(drawn(50, 300, 1) + 100), test)
    assert notes == ("Features were standardized over all training samples: mean 0, deviation 1.",)


def test_missing_values_become_medians_and_a_column_of_mostly_missing_values_says_where():
    raw = drawn(9, 3)
    raw[:, 0] = [np.nan, 1, 2, 3, 4, 5, 6, 7, np.inf]
    raw[:6, 1] = np.nan
    train, _, scaling, notes = standardized_features(raw, raw[:0], ["age", "dose", "size"])
    assert train.shape == (9, 4)
    assert scaling.fill[0] == 4
    assert len(set(train[[0, 4, 8], 0].tolist())) == 1  # the median
    assert (train[:6, 3] > 0).all()
    assert (train[6:, 3] < 0).all()
    assert "8 missing or infinite training values became the medians of their columns: age, dose." in notes
    assert "1 column with over half of the values missing got a companion that says which: dose." in notes


def test_missing_values_of_the_test_part_are_filled_from_the_training_part():
    test = np.array([[np.nan], [2.0]])
    train, stored, _, notes = standardized_features(np.array([[1.0], [2.0], [3.0]]), test)
    np.testing.assert_array_equal(stored[0], train[1])
    assert "1 missing or infinite test values became the medians of the training values." in notes


def test_constant_and_empty_columns_are_left_out():
    raw = drawn(20, 4)
    raw[:, 1], raw[:, 2], raw[:, 3] = 7, np.nan, -1e299
    train, _, _, notes = standardized_features(raw, raw[:0])
    assert train.shape == (20, 1)
    assert "2 constant columns were left out: column 1, column 3." in notes
    assert "1 column without any value was left out: column 2." in notes


@given(arrays.arrays(np.float64, (12, 3), elements=st.floats(allow_nan=True, allow_infinity=True, width=64)))
def test_any_numbers_give_finite_features_or_one_sentence(raw: np.ndarray):
    try:
        train, test, scaling, _ = standardized_features(raw, raw[:5])
    except InvalidDataset as error:
        assert "No column of x_train varies" in str(error)  # noqa: PT017
        return
    assert np.isfinite(train).all()
    assert np.abs(train).max() <= LARGEST
    np.testing.assert_array_equal(test, train[:5])
    np.testing.assert_array_equal(Scaling.of_json(scaling.as_json()).transform(raw), train)


@given(st.integers(-40, 40), st.integers(0, 2**20))
def test_the_last_bits_of_sums_do_not_reach_the_fingerprint(power: int, seed: int):
    """Sums in another order, as another processor would take them, give the same features."""
    raw = drawn(64, 2, seed) * 2.0**power
    order = np.random.default_rng(seed).permutation(len(raw))
    train, _, _, _ = standardized_features(raw, raw[:0])
    shuffled, _, _, _ = standardized_features(raw[order], raw[:0])
    np.testing.assert_array_equal(shuffled, train[order])


def test_large_offsets_keep_their_differences():
    raw = (1.7e9 + np.arange(100.0))[:, None]
    train, _, _, _ = standardized_features(raw, raw[:0])
    assert abs(train.mean(dtype=float)) < 1e-5
    assert len(np.unique(train)) == 100


def test_integers_and_booleans_are_features_like_floats():
    raw = np.arange(20).reshape(10, 2) % 7
    expected = standardized_features(raw.astype(float), raw[:0].astype(float))[0]
    np.testing.assert_array_equal(standardized_features(raw, raw[:0])[0], expected)
    assert standardized_features(raw > 3, raw[:0] > 3)[0].dtype == np.float32


@pytest.mark.parametrize(
    ("x_train", "x_test", "sentence"),
    [
        (np.full((10, 2), "a"), np.full((0, 2), "a"), "x_train has dtype <U1; features must be numbers"),
        (np.ones((10, 2)), np.ones((0, 2)), "No column of x_train varies"),
        (drawn(10, 2), drawn(2, 3), "x_train has 2 features a sample and x_test 3"),
    ],
)
def test_other_arrays_are_refused_with_a_sentence(x_train: np.ndarray, x_test: np.ndarray, sentence: str):
    with pytest.raises(InvalidDataset) as error:
        standardized_features(x_train, x_test)
    assert sentence in str(error.value)


def test_a_dataset_of_features_knows_its_kind_and_every_value_counts_in_its_fingerprint():
    raw: Any = drawn(30, 5)
    dataset = build_dataset(raw, np.arange(30) % 3, source="made")
    assert dataset.kind == "features"
    assert dataset.x_test.shape == (0, 5)
    other = raw.copy()
    other[3, 2] += 1
    assert build_dataset(other, np.arange(30) % 3, source="made").fingerprint != dataset.fingerprint
