"""Similarity: ranks by brute force, ties, mirrored images, large images, and weights of mean 1."""

import numpy as np
import pytest

from memscore.statistics.counts import class_groups
from memscore.statistics.similarity import (
    BINS,
    OCTAVE,
    STARTS,
    Similarity,
    bins_of_ranks,
    correlation,
    pixel_correlation,
    rank_bins,
    reduced,
    weights,
)


def images(count: int, side: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def test_ranks_are_those_of_the_better_correlation_of_the_plain_and_the_mirrored_image():
    train, test = images(60), images(9, seed=1)
    flat, mirrored, target = (part.reshape(len(part), -1) for part in (train, train[:, :, ::-1], test))
    both = [np.corrcoef(one, target)[:60, 60:] for one in (flat, mirrored)]
    order = np.argsort(-np.maximum(*both), axis=0, kind="stable")
    bins = Similarity.of_images(class_groups(np.zeros(60, np.int32), np.zeros(9, np.int32)), train, test).bins[0]
    for j in range(9):
        assert bins[order[:, j], j].tolist() == bins_of_ranks(60).tolist()


def test_a_mirrored_copy_is_the_most_alike():
    test = images(3, seed=2)
    train = np.concatenate([images(20), test[:, :, ::-1]])
    bins = rank_bins(pixel_correlation(train, test))
    assert [bins[20 + j, j] for j in range(3)] == [0, 0, 0]


def test_sums_are_exact_for_the_largest_images_compared():
    train = np.full((1, 3072), 0, np.uint8)
    train[0, ::2] = 255
    test = 255 - train
    whole = [part[0].astype(int) for part in (train, test)]
    joint = 3072 * int((whole[0] * whole[1]).sum()) - int(whole[0].sum()) * int(whole[1].sum())
    deviation = (3072 * int((whole[0] ** 2).sum()) - int(whole[0].sum()) ** 2) ** 0.5
    assert correlation(train, test)[0, 0] == joint / deviation


def test_ties_go_to_the_lower_index_and_constant_images_correlate_with_nothing():
    flat = np.full((5, 4, 4, 1), 7, np.uint8)
    assert (pixel_correlation(flat, flat) == 0).all()
    assert rank_bins(np.zeros((5, 2))).tolist() == [[rank] * 2 for rank in bins_of_ranks(5)]


def test_large_images_are_reduced_by_means_of_blocks():
    image = images(2, side=70)
    small = reduced(image)
    assert small.shape == (2, 23, 23, 3)
    assert small[1, 0, 2, 1] == image[1, 0:3, 6:9, 1].sum(dtype=int) // 9  # 70 pixels hold 23 blocks of 3
    assert reduced(images(2)).shape == (2, 8, 8, 3)


@pytest.mark.parametrize("count", [1, 7, 500, 5000])
def test_weights_fall_with_the_rank_and_have_mean_one_over_a_class(count: int):
    bins, found = bins_of_ranks(count), weights(count)
    assert found[bins].mean() == pytest.approx(1, abs=1e-12)
    assert (np.diff(found[np.unique(bins)]) < 0).all()
    exact = (np.arange(count) + 1.0) ** -1.5
    assert found[bins][:7] == pytest.approx((exact / exact.mean())[:7])  # bins of one rank each


def test_bins_nest_in_octaves():
    assert BINS <= 256
    assert len(OCTAVE) == len(STARTS) == BINS
    assert OCTAVE[bins_of_ranks(8)].tolist() == [0, 1, 1, 2, 2, 2, 2, 3]
    assert (bins_of_ranks(500).max(), len(np.unique(bins_of_ranks(500)))) == (30, 31)
