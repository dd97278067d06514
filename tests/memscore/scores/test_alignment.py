"""Datasets that share training samples: which are the same, and the scores of one in the order of the other."""

from __future__ import annotations

import numpy as np
import pytest

from memscore.errors import FingerprintMismatch
from memscore.scores.alignment import align
from memscore.scores.comparison import compare
from tests.conftest import StoredStudy


def samples(count: int = 50) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(0, 255, (count, 3, 3, 1), np.uint8), np.arange(count) % 5


def test_samples_are_found_wherever_they_are_and_relabelled_ones_counted():
    x, y = samples()
    order = np.random.default_rng(1).permutation(50)[:40]
    changed = y[order].copy()
    changed[:3] = (changed[:3] + 1) % 5
    found = align(x, y, x[order], changed)
    assert found.shared == 40
    assert found.relabelled == 3
    for place, index in enumerate(order):
        assert found.places[index] == place
    assert (
        "40 training samples are in both, 3 of which have another label in b; a has 10 others, and b 0." in found.note
    )


def test_equal_samples_are_matched_one_to_one_in_their_order():
    x, y = samples(10)
    twice, labels = np.concatenate([x, x[:3]]), np.concatenate([y, y[:3]])
    assert align(twice, labels, twice, labels).places.tolist() == list(range(13))
    assert align(twice, labels, x, y).places.tolist() == [*range(10), -1, -1, -1]


def test_features_are_matched_too():
    x = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    y = np.arange(20, dtype=np.int32) % 2
    assert align(x, y, x[::-1], y[::-1]).places.tolist() == list(range(19, -1, -1))


@pytest.mark.parametrize("shape", [(3, 3, 1), (4, 4, 1)])
def test_datasets_that_share_little_are_not_compared(shape: tuple[int, ...]):
    x, y = samples()
    other = np.random.default_rng(7).integers(0, 255, (30, *shape), np.uint8)
    with pytest.raises(FingerprintMismatch, match="at least half of the smaller one"):
        align(x, y, other, np.arange(30, dtype=np.int32) % 5)


def test_a_table_follows_the_order_of_the_other_dataset(stored_study: StoredStudy):
    scores, dataset = stored_study.scores, stored_study.dataset
    kept = np.flatnonzero(np.arange(len(scores)) % 7 > 0)[::-1]
    found = align(dataset.x_train[kept], dataset.y_train[kept], dataset.x_train, dataset.y_train)
    table = found.table(scores, "f" * 64)
    assert len(table) == len(kept)
    np.testing.assert_array_equal(table["mem"], scores["mem"][kept])
    back = align(dataset.x_train, dataset.y_train, dataset.x_train[kept], dataset.y_train[kept])
    again = back.table(table, scores.meta["fingerprint"])
    missing = np.arange(len(scores)) % 7 == 0
    assert np.isnan(again["mem"][missing]).all()
    agreement = compare(scores, again)
    assert agreement.samples == int((~missing & np.isfinite(scores["mem"])).sum())
    assert agreement.mean_difference == 0
