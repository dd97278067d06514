"""Similarity: pairs ranked by how far they stand out, ties, mirrored images, large images, and weights of mean 1."""

import numpy as np
import pytest

from memscore.statistics import similarity
from memscore.statistics.counts import ClassGroup, class_groups
from memscore.statistics.similarity import (
    BINS,
    OCTAVE,
    PARTS,
    STARTS,
    STEP,
    Similarity,
    binned,
    bins_of_ranks,
    correlation,
    pixel_correlation,
    reduced,
    rounded,
    standardized,
    weights,
)
from memscore.study.sketches import WIDTH, Sketch


def images(count: int, side: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def sketch_of(train: int, test: int, seed: int) -> Sketch:
    drawn = np.random.default_rng(seed).integers(0, 256, (train + test, WIDTH), dtype=np.uint8)
    return Sketch(drawn[:train], drawn[train:])


def unusual(similarity: np.ndarray) -> np.ndarray:
    """How many standard deviations each similarity [a, b] is above the mean of its column."""
    return (similarity - similarity.mean(axis=0)) / similarity.std(axis=0)


def require_ranked(bins: np.ndarray, z: np.ndarray, resolution: float = 2 / STEP) -> None:
    """Bins [a, b] are those of the ranks of z [a, b] among all pairs, up to the resolution of z."""
    order = np.argsort(-z.ravel(), kind="stable")
    rank = np.empty(z.size, np.int64)
    rank[order] = np.arange(z.size) * PARTS // z.shape[1]
    expected, found = bins_of_ranks(len(z) * PARTS)[rank], bins.ravel()
    edge = np.abs(np.subtract.outer(z.ravel(), z.ravel())) <= resolution  # these may share a bin
    low = np.where(edge, expected[None, :], 255).min(axis=1)
    high = np.where(edge, expected[None, :], 0).max(axis=1)
    assert ((low <= found) & (found <= high)).all()
    assert (found == expected).mean() > 0.9


def test_pairs_are_ranked_by_how_far_the_better_of_plain_and_mirrored_stands_out():
    train, test = images(60), images(9, seed=1)
    flat, mirrored, target = (part.reshape(len(part), -1) for part in (train, train[:, :, ::-1], test))
    both = [np.corrcoef(one, target)[:60, 60:] for one in (flat, mirrored)]
    found = Similarity.of_images(class_groups(np.zeros(60, np.int32), np.zeros(9, np.int32)), train, test)
    require_ranked(found.bins[0], unusual(np.maximum(*both)))


def test_a_mirrored_copy_is_the_most_alike():
    test = images(3, seed=2)
    train = np.concatenate([images(20), test[:, :, ::-1]])
    bins = binned(standardized(pixel_correlation(train, test)))
    assert np.flatnonzero((bins <= bins_of_ranks(PARTS)[-1]).ravel()).tolist() == [20 * 3, 21 * 3 + 1, 22 * 3 + 2]


def test_a_test_sample_without_close_neighbours_has_no_pair_in_front():
    """By its own training samples it would have as many as any other."""
    rng = np.random.default_rng(3)
    similarity = rng.uniform(size=(200, 4))
    similarity[:8, 0] = 10  # eight copies of the first test sample
    bins = binned(standardized(similarity))
    first = bins < bins_of_ranks(2 * PARTS)[-1]
    assert first.sum(axis=0).tolist() == [8, 0, 0, 0]


def test_sums_are_exact_for_the_largest_images_compared():
    train = np.full((1, 3072), 0, np.uint8)
    train[0, ::2] = 255
    test = 255 - train
    whole = [part[0].astype(int) for part in (train, test)]
    joint = 3072 * int((whole[0] * whole[1]).sum()) - int(whole[0].sum()) * int(whole[1].sum())
    deviation = (3072 * int((whole[0] ** 2).sum()) - int(whole[0].sum()) ** 2) ** 0.5
    assert correlation(train, test)[0, 0] == joint / deviation


def test_ties_share_a_bin_and_constant_images_correlate_with_nothing():
    flat = np.full((5, 4, 4, 1), 7, np.uint8)
    assert (pixel_correlation(flat, flat) == 0).all()
    assert np.unique(binned(standardized(np.zeros((5, 2))))).tolist() == [bins_of_ranks(20)[4 * PARTS // 2]]
    assert binned(np.empty((5, 0), np.uint16)).shape == (5, 0)


def test_codes_do_not_depend_on_the_unit_or_the_offset_of_similarity():
    similarity = np.random.default_rng(4).normal(size=(300, 6))
    codes = standardized(similarity).astype(int)
    scaled = similarity * np.array([1e-6, 1e6, 3, 7, 1, 0.1]) + np.array([0, 0, 5, -5, 1, 0])
    assert np.abs(standardized(scaled) - codes).max() <= 1
    assert np.abs(np.abs(codes - (2**16 - 1 - 8 * STEP) + unusual(similarity) * STEP)).max() <= 1


def test_with_sketches_these_decide_unless_pixels_are_four_times_as_good():
    train, test = images(70), images(9, seed=4)
    sketches = [sketch_of(70, 9, seed) for seed in (5, 6)]
    groups = class_groups(np.zeros(70, np.int32), np.zeros(9, np.int32))
    found = Similarity.of_images(groups, train, test, sketches)
    assert found.sketches == 2
    agree = np.array(
        [
            [
                sum(int((np.unpackbits(one.train[i]) == np.unpackbits(one.test[j])).sum()) for one in sketches)
                for j in range(9)
            ]
            for i in range(70)
        ]
    )
    places = [
        np.argsort(np.argsort(-unusual(one).ravel(), kind="stable")).reshape(70, 9)
        for one in (agree, pixel_correlation(train, test))
    ]
    key = np.minimum(places[0] + 1, 4 * (places[1] + 1))
    order = np.argsort(key.ravel(), kind="stable")
    bins = found.bins[0].ravel()[order].astype(int)
    assert bins[0] == 0
    assert (bins[120:] >= np.maximum.accumulate(bins)[:-120] - 1).all()  # ties and steps are a few places wide
    assert np.corrcoef(bins, np.arange(len(bins)))[0, 1] > 0.8


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
    bins = binned(standardized(np.random.default_rng(5).normal(size=(count, 6))))
    found = weights(bins)
    assert found[bins].mean() == pytest.approx(1, abs=1e-12)
    assert (np.diff(found[np.unique(bins)]) < 0).all()
    of_ranks = bins_of_ranks(max(count * PARTS, 7))[:7]  # of one rank each
    exact = (np.arange(7) + 1.0) ** -1.5
    assert found[of_ranks[: count * PARTS]] / found[0] == pytest.approx(exact[: count * PARTS])


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
    group = ClassGroup(0, np.arange(30), np.arange(7))
    require_ranked(Similarity.of([group], train, test).bins[0], unusual(-squared))


def test_features_are_rounded_to_bytes_in_steps_of_a_thirty_second():
    values = np.array([-10, -4, -1 / 32, 0, 1 / 64, 3 / 64, 127 / 32, 10], np.float32)
    assert rounded(values).tolist() == [0, 0, 127, 128, 128, 130, 255, 255]
