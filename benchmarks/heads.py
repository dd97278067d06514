"""The test bed "heads": 2,000 trials of small MLPs on fixed features of real images, with their margins.

    python benchmarks/heads.py [--cache FOLDER] [--blocks 200]

The images are the first ten classes of CIFAR-100, 5,000 for training and 1,000 for test. Their features come from
patches of the other 90 classes (`features_of`); the project's stacked MLP learns on them. It memorizes as networks do
on all of CIFAR-100: it is right on all samples it trained on, and on two thirds of the others. A trial takes 0.7 s of
CPU on busy cores, so estimates from a few blocks can be compared with the frequencies in all others.

Needs the script that unpacks CIFAR-100 (`large_study.real_images`), and says so where it is absent. Features and
blocks are cached in FOLDER, by default MEMSCORE_HEADS or a folder for temporary files, one file a block, 100 MB in all;
a stopped run resumes with the first block that is missing. About 25 minutes of CPU, once. Other benchmarks call `fill`,
`load_bed` and `load_trials`, which can read finished blocks while others are still training.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.large_study import real_images
from benchmarks.machine import header
from memscore.arrays import Bools, Float32, Int32, UInt8
from memscore.datasets.dataset import Dataset, build_dataset
from memscore.files import atomic_write
from memscore.learning.correctness import predictions
from memscore.learning.data import DeviceData
from memscore.learning.stack import flattened, stack_logits, train_stack
from memscore.learning.unit import prepare
from memscore.study.randomness import random_order, random_words
from memscore.study.spec import BLOCK, Design, Recipe
from memscore.study.subsets import block_membership

CLASSES, BLOCKS = 10, 200
RECIPE = Recipe(network="mlp", hidden=(128,), epochs=20, batch_size=64, learning_rate=0.1)
DESIGN = Design(subset_ratio=0.7)
THRESHOLD = 0.15

SIDE, PATCH, STRIPE = 32, 6, 100  # pixels of an image and of a patch; images that are encoded at a time
PLACES = SIDE - PATCH + 1
SOURCES, EACH = 10_000, 20  # images that give patches, and patches from each
CENTRES, ROUNDS = 400, 15
REFERENCE, COMPONENTS = 1500, 160
WHITENING = 0.1  # added to the variances of patches
DAMPING = 0.1  # of the components' mean variance
CLIP = 0.75  # standard deviations to each side that a byte spans; chosen so that held-out accuracy is .67

Margins = npt.NDArray[np.float16]
Codes = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Bed:
    """The samples of the ten classes, n for training and q for test.

    Pixels uint8 [n, 32, 32, 3], labels int32 [n], features float32 [n, 160], and their bytes uint8 [n, 160], which the
    MLP sees. Compare features by their angle: the vectors of some 25 samples are ten times as long as others.
    """

    x_train: UInt8
    y_train: Int32
    x_test: UInt8
    y_test: Int32
    train_features: Float32
    test_features: Float32
    train_bytes: UInt8
    test_bytes: UInt8

    def dataset(self) -> Dataset:
        """The bytes as images of 1 x 160 pixels: what a study of this bed trains on."""
        train, test = (part[:, None, :, None] for part in (self.train_bytes, self.test_bytes))
        return build_dataset(train, self.y_train, test, self.y_test, source="heads")


@dataclass(frozen=True)
class Part:
    """What t trials said of m samples, each [t, m].

    `correct` bool; `margin` z_y - max z_k of the other classes, float16; `code` the margin in a byte (`codes`), int8;
    `probability` of the true class times 255, uint8; `predicted` class, uint8.
    """

    correct: Bools
    margin: Margins
    code: Codes
    probability: UInt8
    predicted: UInt8


@dataclass(frozen=True)
class Trials:
    """Membership bool [t, n], and what the t trials said of the training and the test samples."""

    membership: Bools
    train: Part
    test: Part
    seconds: float
    """CPU seconds a trial."""


def default_cache() -> Path:
    """The folder for features and blocks: MEMSCORE_HEADS, or one for temporary files."""
    return Path(os.environ.get("MEMSCORE_HEADS") or Path(tempfile.gettempdir()) / "memscore-heads")


def blocks_in(cache: Path) -> list[int]:
    """The blocks that are trained, in order."""
    return sorted(int(file.stem.removeprefix("block-")) for file in cache.glob("block-*.npz"))


def load_bed(cache: Path) -> Bed:
    """The samples and their features, from the cache."""
    with np.load(cache / "data.npz") as arrays:
        return Bed(**arrays)


def load_trials(cache: Path, blocks: Iterable[int]) -> Trials:
    """All that is stored of these blocks' trials, in their order; trials 10 b to 10 b + 9 are block b."""
    wanted = list(blocks)
    found: list[dict[str, np.ndarray]] = []
    for block in wanted:
        with np.load(_file(cache, block)) as arrays:
            found.append(dict(arrays))

    def part(name: str) -> Part:
        kinds = ("correct", "margin", "code", "probability", "predicted")
        return Part(*(np.concatenate([arrays[f"{name}_{kind}"] for arrays in found]) for kind in kinds))

    train = part("train")
    membership = np.concatenate([block_membership(DESIGN, train.correct.shape[1], block) for block in wanted])
    return Trials(membership, train, part("test"), float(np.mean([arrays["seconds"] for arrays in found])))


