"""Similarity of training to test samples of the same class, as a weight that is fixed before any model is trained.

A training sample that resembles a test sample is likelier to influence it. Similarity is computed from images and from
sketches of full trials, or from features alone, never from trials on subsets, so that a test that gives similar pairs
more weight keeps its level (Genovese, Roeder and Wasserman, "False discovery control with p-value weighting",
Biometrika 2006).

What counts is how far a training sample stands out: its similarity to a test sample, standardized over the training
samples of the class. The pairs of a class are ranked together by that, so a test sample with several close neighbours
has several pairs in front, and one without any has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from memscore.arrays import Float32, Float64, Images, Int64, Samples, UInt8
from memscore.statistics.counts import ClassGroup
from memscore.study.sketches import Sketch

SIDE = 32
"""Images are reduced to at most this many pixels a side before they are compared."""

MOST = 65_536
"""Ranks from here on share the last bin."""

PAIRS = 1 << 21
"""Pairs of a class compared at once: 16 MB of correlations."""

IMAGES = 256
"""Large images reduced at once."""

HANDICAP = 4
"""Ranks by pixels count as this many times worse than ranks by sketches, but still find copies that networks miss."""

LEVELS = 65_535
"""Steps into which a test sample's range of similarity is divided, so that sums over samples are exact integers."""

STEP, LOWEST = 256, 8
"""Codes count steps of 1 / STEP of a standard deviation, from -LOWEST deviations on."""

CODES = 1 << 16
"""Values of a code: up to 248 deviations."""

PARTS = 4
"""Ranks are counted in this many parts of a training sample."""

FINE = 6
"""Places of two kinds are compared in 2 ** FINE steps an octave."""

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

OCTAVES = 11
"""Coarse bins, by how often rank + 1 doubles: ranks 0, 1 to 2, 3 to 6 and so on, the last open-ended."""

OCTAVE = np.minimum(np.array([int(start + 1).bit_length() - 1 for start in STARTS]), OCTAVES - 1)
"""The coarse bin of each bin, int64 [bins]."""


Tick = Callable[[], None]


def silent() -> None:
    """A tick that nobody hears."""


@dataclass(frozen=True)
class Similarity:
    """The bin of each pair's rank by similarity among the pairs of its class: uint8 [n_c, q_c] of each class.

    The rank is the pair's place, divided by the number of test samples, in units of 1 / PARTS: PARTS of them count one
    training sample. `sketches`: the number of full trials whose sketches were compared, beside the images.
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
    if not (len(train) and len(test)):
        return np.empty((len(train), len(test)), np.uint8)
    codes = np.empty((len(train), len(test)), np.uint16)
    others = None if left is None else np.empty_like(codes)
    step = max(1, PAIRS // len(train))
    for first in range(0, len(test), step):
        tick()
        columns = slice(first, first + step)
        codes[:, columns] = standardized(compare(train, test[columns]))
        if left is not None and right is not None and others is not None:
            others[:, columns] = standardized((left @ right[columns].T).astype(np.float64))
    if others is not None:
        place = [_fine(_ranks_of_codes(codes) * HANDICAP + (HANDICAP - 1)), _fine(_ranks_of_codes(others))]
        for part in _parts(codes):
            codes[part] = np.minimum(place[0][codes[part]], place[1][others[part]])
    return binned(codes)


def standardized(similarity: Float64) -> npt.NDArray[np.uint16]:
    """Codes uint16 [a, b] of how far each row of similarity [a, b] stands out in its column: lower codes, further.

    The deviation from the column's mean over the standard deviation, in steps of 1 / STEP. Each column is first divided
    into LEVELS, whose sums are exact, so that equal similarities give equal codes on all machines.
    """
    low, high = similarity.min(axis=0), similarity.max(axis=0)
    level = similarity - low
    level *= LEVELS
    level /= np.where(high > low, high - low, 1)
    whole = np.rint(level, out=level).astype(np.int64)
    count, total = len(whole), whole.sum(axis=0)
    spread = count * np.square(whole).sum(axis=0).astype(np.float64) - np.square(total.astype(np.float64))
    level = (count * whole - total).astype(np.float64)
    level *= STEP
    level /= np.sqrt(np.maximum(spread, 1))
    level += LOWEST * STEP
    np.clip(np.rint(level, out=level), 0, CODES - 1, out=level)
    return (CODES - 1 - level).astype(np.uint16)


def binned(codes: npt.NDArray[np.uint16]) -> UInt8:
    """Bins uint8 [a, b] of codes [a, b], ranked together: the lowest code has rank 0; equal codes share a bin."""
    rows, columns = max(1, len(codes)), max(1, codes.shape[1])
    rank = np.minimum(_ranks_of_codes(codes) * PARTS // columns, rows * PARTS - 1)
    table = bins_of_ranks(rows * PARTS)[rank]
    bins = np.empty(codes.shape, np.uint8)
    for part in _parts(codes):
        bins[part] = table[codes[part]]
    return bins


def _parts(pairs: npt.NDArray[np.generic]) -> Iterator[slice]:
    """The rows of pairs [a, b], at most PAIRS pairs at a time."""
    step = max(1, PAIRS // max(1, pairs.shape[1]))
    return (slice(first, first + step) for first in range(0, len(pairs), step))


def _ranks_of_codes(codes: npt.NDArray[np.uint16]) -> Int64:
    """The place of each code, int64 [CODES], among all codes [a, b]; equal ones have the middle of their places."""
    held = np.zeros(CODES, np.int64)
    for part in _parts(codes):
        held += np.bincount(codes[part].ravel(), minlength=CODES)
    return np.cumsum(held) - held + np.maximum(held - 1, 0) // 2


def _fine(places: Int64) -> npt.NDArray[np.uint16]:
    """Places as codes that keep their order, in 2 ** FINE steps an octave: by the bits of a float64, exactly."""
    bits = (places + 1).astype(np.float64).view(np.int64) >> (52 - FINE)
    return (bits - (1023 << FINE)).astype(np.uint16)


def signs(sketches: Sequence[UInt8]) -> Float32:
    """The bits of sketches [m, WIDTH] of the same m samples, side by side, as 1 and -1: [m, bits].

    The product of two rows, the bits that agree less those that do not, is exact in single precision.
    """
    return np.unpackbits(np.concatenate(sketches, axis=1), axis=1).astype(np.float32) * 2 - 1


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


def bins_of_ranks(count: int) -> UInt8:
    """The bin of each rank from 0 to count - 1."""
    return (np.searchsorted(STARTS, np.arange(count), side="right") - 1).astype(np.uint8)


def weights(bins: UInt8) -> Float64:
    """Weights [BINS] of pairs by their bin, (rank + 1)^-1.5, with mean 1 over the bins [n_c, q_c] of a class.

    Pairs of a bin share the mean of its ranks' weights; 0 for ranks that a class of this size does not have.
    """
    ranks = np.arange(1, max(len(bins), 1) * PARTS + 1, dtype=np.float64)
    of_ranks = bins_of_ranks(len(ranks))
    width = np.bincount(of_ranks, minlength=BINS)
    raw = np.bincount(of_ranks, 1 / (ranks * np.sqrt(ranks)), BINS) / np.maximum(width, 1)
    held = np.zeros(BINS, np.int64)
    for part in _parts(bins):
        held += np.bincount(bins[part].ravel(), minlength=BINS)
    return raw * (held.sum() / max((raw * held).sum(), np.finfo(np.float64).tiny))
