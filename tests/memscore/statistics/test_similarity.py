"""Similarity: ranks by brute force, ties, mirrored images, large images, and weights of mean 1."""

import numpy as np
import pytest

from memscore.statistics import similarity
from memscore.statistics.counts import ClassGroup, class_groups
from memscore.statistics.similarity import (
    BINS,
    OCTAVE,
    STARTS,
    Similarity,
    bins_of_ranks,
    correlation,
    pixel_correlation,
    rank_bins,
    ranks,
    reduced,
    rounded,
    weights,
)
from memscore.study.sketches import WIDTH, Sketch


def images(count: int, side: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def sketch_of(train: int, test: int, seed: int) -> Sketch:
    drawn = np.random.default_rng(seed).integers(0, 256, (train + test, WIDTH), dtype=np.uint8)
    return Sketch(drawn[:train], drawn[train:])


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


def test_with_sketches_these_decide_unless_pixels_are_four_times_as_good():
    train, test = images(70), images(9, seed=4)
    sketches = [sketch_of(70, 9, seed) for seed in (5, 6)]
    groups = class_groups(np.zeros(70, np.int32), np.zeros(9, np.int32))
    found = Similarity.of_images(groups, train, test, sketches)
    assert found.sketches == 2
    by_pixels = ranks(pixel_correlation(train, test))
    for j in range(9):
        agree = [
            sum(int((np.unpackbits(one.train[i]) == np.unpackbits(one.test[j])).sum()) for one in sketches)
            for i in range(70)
        ]
        by_sketches = np.empty(70, int)
        by_sketches[sorted(range(70), key=lambda i: (-agree[i], i))] = np.arange(70)
        order = sorted(range(70), key=lambda i: (min(by_sketches[i] + 1, 4 * (by_pixels[i, j] + 1)), by_sketches[i]))
        assert found.bins[0][order, j].tolist() == bins_of_ranks(70).tolist()


def test_a_part_at_a_time_is_the_whole_and_time_is_told_in_between(monkeypatch: pytest.MonkeyPatch):
    labels = (np.arange(90) % 2).astype(np.int32), (np.arange(30) % 2).astype(np.int32)
    train, test = images(90, side=40), images(30, side=40, seed=1)
    sketches = [sketch_of(90, 30, 7)]
    whole = Similarity.of_images(class_groups(*labels), train, test, sketches)
    ticks: list[int] = []
    monkeypatch.setattr(similarity, "PAIRS", 4 * 45)
    monkeypatch.setattr(similarity, "IMAGES", 10)
    again = Similarity.of_images(class_groups(*labels), train, test, sketches, lambda: ticks.append(1))
    for one, other in zip(whole.bins, again.bins, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(ticks) >= 2 * (4 + 5 + 2)  # of each class: 15 test images 4 at a time, 45 and 15 images 10 at a time


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


def test_features_are_ranked_by_their_distance():
    """Against brute force over the rounded values, with more features than one exact product has."""
    random = np.random.default_rng(3)
    train, test = (random.normal(size=(n, 1500)).astype(np.float32) for n in (30, 7))
    a, b = (rounded(part).astype(np.int64) for part in (train, test))
    squared = ((a[:, None] - b[None]) ** 2).sum(axis=2)
    ranks = np.argsort(np.argsort(squared, axis=0, kind="stable"), axis=0)
    group = ClassGroup(0, np.arange(30), np.arange(7))
    np.testing.assert_array_equal(Similarity.of([group], train, test).bins[0], bins_of_ranks(30)[ranks])


def test_features_are_rounded_to_bytes_in_steps_of_a_thirty_second():
    values = np.array([-10, -4, -1 / 32, 0, 1 / 64, 3 / 64, 127 / 32, 10], np.float32)
    assert rounded(values).tolist() == [0, 0, 127, 128, 128, 130, 255, 255]
