"""Rebuilding: what a table across all classes takes over from the one of the same class."""

import numpy as np

from memscore.scores.tables import PairsTable
from memscore.store.rebuilding import carried_over

META = {"study": "a" * 16, "trials": 100, "fingerprint": "f" * 64, "floor": 0.02, "strong": 0.15}


def pairs_of(train: list[int], test: list[int], **more: list[float]) -> PairsTable:
    plain = {name: np.full(len(train), 0.1) for name in ("infl", "se", "q_value", "mem")}
    added = {name: np.array(column) for name, column in more.items()}
    return PairsTable.of({"train_index": np.array(train), "test_index": np.array(test), **plain, **added}, META)


def test_pairs_of_the_same_class_keep_their_columns_and_others_have_none():
    pairs = pairs_of([5, 0, 3], [1, 2, 0], q_weighted=[0.1, 0.2, 0.3], p_strong=[0.9, 0.8, 0.7])
    found = carried_over(pairs, np.array([3, 4, 0, 5]), np.array([0, 0, 2, 2]), 4)
    assert sorted(found) == ["p_strong", "q_weighted"]
    np.testing.assert_array_equal(found["q_weighted"], np.array([0.3, np.nan, 0.2, np.nan], np.float32))
    np.testing.assert_array_equal(found["p_strong"], np.array([0.7, np.nan, 0.8, np.nan], np.float32))


def test_an_empty_table_has_nothing_to_give():
    pairs = pairs_of([], [], p_strong=[])
    assert np.isnan(carried_over(pairs, np.array([1]), np.array([1]), 4)["p_strong"]).all()
