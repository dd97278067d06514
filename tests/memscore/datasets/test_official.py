"""Published datasets from small made-up files in their official layouts: found, checked, downloaded, refused."""

import functools
import gzip
import hashlib
import http.server
import pickle
import pickletools
import socket
import struct
import threading
import urllib.error
import urllib.request
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torchvision import datasets as official

from memscore.datasets import SourceOptions, load_source
from memscore.datasets import official as official_files
from memscore.errors import InvalidDataset
from memscore.settings import Settings
from memscore.store import open_database
from memscore.store.migrate import upgrade
from memscore.workflows.datasets import ensure_registered

IDX_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
IDX_SOURCES = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}
CIFAR_SOURCES = {"cifar10": "CIFAR10", "cifar100": "CIFAR100"}


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def idx_arrays() -> list[np.ndarray]:
    random = np.random.default_rng(0)
    labels = (np.arange(20) % 10).astype(np.uint8), (np.arange(10)[::-1]).astype(np.uint8)
    return [
        random.integers(0, 256, (20, 28, 28), np.uint8),
        labels[0],
        random.integers(0, 256, (10, 28, 28), np.uint8),
        labels[1],
    ]


def write_idx(folder: Path, *, zipped: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(IDX_FILES, idx_arrays(), strict=True):
        if zipped:
            (folder / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
        else:
            (folder / name).write_bytes(idx(array))


def listing(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def no_network(monkeypatch: pytest.MonkeyPatch) -> list[float | None]:
    """Every connection fails at once; returns the timeouts that were in force."""
    timeouts: list[float | None] = []

    def refuse(*arguments: Any, **options: Any) -> None:
        timeouts.append(socket.getdefaulttimeout())
        raise urllib.error.URLError("no network here")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    return timeouts


@pytest.mark.parametrize("name", IDX_SOURCES)
@pytest.mark.parametrize("subfolder", ["", "{}/raw"])
@pytest.mark.parametrize("zipped", [True, False])
def test_idx_files_are_read_from_either_layout_and_nothing_is_written(
    tmp_path: Path, name: str, subfolder: str, zipped: bool
):
    write_idx(tmp_path / subfolder.format(IDX_SOURCES[name]), zipped=zipped)
    before = listing(tmp_path)
    dataset = load_source(name, SourceOptions(root=tmp_path))
    x_train, y_train, x_test, y_test = idx_arrays()
    assert (dataset.x_train == x_train[..., None]).all()
    assert (dataset.x_test == x_test[..., None]).all()
    assert dataset.y_train.tolist() == y_train.tolist()
    assert dataset.y_test.tolist() == y_test.tolist()
    assert dataset.class_names == tuple(getattr(official, IDX_SOURCES[name]).classes)
    assert dataset.source == name
    assert listing(tmp_path) == before


def test_the_first_classes_are_kept_in_order(tmp_path: Path):
    write_idx(tmp_path, zipped=True)
    dataset = load_source("fashion_mnist", SourceOptions(root=tmp_path, classes=6))
    assert dataset.y_train.tolist() == [0, 1, 2, 3, 4, 5] * 2
    assert dataset.y_test.tolist() == [5, 4, 3, 2, 1, 0]
    assert (dataset.x_train == idx_arrays()[0][idx_arrays()[1] < 6][..., None]).all()
    assert dataset.class_names[-1] == "Sandal"
    assert dataset.source == "fashion_mnist, first 6 classes"
    with pytest.raises(InvalidDataset, match="--classes 11 is too many: the data has 10 classes"):
        load_source("fashion_mnist", SourceOptions(root=tmp_path, classes=11))


def break_length(content: bytes) -> bytes:
    return gzip.compress(gzip.decompress(content)[:-1])


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content[:-4],
        lambda _: b"",
        lambda content: gzip.decompress(content),
        lambda content: content[:40] + bytes([content[40] ^ 255]) + content[41:],
        break_length,
        lambda content: gzip.compress(gzip.decompress(content) + b"x"),
        lambda _: gzip.compress(b"text, and enough of it"),
        lambda _: gzip.compress(b"\0\0\x08"),
        lambda _: gzip.compress(b"\0\0\x08\xff" + b"\xff" * 1020),
        lambda _: gzip.compress(b"\0\0\x08\x03" + b"\xff" * 12),
    ],
)
def test_a_damaged_idx_file_is_named(tmp_path: Path, damage: Any):
    write_idx(tmp_path, zipped=True)
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InvalidDataset) as error:
        load_source("mnist", SourceOptions(root=tmp_path))
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_images_and_labels_that_do_not_belong_together_are_refused(tmp_path: Path):
    write_idx(tmp_path, zipped=False)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(np.zeros(19, np.uint8)))
    with pytest.raises(InvalidDataset, match="one label per sample"):
        load_source("mnist", SourceOptions(root=tmp_path))


