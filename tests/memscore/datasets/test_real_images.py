"""The sources on real images, where they are: Fashion-MNIST of Debian, and the data shared beside the repository."""

import re
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

from memscore.datasets import SourceOptions, load_source

FASHION = Path("/usr/share/datasets/fashion-mnist")  # where the Debian package dataset-fashion-mnist puts it
SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"


needs_shared_data = pytest.mark.skipif(not SHARED.is_dir(), reason=f"there is no folder {SHARED}")


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of the shared data: CIFAR-100 as an .npz file, 50 classes of Tiny ImageNet in their official layout."""
    folder = tmp_path_factory.mktemp("unpacked")
    subprocess.run([sys.executable, SHARED / "unpack.py", folder], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny ImageNet without the training images beyond the first three classes, to save time."""
    folder = tmp_path_factory.mktemp("tiny")
    unwanted = re.compile(r"tiny-imagenet-200/train/(?!n01443537|n01629819|n01641577)")

    def wanted(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
        return None if unwanted.match(member.name) else tarfile.data_filter(member, path)

    with tarfile.open(SHARED / "tiny-imagenet-50.tar.gz") as archive:
        archive.extractall(folder, filter=wanted)
    return folder


@pytest.mark.skipif(not FASHION.is_dir(), reason="the Debian package dataset-fashion-mnist is not installed")
def test_fashion_mnist_of_debian():
    dataset = load_source("fashion_mnist", SourceOptions(root=FASHION))
    assert dataset.x_train.shape == (60_000, 28, 28, 1)
    assert dataset.x_test.shape == (10_000, 28, 28, 1)
    assert np.bincount(dataset.y_train).tolist() == [6_000] * 10
    assert np.bincount(dataset.y_test).tolist() == [1_000] * 10
    assert dataset.y_train[:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]
    assert dataset.y_test[:10].tolist() == [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]
    assert dataset.class_names[9] == "Ankle boot"
    assert dataset.x_train.mean() / 255 == pytest.approx(0.2860, abs=5e-5)  # the mean of the usual normalization
    assert dataset.fingerprint[:12] == "6435786328b6"


@needs_shared_data
def test_three_classes_of_tiny_imagenet(tiny: Path):
    dataset = load_source("tiny_imagenet", SourceOptions(root=tiny, classes=3))
    assert dataset.x_train.shape == (1_500, 64, 64, 3)
    assert np.bincount(dataset.y_train).tolist() == [500] * 3
    assert np.bincount(dataset.y_test).tolist() == [50] * 3
    assert dataset.class_names[:2] == ("goldfish, Carassius auratus", "European fire salamander, Salamandra salamandra")


@needs_shared_data
def test_class_folders_of_real_images(tiny: Path, tmp_path: Path):
    (tmp_path / "train").mkdir()
    for folder in (tiny / "tiny-imagenet-200" / "train").iterdir():
        (tmp_path / "train" / folder.name).symlink_to(folder / "images")
    dataset = load_source(f"folder:{tmp_path}", SourceOptions(test_share=0.2))
    assert np.bincount(dataset.y_train).tolist() == [400] * 3
    assert np.bincount(dataset.y_test).tolist() == [100] * 3
    same = load_source("tiny_imagenet", SourceOptions(root=tiny, classes=3))
    both = np.concatenate([dataset.x_train, dataset.x_test])
    assert {image.tobytes() for image in both} == {image.tobytes() for image in same.x_train}


@pytest.mark.slow
@needs_shared_data
def test_fifty_classes_of_tiny_imagenet(unpacked: Path):
    dataset = load_source("tiny_imagenet", SourceOptions(root=unpacked / "tiny-imagenet-200", classes=50))
    assert np.bincount(dataset.y_train).tolist() == [500] * 50
    assert np.bincount(dataset.y_test).tolist() == [50] * 50
    grey = (dataset.x_train == dataset.x_train[..., :1]).all(axis=(1, 2, 3))
    assert 144 <= grey.sum() < 1_000  # 144 of the JPEG files are grey, a few more hold grey in colour


@pytest.mark.slow
@needs_shared_data
def test_cifar_100(unpacked: Path):
    dataset = load_source(f"npz:{unpacked / 'cifar100.npz'}")
    assert dataset.x_train.shape == (50_000, 32, 32, 3)
    assert dataset.x_test.shape == (10_000, 32, 32, 3)
    assert np.bincount(dataset.y_train).tolist() == [500] * 100
    assert np.bincount(dataset.y_test).tolist() == [100] * 100
    assert dataset.y_train[:10].tolist() == [19, 29, 0, 11, 1, 86, 90, 28, 23, 31]
    mean = dataset.x_train.mean(axis=(0, 1, 2)) / 255  # of the usual normalization
    assert mean.round(4).tolist() == [0.5071, 0.4865, 0.4409]
