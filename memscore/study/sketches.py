"""Sketches of representations: 256 bits a sample from which it follows how alike a trained model finds two samples.

The penultimate representation of a sample, less the mean over the training samples of its class, is multiplied by a
random matrix; a sketch keeps the signs of the products. The more bits of two sketches of a class agree, the
smaller the angle between their representations (Charikar, "Similarity estimation techniques from rounding algorithms",
STOC 2002). Subtracting the mean matters: what a class has in common would hide what tells its samples apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from memscore.arrays import Float32, Labels, UInt8
from memscore.study.randomness import random_words

BITS = 256
"""Bits of a sketch. With half as many, ranks suffer visibly; with twice as many, they gain little."""

WIDTH = BITS // 8
"""Bytes of a sketch."""

SKETCHED = 5
"""The full trials below this number record sketches; more would add little."""


_SET = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1, dtype=np.uint8)
"""How many bits of each byte are set."""


@dataclass(frozen=True)
class Sketch:
    """The sketches of one full trial: uint8 [n, WIDTH] of the training samples and [q, WIDTH] of the test samples."""

    train: UInt8
    test: UInt8

    @classmethod
    def of(cls, train: Float32, test: Float32, y_train: Labels, y_test: Labels) -> Sketch:
        """The sketches of samples whose representations, times `projection`, are [n, BITS] and [q, BITS]."""
        found = cls(np.empty((len(train), WIDTH), np.uint8), np.empty((len(test), WIDTH), np.uint8))
        for label in np.unique(y_train).tolist():
            mine, theirs = y_train == label, y_test == label
            centre = train[mine].mean(axis=0, dtype=np.float64)
            found.train[mine] = np.packbits(train[mine] > centre, axis=1)
            found.test[theirs] = np.packbits(test[theirs] > centre, axis=1)
        # Test samples of a class without training samples are compared with nothing.
        found.test[~np.isin(y_test, y_train)] = 0
        return found


def projection(width: int, number: int) -> Float32:
    """The random matrix for representations of `width` values, of full trial `number`: [width, BITS].

    Each trial has its own, so that their errors average out. Its values are nearly normal, with mean 0 and variance 16,
    and whole: the bits that are set among 64 random ones, less 32.
    """
    words = random_words((width, BITS), "sketch", number)
    return _SET[words.view(np.uint8)].reshape(width, BITS, 8).sum(axis=2, dtype=np.float32) - 32