def test_a_folder_with_some_of_the_files_is_told_which_it_lacks(tmp_path: Path):
    write_idx(tmp_path, zipped=True)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(InvalidDataset, match="lacks t10k-labels-idx1-ubyte; mnist consists of train-images-idx3-ubyte"):
        load_source("mnist", SourceOptions(root=tmp_path))


@pytest.mark.parametrize(
    ("name", "first_file"),
    [
        ("mnist", "train-images-idx3-ubyte.gz"),
        ("fashion_mnist", "train-images-idx3-ubyte.gz"),
        ("cifar10", "data_batch_1"),
        ("cifar100", "train, test, meta"),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_without_network_and_files_one_sentence_says_what_to_put_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, first_file: str, named: bool
):
    timeouts = no_network(monkeypatch)
    options = SourceOptions(root=tmp_path) if named else SourceOptions(downloads=tmp_path)
    with pytest.raises(InvalidDataset) as error:
        load_source(name, options)
    sentence = str(error.value)
    assert sentence.startswith(f"{name} is not in {tmp_path} and cannot be downloaded (no network here): put ")
    assert first_file in sentence
    assert "--root" in sentence
    assert "\n" not in sentence
    assert set(timeouts) == {official_files.NETWORK_TIMEOUT}
    assert socket.getdefaulttimeout() is None
    assert listing(tmp_path) == []


@pytest.mark.parametrize("name", [*IDX_SOURCES, *CIFAR_SOURCES, "tiny_imagenet"])
def test_a_root_that_is_no_folder_is_refused(tmp_path: Path, name: str):
    with pytest.raises(InvalidDataset, match=r"There is no folder .*nowhere; --root must be the folder"):
        load_source(name, SourceOptions(root=tmp_path / "nowhere"))
    assert listing(tmp_path) == []


def test_without_any_folder_nothing_is_downloaded(monkeypatch: pytest.MonkeyPatch):
    timeouts = no_network(monkeypatch)
    with pytest.raises(InvalidDataset, match=r"mnist needs a folder: put .* and give it with --root"):
        load_source("mnist")
    assert timeouts == []


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    """A folder that MNIST is downloaded from over HTTP; the first mirror is dead."""
    folder = tmp_path / "mirror"
    write_idx(folder, zipped=True)
    resources = [
        (f"{name}.gz", hashlib.md5((folder / f"{name}.gz").read_bytes(), usedforsecurity=False).hexdigest())
        for name in IDX_FILES
    ]
    monkeypatch.setattr(official.MNIST, "resources", resources)
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("no_proxy", "*")
        monkeypatch.setattr(official.MNIST, "mirrors", [f"{address}/dead/", f"{address}/"])
        yield folder
        server.shutdown()


def test_a_download_is_kept_and_not_made_twice(tmp_path: Path, mirror: Path, monkeypatch: pytest.MonkeyPatch):
    options = SourceOptions(downloads=tmp_path / "home" / "downloads")
    first = load_source("mnist", options)
    assert (first.x_train == idx_arrays()[0][..., None]).all()
    raw = tmp_path / "home" / "downloads" / "MNIST" / "raw"
    assert [path.name for path in listing(raw)] == sorted(f"{name}.gz" for name in IDX_FILES)
    assert [path.name for path in (tmp_path / "home" / "downloads").iterdir()] == ["MNIST"]
    no_network(monkeypatch)
    assert load_source("mnist", options).fingerprint == first.fingerprint


def test_a_download_cut_short_leaves_nothing(tmp_path: Path, mirror: Path):
    path = mirror / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InvalidDataset, match=r"cannot be downloaded \(File not found or corrupted\)"):
        load_source("mnist", SourceOptions(downloads=tmp_path / "downloads"))
    assert listing(tmp_path / "downloads") == []


def test_a_silent_server_counts_as_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and never answers
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        monkeypatch.setenv("no_proxy", "*")
        monkeypatch.setattr(official.MNIST, "mirrors", [address])
        monkeypatch.setattr(official_files, "NETWORK_TIMEOUT", 0.2)
        with pytest.raises(InvalidDataset, match=r"cannot be downloaded \(timed out\)"):
            load_source("mnist", SourceOptions(root=tmp_path))
    assert listing(tmp_path) == []


