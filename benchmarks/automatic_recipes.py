"""What `--recipe auto` chooses for several datasets, and how well its models fit.

    python benchmarks/automatic_recipes.py [NAME ...]

For each dataset one block of trials where the recipe trains blocks, else one trial: accuracy on the samples trained on,
which should be at least .99, on those held out, and CPU time a trial on one thread. About 30 minutes of CPU; name some
datasets to try only these. Images of CIFAR-100 and Fashion-MNIST are used where they are at hand (`real_images`, and
the Debian package dataset-fashion-mnist), and left out with the reason where they are not.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.large_study import images, real_images
from benchmarks.machine import header
from memscore.datasets.dataset import Dataset, build_dataset
from memscore.datasets.digits import load_digits
from memscore.datasets.options import SourceOptions
from memscore.datasets.sources import load_source
from memscore.learning.data import DeviceData
from memscore.learning.single import single_logits, train_single
from memscore.learning.stack import flattened, stack_logits, train_stack
from memscore.learning.unit import prepare
from memscore.study.automatic import automatic, name_of
from memscore.study.spec import Design
from memscore.study.subsets import block_membership

FASHION = Path("/usr/share/datasets/fashion-mnist")
WANTED = 0.99


class Absent(Exception):
    """Files of a dataset that are not on this machine."""


def cifar(*counts: int, scale: int = 1) -> Dataset:
    """These numbers of training images of the first classes of CIFAR-100, enlarged by repeating pixels."""
    if real_images() is None:
        raise Absent("the images of CIFAR-100 are not at hand")
    whole = images()
    kept = np.concatenate([np.flatnonzero(whole.y_train == one)[:count] for one, count in enumerate(counts)])
    enlarged = whole.x_train[kept].repeat(scale, axis=1).repeat(scale, axis=2)
    return build_dataset(enlarged, whole.y_train[kept], source="photos")


def breast_cancer() -> Dataset:
    """The 569 samples of 30 features that scikit-learn comes with."""
    from sklearn.datasets import load_breast_cancer

    loaded: Any = load_breast_cancer()
    return build_dataset(loaded.data, loaded.target, source="breast_cancer")


def embeddings() -> Dataset:
    """10,000 x 512: a mean for each of 100 classes, and noise of four times its size."""
    chance = np.random.default_rng(0)
    y = np.arange(10_000) % 100
    x = chance.normal(size=(100, 512))[y] + 4 * chance.normal(size=(10_000, 512))
    return build_dataset(x.astype(np.float32), y, source="embeddings")


def fashion_mnist() -> Dataset:
    """Fashion-MNIST's official files."""
    if not FASHION.is_dir():
        raise Absent("the Debian package dataset-fashion-mnist is not installed")
    return load_source("fashion_mnist", SourceOptions(root=FASHION))


DATASETS: dict[str, Callable[[], Dataset]] = {
    "digits": load_digits,
    "breast cancer": breast_cancer,
    "embeddings": embeddings,
    "200 photos": lambda: cifar(160, 24, 20),
    "200 photos of 96 pixels": lambda: cifar(160, 24, 20, scale=3),
    "1,000 photos": lambda: cifar(334, 333, 333),
    "5,000 photos": lambda: cifar(*[500] * 10),
    "fashion_mnist": fashion_mnist,
}


def main() -> None:
    """Try the datasets, and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(DATASETS)}; default: all")
    names = parser.parse_args().names or list(DATASETS)
    print(header("automatic recipes"))
    print(f"{'dataset':24} {'recipe':44} {'in-sample':>9} {'held out':>8} {'CPU s/trial':>11}")
    prepare(torch.device("cpu"))
    for name in names:
        try:
            dataset = DATASETS[name]()
        except Absent as reason:
            print(f"{name:24} left out: {reason}")
            continue
        print(row(name, dataset), flush=True)


def row(name: str, dataset: Dataset) -> str:
    """Train the first models of the chosen recipe, and describe them in one line."""
    recipe = automatic(len(dataset.y_train), dataset.x_train.shape[1:])
    data = DeviceData.of(dataset, torch.device("cpu"))
    membership = block_membership(Design(), len(dataset.y_train), 0)
    started = time.process_time()
    if recipe.stacked:
        logits = stack_logits(train_stack(data, recipe, membership, ("automatic",)), flattened(data.x_train))
    else:
        membership = membership[:1]
        logits = single_logits(train_single(data, recipe, membership[0], ("automatic",)), data.x_train)[None]
    seconds = (time.process_time() - started) / len(membership)
    right = (logits.argmax(dim=-1) == data.y_train).numpy()
    inside, outside = right[membership].mean(), right[~membership].mean()
    mark = "" if inside >= WANTED else "  missed"
    return f"{name:24} {name_of(recipe):44} {inside:9.4f} {outside:8.3f} {seconds:11.2f}{mark}"


if __name__ == "__main__":
    main()
