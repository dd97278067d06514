"""The twelve sources of docs/datasets.md: their lines run as they are printed, on small data of the kind they name."""

from __future__ import annotations

import pathlib
import re
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import PIL.Image
import pyarrow
import pyarrow.parquet
import pytest
import sklearn.datasets

import memscore
from memscore import datasets
from memscore.datasets import Dataset, SourceOptions, copies
from memscore.datasets.columns import SampleColumns
from memscore.datasets.frames import dataset_of
from memscore.datasets.storage import open_dataset
from memscore.store import open_database
from memscore.store.datasets import by_name
from tests.command_line import Outcome
from tests.pictures import png

PAGE = Path(__file__).parent.parent / "docs" / "datasets.md"
FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")


@dataclass(frozen=True)
class Example:
    """A section of the page: its commands and its Python."""

    title: str
    commands: list[str]
    python: str


def examples() -> list[Example]:
    section = PAGE.read_text().partition("## Twelve sources in two lines")[2].partition("\n## ")[0]
    found: list[Example] = []
    for part in section.split("\n### ")[1:]:
        blocks = re.findall(r"```(python)?\n(.*?)```", part, re.DOTALL)
        assert [kind for kind, _ in blocks] == ["", "python"]
        found.append(Example(part.partition("\n")[0], blocks[0][1].splitlines(), blocks[1][1]))
    return found


RANDOM = np.random.default_rng(0)


def noise(*shape: int) -> np.ndarray:
    return RANDOM.integers(0, 256, shape, np.uint8)


def digits() -> None:
    found: Any = sklearn.datasets.load_digits()
    np.savez("digits.npz", x_train=found.images / 16, y_train=found.target)


def people() -> None:
    table = {
        "id": [f"p{row:03}" for row in range(120)],
        "age": RANDOM.normal(50, 9, 120).round(2),
        "city": RANDOM.choice(["Bern", "Oslo", "Rome"], 120),
        "label": RANDOM.choice(["no", "yes"], 120),
    }
    pandas.DataFrame(table).to_csv("people.csv", index=False)


def reviews() -> None:
    vectors = RANDOM.normal(size=(100, 32)).astype(np.float32)
    texts = [f"It was {row} times as good as the last one." for row in range(100)]
    table = {"embedding": list(vectors), "review": texts, "stars": RANDOM.integers(1, 6, 100)}
    pyarrow.parquet.write_table(pyarrow.table(table), "reviews.parquet")


def photos() -> None:
    Path("images").mkdir()
    files: list[str] = []
    for row in range(40):
        mode = ("RGB", "L", "P", "RGBA", "CMYK", "1")[row % 6]
        files.append(f"images/{row}.{'jpg' if mode == 'CMYK' else 'png'}")
        PIL.Image.fromarray(noise(40 + row, 50, 3)).convert(mode).save(files[-1])
    pandas.DataFrame({"file": files, "kind": ["cat", "dog"] * 20}).to_csv("photos.csv", index=False)


def scans() -> None:
    table = {"image": [png(row) for row in range(40)], "label": [row % 4 for row in range(40)]}
    pyarrow.parquet.write_table(pyarrow.table(table), "scans.parquet")


def animals() -> None:
    for part, first in (("train", 0), ("test", 100)):
        folder = Path("saved-animals") / part
        folder.mkdir(parents=True)
        images = [{"bytes": png(first + row), "path": None} for row in range(20)]
        table = pyarrow.table({"image": images, "label": [row % 2 for row in range(20)]})
        file = str(folder / "data-00000-of-00001.arrow")
        with pyarrow.OSFile(file, "wb") as sink, pyarrow.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        (folder / "state.json").write_text('{"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}')
        features = '{"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}'
        (folder / "dataset_info.json").write_text(features)
    Path("saved-animals/dataset_dict.json").write_text('{"splits": ["train", "test"]}')


def own() -> None:
    Path("own_data.py").write_text(
        "import torch\n"
        "from torch.utils.data import TensorDataset\n\n"
        "def train_and_test():\n"
        "    x, y = torch.rand(60, 3, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(60) % 3\n"
        "    return TensorDataset(x[:48], y[:48]), TensorDataset(x[48:], y[48:])\n"
    )


def fashion() -> None:
    if not FASHION_MNIST.is_dir():
        pytest.skip("dataset-fashion-mnist is not installed")