def test_a_built_in_dataset_is_registered_on_first_use(tmp_path: Path, mirror: Path, monkeypatch: pytest.MonkeyPatch):
    settings = Settings(home=tmp_path / "home", slots=1)
    settings.prepare_home()
    database = open_database(settings.database)
    upgrade(database)
    assert ensure_registered(database, settings, "digits").train_samples == 1437
    record = ensure_registered(database, settings, "mnist")
    assert record.train_samples == 20
    assert record.class_names[3] == "3 - three"
    no_network(monkeypatch)
    assert ensure_registered(database, settings, "mnist") == record
    with pytest.raises(InvalidDataset, match=r"cifar100 is not in .*downloads and cannot be downloaded .* --root"):
        ensure_registered(database, settings, "cifar100")
    database.close()


def python_2_pickle(batch: dict[str, Any]) -> bytes:
    """As in the official files, which Python 2 wrote: the dtype carries align=0, about which NumPy 2.4.0 warns."""
    pickled = pickletools.optimize(pickle.dumps(batch, protocol=2))
    false_true, zero_one = b"\x89\x88\x87", b"K\x00K\x01\x87"
    assert pickled.count(false_true) == 1
    return pickled.replace(false_true, zero_one)


class Evil:
    """Unpickling it would leave a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


@pytest.fixture(params=CIFAR_SOURCES)
def cifar(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Path]:
    """Small files in the official layout, and their MD5 in torchvision's lists; the source's name and their folder."""
    name = request.param
    reader = getattr(official, CIFAR_SOURCES[name])
    folder = tmp_path / reader.base_folder
    folder.mkdir()
    classes = 10 if name == "cifar10" else 100
    key = "labels" if name == "cifar10" else "fine_labels"

    def write(file: str, content: bytes) -> list[str]:
        (folder / file).write_bytes(content)
        return [file, hashlib.md5(content, usedforsecurity=False).hexdigest()]

    def batch(file: str, count: int, start: int) -> list[str]:
        data = (np.arange(count * 3072) % 251 + start).astype(np.uint8).reshape(count, 3072)
        return write(file, python_2_pickle({"data": data, key: [label % classes for label in range(count)]}))

    train = [batch(file, 100, start) for start, (file, _) in enumerate(reader.train_list)]
    test = [batch(file, 20, 3) for file, _ in reader.test_list]
    meta = {reader.meta["key"]: [f"class {label}" for label in range(classes)]}
    file, md5 = write(reader.meta["filename"], pickle.dumps(meta, protocol=2))
    monkeypatch.setattr(reader, "train_list", train)
    monkeypatch.setattr(reader, "test_list", test)
    monkeypatch.setattr(reader, "meta", {**reader.meta, "filename": file, "md5": md5})
    return name, folder


def test_cifar_files_are_read_from_either_layout(cifar: tuple[str, Path]):
    name, folder = cifar
    before = listing(folder.parent)
    dataset = load_source(name, SourceOptions(root=folder))
    assert dataset.fingerprint == load_source(name, SourceOptions(root=folder.parent)).fingerprint
    assert dataset.x_train.shape == (100 * (5 if name == "cifar10" else 1), 32, 32, 3)
    assert dataset.x_test.shape == (20, 32, 32, 3)
    # 1024 red, then 1024 green, then 1024 blue values, row by row
    assert dataset.x_train[0, 2, 5].tolist() == [(plane * 1024 + 2 * 32 + 5) % 251 for plane in range(3)]
    assert dataset.y_train[:3].tolist() == [0, 1, 2]
    assert dataset.class_names[9] == "class 9"
    assert listing(folder.parent) == before


def test_the_first_classes_of_cifar(cifar: tuple[str, Path]):
    name, folder = cifar
    dataset = load_source(name, SourceOptions(root=folder, classes=7))
    assert dataset.classes == 7
    assert set(dataset.y_train) == set(range(7))


def test_a_pickle_that_is_not_the_published_one_is_not_unpickled(cifar: tuple[str, Path], tmp_path: Path):
    name, folder = cifar
    for file in [path.name for path in folder.iterdir()]:
        genuine = (folder / file).read_bytes()
        (folder / file).write_bytes(pickle.dumps(Evil(tmp_path / "trace")))
        with pytest.raises(InvalidDataset) as error:
            load_source(name, SourceOptions(root=folder))
        assert str(error.value).startswith(f"{folder / file} is not the published file (its MD5 is not ")
        assert "so it is not unpickled" in str(error.value)
        (folder / file).write_bytes(genuine)
    assert not (tmp_path / "trace").exists()
