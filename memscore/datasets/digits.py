"""scikit-learn's handwritten digits: 1,797 real 8x8 images, 360 of them the test set."""

from __future__ import annotations

import numpy as np

from memscore.datasets.dataset import Dataset, build_dataset

TEST_SAMPLES = 360


def load_digits() -> Dataset:
    """The digits in a fixed order: grey levels 0..16 scaled to 0..255, with a fixed random split of 1,437 and 360."""
    from sklearn.datasets import load_digits as read

    pixels, labels = read(return_X_y=True)
    images = np.rint(np.asarray(pixels).reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    labels = np.asarray(labels)
    # RandomState's streams are frozen, so this split never changes.
    order = np.random.RandomState(0).permutation(len(labels))
    test, train = order[:TEST_SAMPLES], order[TEST_SAMPLES:]
    return build_dataset(images[train], labels[train], images[test], labels[test], source="digits")