def pets() -> None:
    for kind in ("cat", "dog"):
        folder = Path("pets") / kind
        folder.mkdir(parents=True)
        for number in range(30):
            PIL.Image.fromarray(noise(40, 36 + number, 3)).save(folder / f"{number}.jpg")
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    PIL.Image.fromarray(noise(50, 40, 3)).save("pets/cat/0.jpg", exif=exif)
    frames = [PIL.Image.fromarray(noise(50, 40, 3)) for _ in range(3)]
    frames[0].save("pets/cat/moving.gif", save_all=True, append_images=frames[1:])
    PIL.Image.fromarray(noise(50, 40, 4)).save("pets/dog/see through.png")
    Path("pets/dog/half.jpg").write_bytes(Path("pets/dog/1.jpg").read_bytes()[:900])
    Path("pets/dog/Thumbs.db").touch()


def flowers() -> None:
    for kind in ("aster", "rose"):
        (Path("flowers") / kind).mkdir(parents=True)
        for number in range(12):
            PIL.Image.fromarray(noise(8, 8, 3)).save(f"flowers/{kind}/{number}.png")


def thousand() -> None:
    np.savez("thousand.npz", x_train=noise(5000, 8, 8), y_train=np.arange(5000) % 1000)


PREPARE: dict[str, Callable[[], object]] = {
    "Arrays of images": digits,
    "A dataset of scikit-learn": lambda: None,
    "A table with numbers and texts": people,
    "Embeddings with their texts": reviews,
    "A list of image files": photos,
    "Parquet with the bytes of images": scans,
    "A Hugging Face dataset": animals,
    "A PyTorch dataset": own,
    "Fashion-MNIST": fashion,
    "A folder with odd files": pets,
    "No test part": flowers,
    "A thousand classes": thousand,
}
EXPECTED = {
    "Arrays of images": ("images", 1438, 359, 10),
    "A dataset of scikit-learn": ("features", 456, 113, 2),
    "A table with numbers and texts": ("features", 120, 0, 2),
    "Embeddings with their texts": ("features", 90, 10, 5),
    "A list of image files": ("images", 40, 0, 2),
    "Parquet with the bytes of images": ("images", 40, 0, 4),
    "A Hugging Face dataset": ("images", 20, 20, 2),
    "A PyTorch dataset": ("images", 48, 12, 3),
    "Fashion-MNIST": ("images", 60_000, 10_000, 10),
    "A folder with odd files": ("images", 50, 12, 2),
    "No test part": ("images", 24, 0, 2),
    "A thousand classes": ("images", 5000, 0, 1000),
}


def test_the_page_has_the_twelve():
    assert [one.title for one in examples()] == list(PREPARE)


@pytest.mark.parametrize("example", examples(), ids=[one.title for one in examples()])
def test_the_lines_of_the_page_run_as_they_are_printed(
    example: Example,
    home: Path,
    memscore: Callable[..., Outcome],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
):
    monkeypatch.chdir(tmp_path_factory.mktemp("data"))
    monkeypatch.setattr(copies, "MOST_COMPARED", 100_000_000)
    PREPARE[example.title]()
    add, estimate = (shlex.split(command) for command in example.commands)
    outcome = memscore(*add[1:])
    assert outcome.status == 0, outcome.err
    assert estimate[:3] == ["memscore", "estimate", "--dataset"]
    assert outcome.out.startswith(f"Dataset {estimate[3]}: ")
    database = open_database(f"sqlite:///{home / 'memscore.db'}")
    with database.reading() as connection:
        added = open_dataset(home, by_name(connection, estimate[3]).fingerprint)
    database.close()
    kind, train, test, classes = EXPECTED[example.title]
    assert (added.kind, len(added.y_train), len(added.y_test), added.classes) == (kind, train, test, classes)
    in_python = run(example.python, monkeypatch)
    assert in_python.kind == kind
    assert in_python.classes == classes
    if example.title != "Embeddings with their texts":  # which are not split there
        assert in_python.fingerprint == added.fingerprint


def run(code: str, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """Run a page's Python, where `estimate` only reads the data, and return them."""

    def estimate(
        data: Any, labels: Any = None, *, test_share: float | None = None, columns: dict[str, Any] | None = None
    ) -> Dataset:
        options = SourceOptions(test_share=test_share)
        if isinstance(data, str):
            return datasets.load_source(data, options)
        return dataset_of(data, labels, options=options, columns=SampleColumns(columns or {}))

    monkeypatch.setattr(memscore, "estimate", estimate, raising=False)
    monkeypatch.syspath_prepend(".")
    monkeypatch.delitem(sys.modules, "own_data", raising=False)
    names: dict[str, Any] = {
        "memscore": memscore,
        "numpy": np,
        "pandas": pandas,
        "pathlib": pathlib,
        "PIL": PIL,
        "pyarrow": pyarrow,
        "sklearn": sklearn,
        "SourceOptions": SourceOptions,
        "load_source": datasets.load_source,
    }
    exec(code, names)
    return names["study"]