def codes(margins: npt.NDArray[np.floating]) -> Codes:
    """Margins as int8: 127 asinh(m / 2) / asinh(20), rounded, so that a margin of 40 or more is 127."""
    return np.clip(np.rint(127 * np.arcsinh(margins / 2) / np.arcsinh(20)), -127, 127).astype(np.int8)


def make_bed(cache: Path, folder: Path) -> None:
    """Make the samples and their features, with the folder of the script that unpacks CIFAR-100; 2 minutes of CPU."""
    images = _cifar(folder)
    chosen = {part: np.flatnonzero(images[f"y_{part}"] < CLASSES) for part in ("train", "test")}
    others = images["x_train"][images["y_train"] >= CLASSES]
    pixels = {part: images[f"x_{part}"][rows] for part, rows in chosen.items()}
    train, test = features_of(others, pixels["train"], pixels["test"])
    scale = CLIP * float(train.std())
    labels = {part: images[f"y_{part}"][rows].astype(np.int32) for part, rows in chosen.items()}
    made = Bed(
        pixels["train"],
        labels["train"],
        pixels["test"],
        labels["test"],
        train,
        test,
        _bytes(train, scale),
        _bytes(test, scale),
    )
    _store(cache / "data.npz", vars(made))


def _bytes(values: Float32, scale: float) -> UInt8:
    """Values from -scale to scale as 0 to 255; those beyond are cut."""
    return np.rint((np.clip(values / scale, -1, 1) + 1) * 127.5).astype(np.uint8)


def features_of(others: UInt8, *parts: UInt8) -> list[Float32]:
    """Features float32 [m, 160] of each part's images, learned from other images, without labels.

    Activations of patches (`Patches`), standardized and reduced to principal components by 1,500 of the others; the
    components are whitened, but damped.
    """
    order = random_order(len(others), "heads", "images")
    patches = Patches(others[order[:SOURCES]])
    reference = patches.activations(others[order[-REFERENCE:]])
    mean, deviation = reference.mean(0), reference.std(0)
    deviation[deviation == 0] = 1  # a centre that is nearest to no patch
    variances, directions = torch.linalg.eigh(torch.cov(((reference - mean) / deviation).T))
    variances, directions = variances[-COMPONENTS:], directions[:, -COMPONENTS:]
    directions /= (variances + DAMPING * variances.mean()).sqrt()
    found = (((patches.activations(part) - mean) / deviation) @ directions for part in parts)
    return [values.float().numpy() for values in found]


