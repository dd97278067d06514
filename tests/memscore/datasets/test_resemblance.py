"""How alike images are, and which are the most alike."""

import numpy as np
import pytest

from memscore.datasets import resemblance
from memscore.datasets.dataset import build_dataset
from memscore.datasets.resemblance import closest, correlations
from tests.trainer.experiments.synthetic_study import like, noise
from trainer.interval import share, shares_apart


def test_correlations_are_pearsons():
    first, second = noise(3, 1), noise(4, 2)
    expected = np.corrcoef(first.reshape(3, -1), second.reshape(4, -1))[:3, 3:]
    np.testing.assert_allclose(correlations(first, second), expected, atol=1e-6)


def test_brightness_and_contrast_do_not_count_and_one_shade_is_like_nothing():
    images = noise(2, 3)
    paler = (images // 2 + 100).astype(np.uint8)
    assert np.diag(correlations(images, paler)) == pytest.approx(1, abs=1e-3)
    assert not correlations(np.full_like(images, 7), images).any()


@pytest.mark.parametrize("rows", [1, 3, 1000])
def test_the_closest_are_those_of_the_class_and_mask_and_never_the_image_itself(
    rows: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(resemblance, "ROWS", rows)
    images = like(noise(4, 4)[np.arange(40) % 4], 5)
    labels = np.arange(40) % 2
    among = np.arange(40) < 30
    dataset = build_dataset(images, labels, images, labels, source="synthetic")
    chosen, of_class = np.arange(10, 20), np.arange(10, 20) // 3 % 2
    found, alike = closest(dataset, chosen, of_class, among, 5)
    everything = np.asarray(np.corrcoef(images.reshape(40, -1)))
    np.fill_diagonal(everything, -2)
    for place, (one, label) in enumerate(zip(chosen, of_class, strict=True)):
        usable = np.flatnonzero(among & (labels == label) & (np.arange(40) != one))
        best = usable[np.argsort(-everything[one, usable])][:5]
        assert found[place].tolist() == best.tolist()
        np.testing.assert_allclose(alike[place], everything[one, best], atol=1e-5)


def test_where_fewer_are_there_places_stay_empty():
    images, labels = noise(20, 6), np.arange(20) % 2
    dataset = build_dataset(images, labels, images, labels, source="synthetic")
    found, alike = closest(dataset, np.array([0, 1]), np.array([0, 0]), np.arange(20) < 3, 3)
    assert found[0].tolist() == [2, -1, -1]
    assert sorted(found[1].tolist()) == [-1, 0, 2]
    assert np.isneginf(alike[0, 1:]).all()


def test_shares_have_wilsons_interval_and_their_differences_newcombes():
    """Newcombe (1998), tables I and II: 81 of 263, and 56 of 70 less 48 of 80 by method 10."""
    found = share(np.arange(263) < 81)
    assert (found.low, found.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    apart = shares_apart(np.arange(80) < 48, np.arange(70) < 56)
    assert apart.value == pytest.approx(0.2)
    assert (apart.low, apart.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
