"""Similarity of training to test samples of the same class, as a weight that is fixed before any model is trained.

A training sample that resembles a test sample is likelier to influence it. Ranks by similarity are computed from images
and from sketches of full trials, or from features alone, never from trials on subsets, so that a test that gives
similar pairs more weight keeps its level (Genovese, Roeder and Wasserman, "False discovery control with p-value
weighting", Biometrika 2006).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from memscore.arrays import Float32, Float64, Images, Int32, Int64, Samples, UInt8
from memscore.statistics.counts import ClassGroup
from memscore.study.sketches import Sketch

SIDE = 32
"""Images are reduced to at most this many pixels a side before they are compared."""

MOST = 65_536
"""Ranks from here on share the last bin."""

PAIRS = 1 << 22
"""Pairs of a class compared at once: 32 MB of correlations."""

IMAGES = 256
"""Large images reduced at once."""

HANDICAP = 4
"""Ranks by pixels count as this many times worse than ranks by sketches, but still find copies that networks miss."""

EXACT = 1024
"""Products of this many centred bytes sum to at most 2**24: exact in single precision."""


def _starts() -> Int64:
    """The lowest rank of each bin: rank + 1 doubles in four steps, fewer while there are no four ranks."""
    octaves = [1 << octave for octave in range(MOST.bit_length())]
    bounds = [low + low * quarter // 4 for low in octaves for quarter in range(4)]
    return np.unique(np.array(bounds, np.int64)) - 1


STARTS = _starts()
"""The lowest rank of each bin, int64 [bins]; bins are narrow where ranks are low."""

BINS = len(STARTS)

OCTAVES = 9
"""Coarse bins, by how often rank + 1 doubles: ranks 0, 1 to 2, 3 to 6 and so on, the last open-ended."""

OCTAVE = np.minimum(np.array([int(start + 1).bit_length() - 1 for start in STARTS]), OCTAVES - 1)
"""The coarse bin of each bin, int64 [bins]."""


Tick = Callable[[], None]


def silent() -> None:
    """A tick that nobody hears."""


@dataclass(frozen=True)
class Similarity:
    """The bin of the rank of each training sample by similarity to each test sample: uint8 [n_c, q_c] of each class.

    `sketches`: the number of full trials whose sketches were compared, beside the images.
    """

    bins: list[UInt8]
    sketches: int = 0

    @classmethod
    def of(
        cls,
        groups: list[ClassGroup],
        x_train: Samples,
        x_test: Samples,
        sketches: Sequence[Sketch] = (),
        tick: Tick = silent,
    ) -> Similarity:
        """Compare images [n, H, W, C] and [q, H, W, C] (`of_images`), or standardized features [n, d] and [q, d].

        Features are compared as they are, without sketches (`of_features`).
        """
        if x_train.ndim == 4:
            return cls.of_images(groups, x_train, x_test, sketches, tick)
        return cls.of_features(groups, x_train, x_test, tick)

    @classmethod
    def of_features(
        cls, groups: list[ClassGroup], x_train: Float32, x_test: Float32, tick: Tick = silent
    ) -> Similarity:
        """Compare standardized features [n, d] and [q, d] by their distance, one class at a time.

        They are rounded first (`rounded`), so that equal features give equal bins on all machines.
        """
        return cls([_bins(rounded(x_train[one.train]), rounded(x_test[one.test]), closeness, tick) for one in groups])

    @classmethod
    def of_images(
        cls,
        groups: list[ClassGroup],
        x_train: Images,
        x_test: Images,
        sketches: Sequence[Sketch] = (),
        tick: Tick = silent,
    ) -> Similarity:
        """Compare images [n, H, W, C] and [q, H, W, C] by their pixels, plain or mirrored, one class at a time.

        With sketches, ranks follow from these, or from pixels where they are HANDICAP times as good. The arrays may be
        memory maps; `tick` is called between steps of some seconds. Equal images and sketches give equal bins on all
        machines.
        """
        return cls([_bins_of_images(one, x_train, x_test, sketches, tick) for one in groups], len(sketches))


def _bins_of_images(
    group: ClassGroup, x_train: Images, x_test: Images, sketches: Sequence[Sketch], tick: Tick
) -> UInt8:
    train, test = reduced(x_train[group.train], tick), reduced(x_test[group.test], tick)
    left = signs([each.train[group.train] for each in sketches]) if sketches else None
    right = signs([each.test[group.test] for each in sketches]) if sketches else None
    return _bins(train, test, pixel_correlation, tick, left, right)


def _bins(
    train: UInt8,
    test: UInt8,
    compare: Callable[[UInt8, UInt8], Float64],
    tick: Tick,
    left: Float32 | None = None,
    right: Float32 | None = None,
) -> UInt8:
    """Bins [n_c, q_c] of a class's samples, as many test samples at a time as memory allows.

    left and right: signs of the sketches of training and test samples.
    """
    of_ranks = bins_of_ranks(len(train))
    bins = np.empty((len(train), len(test)), np.uint8)
    step = max(1, PAIRS // len(train))
    for first in range(0, len(test), step):
        tick()
        columns = slice(first, first + step)
        found = ranks(compare(train, test[columns]))
        if left is not None and right is not None:
            found = better(ranks(left @ right[columns].T), HANDICAP * (found + 1) - 1)
        bins[:, columns] = of_ranks[found]
    return bins


def signs(sketches: Sequence[UInt8]) -> Float32:
    """The bits of sketches [m, WIDTH] of the same m samples, side by side, as 1 and -1: [m, bits].

    The product of two rows, the bits that agree less those that do not, is exact in single precision.
    """
    return np.unpackbits(np.concatenate(sketches, axis=1), axis=1).astype(np.float32) * 2 - 1


def better(ranks: Int32, others: Int32) -> Int32:
    """Ranks [a, b] of each row in each column by the better of two ranks; ties go to the better of `ranks`, unique."""
    key = np.minimum(ranks, others).astype(np.int64)
    key *= len(ranks)
    key += ranks
    return _places(key)


def reduced(images: Images, tick: Tick = silent) -> UInt8:
    """Images uint8 [m, H, W, C] of at most 32 x 32 pixels, by means over blocks rounded down; edges may be cut."""
    tick()
    count, height, width, channels = images.shape
    down, across = -(-height // SIDE), -(-width // SIDE)
    if down == across == 1:
        return np.asarray(images)
    tall, wide = height // down, width // across
    top, left = (height - tall * down) // 2, (width - wide * across) // 2
    small = np.empty((count, tall, wide, channels), np.uint8)
    for first in range(0, count, IMAGES):
        tick()
        part = slice(first, first + IMAGES)
        cut = images[part, top : top + tall * down, left : left + wide * across]
        total = np.zeros((len(cut), tall, wide, channels), np.uint32)
        for row in range(down):
            for column in range(across):
                total += cut[:, row::down, column::across]
        small[part] = total // (down * across)
    return small


def pixel_correlation(train: UInt8, test: UInt8) -> Float64:
    """The higher of the correlations of train [a, h, w, c], plain and mirrored, with test [b, h, w, c]: [a, b].

    Times a positive number of each test image, which its ranks do not depend on.
    """
    flat = test.reshape(len(test), -1)
    plain = correlation(train.reshape(len(train), -1), flat)
    mirrored = correlation(np.ascontiguousarray(train[:, :, ::-1]).reshape(len(train), -1), flat)
    return np.maximum(plain, mirrored, out=plain)


def rounded(features: Float32) -> UInt8:
    """Standardized features as bytes, in steps of 1/32 of a deviation and from -4 to 4 of them; 128 for 0."""
    return (np.rint(np.clip(features, -4, 127 / 32) * np.float32(32)) + 128).astype(np.uint8)


def closeness(train: UInt8, test: UInt8) -> Float64:
    """How close features train [a, d] are to test [b, d], both rounded: float64 [a, b], higher is closer.

    The negative squared distance, but for a term of each test sample, which its ranks do not depend on: exact integers.
    """
    left, right = train.astype(np.float32) - 128, test.astype(np.float32) - 128
    found = np.repeat(-np.square(left).sum(axis=1, dtype=np.float64)[:, None], len(test), axis=1)
    for first in range(0, train.shape[1], EXACT):
        part = slice(first, first + EXACT)
        found += 2 * (left[:, part] @ right[:, part].T).astype(np.float64)
    return found


def correlation(train: UInt8, test: UInt8) -> Float64:
    """Correlations of features train [a, d] and test [b, d], times the deviation of each test sample: float64 [a, b].

    0 for a constant row. All sums are of integers and exact; one division follows.
    """
    size = train.shape[1]
    left, right = train.astype(np.float32) - 128, test.astype(np.float32) - 128
    joint = np.zeros((len(train), len(test)))
    for first in range(0, size, EXACT):
        part = slice(first, first + EXACT)
        joint += left[:, part] @ right[:, part].T
    sums, test_sums = (part.sum(axis=1, dtype=np.float64) for part in (left, right))
    squares = np.square(left).sum(axis=1, dtype=np.float64)
    deviation = np.sqrt(size * squares - sums**2)
    joint *= size
    joint -= sums[:, None] * test_sums
    joint /= np.maximum(deviation, 1)[:, None]
    return joint


def rank_bins(similarity: Float64) -> UInt8:
    """Bins uint8 [a, b] of the rank of each row in each column of similarity [a, b]; ties go to the lower row."""
    return bins_of_ranks(len(similarity))[ranks(similarity)]


def ranks(similarity: Float64 | Float32) -> Int32:
    """The rank of each row in each column of similarity [a, b], 0 for the most alike; ties go to the lower row."""
    return _places(-similarity)


def _places(key: npt.NDArray[Any]) -> Int32:
    """The place of each row in each column of key [a, b], in ascending order."""
    order = np.argsort(key.T, axis=1, kind="stable")
    places = np.empty_like(order, np.int32)
    np.put_along_axis(places, order, np.arange(len(key), dtype=np.int32)[None, :], axis=1)
    return np.ascontiguousarray(places.T)


def bins_of_ranks(count: int) -> UInt8:
    """The bin of each rank from 0 to count - 1."""
    return (np.searchsorted(STARTS, np.arange(count), side="right") - 1).astype(np.uint8)


def weights(count: int) -> Float64:
    """Weights [bins] of the training samples of a class of `count`, by bin: (rank + 1)^-1.5, mean 1 over the class.

    Samples of a bin share the mean of their weights. 0 in bins that are empty.
    """
    ranks = np.arange(1, count + 1, dtype=np.float64)
    raw = 1 / (ranks * np.sqrt(ranks))
    bins = bins_of_ranks(count)
    held = np.bincount(bins, minlength=BINS)
    total = np.bincount(bins, raw, BINS)
    return np.divide(total, held, out=np.zeros(BINS), where=held > 0) * (count / total.sum())