class Patches:
    """Centres of the 6 x 6 patches of images, and how much images activate them (Coates, Ng and Lee, 2011).

    Patches are normalized, whitened (ZCA) and clustered by k-means.
    """

    def __init__(self, images: UInt8) -> None:
        places = random_words((len(images), EACH), "heads", "places") % np.uint64(PLACES**2)
        rows = torch.from_numpy(places.astype(np.int64))[:, :, None].expand(-1, -1, 3 * PATCH**2)
        drawn = torch.cat([_normalized(images[at]).gather(1, rows[at]) for at in _stripes(images)]).flatten(0, 1)
        variances, directions = torch.linalg.eigh(torch.cov(drawn.T).double())
        self.mean = drawn.mean(0)
        self.whitening = (directions / (variances + WHITENING).sqrt() @ directions.T).float()
        self.centres = _centres((drawn - self.mean) @ self.whitening)

    def activations(self, images: UInt8) -> Tensor:
        """By how much patches are nearer to each centre than to all on average, summed by quadrant: float64 [m, 1600].

        A patch that is farther counts 0.
        """
        halves = slice(0, PLACES // 2), slice(PLACES // 2, PLACES)
        found: list[Tensor] = []
        for at in _stripes(images):
            patches = (_normalized(images[at]) - self.mean) @ self.whitening
            distances = (
                _squares(patches, self.centres).add_(patches.square().sum(2, keepdim=True)).clamp_(min=0).sqrt_()
            )
            active = (distances.mean(2, keepdim=True) - distances).clamp_(min=0).view(-1, PLACES, PLACES, CENTRES)
            found.append(torch.cat([active[:, down, across].sum((1, 2)) for down in halves for across in halves], 1))
        return torch.cat(found).double()


def _stripes(images: UInt8) -> Iterator[slice]:
    """The images a hundred at a time: all patches of them take 220 MB with their distances."""
    return (slice(start, start + STRIPE) for start in range(0, len(images), STRIPE))


def _normalized(images: UInt8) -> Tensor:
    """All 6 x 6 patches float32 [m, 729, 108] of images uint8 [m, 32, 32, 3], with mean 0 and about variance 1."""
    patches = functional.unfold(torch.from_numpy(images).permute(0, 3, 1, 2).float(), PATCH).transpose(1, 2)
    patches = patches - patches.mean(2, keepdim=True)
    return patches / (patches.var(2, keepdim=True) + 10).sqrt()


def _squares(values: Tensor, centres: Tensor) -> Tensor:
    """Squared distances [..., k] of values [..., d] to centres [k, d], less the values' own squares."""
    return centres.square().sum(1) - 2 * values @ centres.T


def _centres(values: Tensor) -> Tensor:
    """The 400 centres of k-means over values [m, d], after a fixed number of rounds from random values."""
    centres = values[torch.from_numpy(random_order(len(values), "heads", "centres")[:CENTRES])]
    for _ in range(ROUNDS):
        nearest = torch.cat([_squares(part, centres).argmin(1) for part in values.split(20_000)])
        sums = torch.zeros_like(centres).index_add_(0, nearest, values)
        sizes = torch.bincount(nearest, minlength=CENTRES)[:, None]
        centres = torch.where(sizes > 0, sums / sizes, centres)
    return centres


def train_block(data: DeviceData, block: int) -> dict[str, np.ndarray]:
    """Train a block as `train_unit` does, and return the arrays of a block's file."""
    started = time.process_time()
    membership = block_membership(DESIGN, len(data.y_train), block)
    model = train_stack(data, RECIPE, membership, (DESIGN.seed, block))
    arrays: dict[str, np.ndarray] = {}
    for name, images, labels in (("train", data.x_train, data.y_train), ("test", data.x_test, data.y_test)):
        part = observed(stack_logits(model, flattened(images)), labels)
        arrays |= {f"{name}_{kind}": values for kind, values in vars(part).items()}
    return arrays | {"seconds": np.array((time.process_time() - started) / BLOCK)}


def observed(logits: Tensor, labels: Tensor) -> Part:
    """What a block says of samples: logits [t, m, classes], labels int64 [m]."""
    own = labels.expand(len(logits), -1)[:, :, None]
    others = logits.scatter(2, own, -torch.inf).amax(2)
    margin = (logits.gather(2, own)[:, :, 0] - others).numpy()
    probability = logits.softmax(2).gather(2, own)[:, :, 0]
    predicted = predictions(logits)
    return Part(
        (predicted == labels).numpy(),
        margin.astype(np.float16),
        codes(margin),
        (probability * 255).round().to(torch.uint8).numpy(),
        predicted.to(torch.uint8).numpy(),
    )


def fill(cache: Path, blocks: int = BLOCKS) -> bool:
    """Make the features and train the blocks that the cache lacks, the first ones first.

    False, and a line printed, if that needs images which are not at hand.
    """
    prepare(torch.device("cpu"))
    if not (cache / "data.npz").is_file():
        folder = real_images()
        if folder is None:
            print("  not measured: MEMSCORE_REAL_IMAGES names no folder with the script that unpacks CIFAR-100")
            return False
        make_bed(cache, folder)
    data = DeviceData.of(load_bed(cache).dataset(), torch.device("cpu"))
    for block in sorted(set(range(blocks)).difference(blocks_in(cache))):
        _store(_file(cache, block), train_block(data, block))
    return True


def figures(trials: Trials) -> dict[str, float]:
    """What the bed is like: accuracies, mem by the bits of all trials, and the time a trial."""
    inside, right = trials.membership, trials.train.correct
    mem = (right & inside).sum(0) / inside.sum(0) - (right & ~inside).sum(0) / (~inside).sum(0)
    return {
        "right on samples it trained on": float(right[inside].mean()),
        "right on training samples held out": float(right[~inside].mean()),
        "right on test samples": float(trials.test.correct.mean()),
        "mean mem": float(mem.mean()),
        f"share of mem over {THRESHOLD}": float((mem > THRESHOLD).mean()),
        "CPU seconds a trial": trials.seconds,
    }


def _file(cache: Path, block: int) -> Path:
    return cache / f"block-{block:03d}.npz"


def _store(path: Path, arrays: dict[str, np.ndarray]) -> None:
    with atomic_write(path) as scratch, scratch.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def _cifar(folder: Path) -> dict[str, np.ndarray]:
    """CIFAR-100 as x_train, y_train, x_test and y_test."""
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run([sys.executable, folder / "unpack.py", scratch], check=True, stdout=subprocess.DEVNULL)
        with np.load(Path(scratch) / "cifar100.npz") as arrays:
            return dict(arrays)


def main() -> None:
    """Fill the cache and print what the bed is like."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--cache", type=Path, default=default_cache(), help="folder for features and blocks")
    arguments.add_argument("--blocks", type=int, default=BLOCKS, help="blocks of ten trials")
    chosen = arguments.parse_args()
    print(header(f"heads: {BLOCK * chosen.blocks} trials, in {chosen.cache}"))
    if not fill(chosen.cache, chosen.blocks):
        return
    for name, value in figures(load_trials(chosen.cache, range(chosen.blocks))).items():
        print(f"  {name:36}{value:8.3f}")


if __name__ == "__main__":
    main()
