"""Hugging Face datasets in a folder, written as its package writes them, and read without it."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from memscore.datasets import SourceOptions, load_source
from memscore.errors import InvalidDataset
from tests.memscore.datasets.hugging_face import NAMES, save, table
from tests.pictures import pixels


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A DatasetDict of 24 training rows in two shards and 6 test rows."""
    folder = tmp_path / "animals"
    save(folder / "train", table(12), table(12, first=12))
    save(folder / "test", table(6, first=100))
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    return folder


def load(folder: Path, **options: Any):
    return load_source(f"huggingface:{folder}", SourceOptions(**options))


def refusal(folder: Path, **options: Any) -> str:
    with pytest.raises(InvalidDataset) as error:
        load(folder, **options)
    assert "\n" not in str(error.value)
    return str(error.value).replace(str(folder), "DIR")


def test_a_saved_dataset_of_parts_is_read_with_class_names_and_columns(saved: Path):
    dataset = load(saved)
    assert dataset.class_names == tuple(NAMES)
    assert dataset.y_train.tolist() == [row % 3 for row in range(12)] * 2
    assert (dataset.x_train == np.stack([pixels(seed) for seed in range(24)])).all()
    assert (dataset.x_test == np.stack([pixels(100 + seed) for seed in range(6)])).all()
    assert dataset.columns.name_of("test", 2) == "102.png"
    assert dataset.columns.train["note"][13] == "note 13"
    assert dataset.source == "huggingface:animals"


def test_one_part_alone_has_no_test_part_or_a_share(saved: Path):
    assert load(saved / "train").x_test.shape == (0, 6, 5, 3)
    assert len(load(saved / "train", test_share=0.25).y_test) == 6
    assert "DIR has a test part" in refusal(saved, test_share=0.25)


@pytest.mark.parametrize(
    "files",
    [
        ("data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet", "data/test-00000-of-00001.parquet"),
        ("default/train/0000.parquet", "default/train/0001.parquet", "default/test/0000.parquet"),
        ("train_a.parquet", "train_b.parquet", "validation.parquet"),
    ],
)
def test_parquet_files_of_a_repository_are_the_same_dataset(saved: Path, tmp_path: Path, files: tuple[str, str, str]):
    folder = tmp_path / "training-data"  # the name of the folder itself says nothing
    for file, part in zip(files, (table(12), table(12, first=12), table(6, first=100)), strict=True):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(part, folder / file)
    dataset = load(folder)
    assert dataset.fingerprint == load(saved).fingerprint
    assert dataset.class_names == tuple(NAMES)


def test_class_names_of_which_no_sample_is_are_left_out(tmp_path: Path):
    save(tmp_path / "few", table(12, label=[0, 2] * 6))
    dataset = load(tmp_path / "few")
    assert dataset.class_names == ("cat", "owl")
    assert dataset.y_train.tolist() == [0, 1] * 6
    save(tmp_path / "none", table(12, label=[-1] * 12))
    assert refusal(tmp_path / "none").startswith("The column 'label' has class numbers from -1 to -1, but there are 3")


def test_arrays_of_pixels_are_images(tmp_path: Path):
    values = np.random.default_rng(0).integers(0, 256, (12, 5, 4)).astype(np.uint8)
    metadata = {"ARROW:extension:name": "datasets.features.features.Array2DExtensionType"}
    kind = pa.list_(pa.list_(pa.uint8()))
    schema = pa.schema([pa.field("pixels", kind, metadata=metadata), pa.field("label", pa.string())])
    save(tmp_path / "a", pa.table([pa.array(values.tolist(), kind), pa.array(["a", "b"] * 6)], schema=schema))
    assert (load(tmp_path / "a").x_train[..., 0] == values).all()


def test_what_is_no_saved_dataset_is_refused(saved: Path, tmp_path: Path):
    assert refusal(tmp_path / "nowhere").startswith("There is no folder DIR;")
    (tmp_path / "empty").mkdir()
    assert refusal(tmp_path / "empty").startswith("There is neither a saved dataset nor a Parquet file in DIR;")
    file = saved / "train" / "data-00001-of-00002.arrow"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert refusal(saved).startswith("DIR/train/data-00001-of-00002.arrow cannot be read as Arrow (")
    file.unlink()
    assert refusal(saved).startswith("DIR/train/data-00001-of-00002.arrow cannot be read as Arrow (No such file")
    (saved / "train" / "state.json").write_text('{"_data_files": [{"filename": "../test/data-00000-of-00001.arrow"}]}')
    assert refusal(saved).startswith("DIR/train/state.json names files of another folder;")
    (saved / "train" / "state.json").write_text("[1")
    assert refusal(saved).startswith("DIR/train/state.json cannot be read (")
    (saved / "dataset_dict.json").write_text('{"splits": ["test"]}')
    assert refusal(saved) == "DIR has no part train, only test; give the folder of one of them."


def test_parts_with_different_columns_are_refused(saved: Path):
    shutil.rmtree(saved / "test")
    save(saved / "test", table(6, label=["cat", "dog", "owl"] * 2))
    assert refusal(saved).startswith("The parts of DIR have different columns (")
