"""Small datasets for the mini scale: parts of Fashion-MNIST with a quarter of the pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from memscore.arrays import Images, Labels
from memscore.datasets.dataset import Dataset, build_dataset


@dataclass(frozen=True)
class Miniature:
    """The first `train` training and `test` test images of some classes, with every 2x2 pixels averaged to one."""

    name: str
    classes: tuple[int, ...]
    train: int
    test: int

    def of(self, dataset: Dataset) -> Dataset:
        """That part of a dataset, in its order."""
        x_train, y_train = self._part(dataset.x_train, dataset.y_train, self.train)
        x_test, y_test = self._part(dataset.x_test, dataset.y_test, self.test)
        names = tuple(dataset.class_names[label] for label in self.classes)
        return build_dataset(x_train, y_train, x_test, y_test, source=self.name, class_names=names)

    def _part(self, images: Images, labels: Labels, count: int) -> tuple[Images, Labels]:
        chosen = np.sort(np.concatenate([np.flatnonzero(labels == label)[:count] for label in self.classes]))
        return halved(images[chosen]), np.searchsorted(self.classes, labels[chosen]).astype(np.int32)


def halved(images: Images) -> Images:
    """Images uint8 [n, 2H, 2W, C] at half their height and width: means of 2x2 pixels, rounded, halves upwards."""
    n, height, width, channels = images.shape
    cells = images.reshape(n, height // 2, 2, width // 2, 2, channels)
    return ((cells.sum(axis=(2, 4), dtype=np.uint16) + 2) // 4).astype(np.uint8)


MINIATURES = {
    one.name: one
    for one in (
        # T-shirt, pullover, dress, coat, shirt: about CIFAR-100's share of atypical images.
        Miniature("fashion-5", (0, 2, 3, 4, 6), train=300, test=800),
        Miniature("fashion-10", tuple(range(10)), train=150, test=400),
        # Pullover, coat, shirt: the hardest to distinguish.
        Miniature("fashion-3", (2, 4, 6), train=300, test=1000),
    )
}
