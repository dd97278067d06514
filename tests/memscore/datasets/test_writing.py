"""Datasets written in each layout are read again as they were, with the labels that were changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest
from PIL import Image

from memscore.datasets import load_source
from memscore.datasets.columns import SampleColumns
from memscore.datasets.dataset import Dataset, build_dataset
from memscore.datasets.writing import changed, layout_of, read_changes, write_dataset
from memscore.errors import InvalidDataset, InvalidInput
from tests.conftest import make_dataset


def with_columns(dataset: Dataset) -> Dataset:
    counts = len(dataset.y_train), len(dataset.y_test)
    parts = [
        {"id": np.array([f"{part}{one}" for one in range(count)])} for part, count in zip("ab", counts, strict=True)
    ]
    return replace(dataset, columns=SampleColumns(*parts), class_names=("cat", "dog", "owl"))


def features(missing: bool = False, test: int = 20) -> tuple[Dataset, np.ndarray]:
    random = np.random.default_rng(0)
    raw = (random.normal(size=(60 + test, 4)) * [1, 10, 0.1, 3] + [0, 5, 1, 2]).astype(np.float32)
    if missing:
        raw[random.random(len(raw)) < 0.7, 2] = np.nan
    raw = np.insert(raw, 1, 7.0, axis=1)  # a constant column
    y = np.arange(60 + test) % 3
    made = build_dataset(raw[:60], y[:60], *((raw[60:], y[60:]) if test else ()), source="made up")
    return made, np.delete(raw, 1, axis=1)


def test_images_as_arrays(tmp_path: Path):
    dataset = with_columns(make_dataset())
    again = load_source(f"npz:{write_dataset(dataset, tmp_path / 'some.npz')}")
    assert again.fingerprint == dataset.fingerprint
    assert again.class_names == dataset.class_names
    assert again.columns.name_of("test", 3) == "b3"


def test_images_as_folders(tmp_path: Path):
    dataset = with_columns(make_dataset())
    again = load_source(f"folder:{write_dataset(dataset, tmp_path / 'some')}")
    order = np.argsort(dataset.y_train, kind="stable")
    assert (again.x_train == dataset.x_train[order]).all()
    assert (again.y_train == dataset.y_train[order]).all()
    assert again.class_names == dataset.class_names
    assert len(again.y_test) == len(dataset.y_test)
    assert [one.name for one in tmp_path.iterdir()] == ["some"], "nothing else is left"


@pytest.mark.parametrize("layout", ["csv", "parquet", "npz"])
def test_features_are_written_as_they_were(tmp_path: Path, layout: str):
    dataset, raw = features()
    path = write_dataset(dataset, tmp_path / f"some.{layout}")
    if layout == "npz":
        with np.load(path) as file:
            written = file["x_train"]
    else:
        read = pyarrow.csv.read_csv if layout == "csv" else pyarrow.parquet.read_table
        table = read(path)
        assert table.column_names == ["feature_0", "feature_2", "feature_3", "feature_4", "label", "split"]
        assert table["split"].to_pylist() == ["train"] * 60 + ["test"] * 20
        assert [str(one) for one in table["label"].to_pylist()[:4]] == ["0", "1", "2", "0"]
        written = np.stack([table[name].to_numpy() for name in table.column_names[:4]], axis=1)[:60]
    assert written == pytest.approx(raw[:60], rel=1e-5, abs=1e-5)


def test_missing_values_are_missing_again(tmp_path: Path):
    dataset, raw = features(missing=True)
    with np.load(write_dataset(dataset, tmp_path / "some.npz")) as file:
        written = file["x_train"]
    assert (np.isnan(written) == np.isnan(raw[:60])).all()
    assert np.nan_to_num(written) == pytest.approx(np.nan_to_num(raw[:60]), rel=1e-5, abs=1e-5)
    assert load_source(f"npz:{tmp_path / 'some.npz'}").x_train == pytest.approx(dataset.x_train, abs=1e-4)


def test_without_a_test_part_none_is_written(tmp_path: Path):
    dataset, _ = features(test=0)
    with np.load(write_dataset(dataset, tmp_path / "some.npz")) as file:
        assert "x_test" not in file
    table = pyarrow.csv.read_csv(write_dataset(dataset, tmp_path / "some.csv"))
    assert set(table["split"].to_pylist()) == {"train"}


def test_images_in_rows_are_png(tmp_path: Path):
    dataset = with_columns(make_dataset())
    table = pyarrow.parquet.read_table(write_dataset(dataset, tmp_path / "some.parquet"))
    assert table.column_names == ["id", "image", "label", "split"]
    (tmp_path / "one.png").write_bytes(table["image"][5].as_py())
    assert (np.asarray(Image.open(tmp_path / "one.png")) == dataset.x_train[5, :, :, 0]).all()
    assert table["label"][5].as_py() == "owl"


def test_labels_change_by_name_or_number_and_samples_are_left_out():
    dataset = with_columns(make_dataset())
    better = changed(dataset, {0: "owl", 1: 0, 2: None})
    assert better.y_train[:3].tolist() == [2, 0, 0]
    assert len(better.y_train) == len(better.x_train) == 59
    assert better.columns.name_of("train", 2) == "a3"
    assert dataset.y_train[0] == 0, "the original is unchanged"
    assert changed(dataset, {0: "2"}).y_train[0] == 2


@pytest.mark.parametrize(
    ("changes", "kind", "said"),
    [
        ({60: 1}, InvalidInput, "There is no training sample 60"),
        ({-1: 1}, InvalidInput, "There is no training sample -1"),
        ({0: "cow"}, InvalidInput, "There is no class 'cow'; the first are: cat, dog, owl"),
        ({0: 3}, InvalidInput, "There is no class 3"),
        ({0: -1}, InvalidInput, "There is no class -1"),
        (dict.fromkeys(range(0, 60, 3)), InvalidDataset, "No training sample of class 'cat' would be left"),
    ],
)
def test_changes_that_cannot_be(changes: dict[int, int | str | None], kind: type[Exception], said: str):
    with pytest.raises(kind, match=said):
        changed(with_columns(make_dataset()), changes)


@pytest.mark.parametrize(
    ("name", "said"),
    [("some.csv", "cannot hold images"), ("some.txt", "is no layout"), ("there.npz", "exists; choose another path")],
)
def test_what_cannot_be_written_leaves_nothing(tmp_path: Path, name: str, said: str):
    (tmp_path / "there.npz").write_text("mine")
    with pytest.raises(InvalidInput, match=said):
        write_dataset(make_dataset(), tmp_path / name)
    assert (tmp_path / "there.npz").read_text() == "mine"
    assert [one.name for one in tmp_path.iterdir()] == ["there.npz"]
    with pytest.raises(InvalidInput, match="A folder cannot hold features"):
        write_dataset(features()[0], tmp_path / "folder")
    two_channels = replace(make_dataset(), x_train=np.zeros((60, 4, 4, 2), np.uint8))
    with pytest.raises(InvalidInput, match="2 channels cannot be written as PNG"):
        write_dataset(two_channels, tmp_path / "folder")
    assert [one.name for one in tmp_path.iterdir()] == ["there.npz"]


def test_files_keep_their_names_in_their_class(tmp_path: Path):
    dataset = make_dataset()
    names = ["ant", "bee", "cat"]
    files = np.array([f"train/{names[row % 3]}/img {row // 3}.jpg" for row in range(60)])
    files[3] = "train/ant/IMG 0.tiff"  # as the first one, but for its suffix and case
    files[6] = "train/ant/....jpg"
    named = replace(dataset, class_names=tuple(names), columns=SampleColumns({"file": files}))
    path = write_dataset(changed(named, {1: "ant", 4: None}), tmp_path / "some")
    ants = {one.name for one in (path / "train" / "ant").iterdir()}
    assert {"img 0.png", "img 0-2.png", "IMG 0-3.png", "05.png", "img 3.png", "img 19.png"} <= ants
    assert len(ants) == 21
    bees = sorted(one.name for one in (path / "train" / "bee").iterdir())
    assert bees == sorted(f"img {place}.png" for place in range(2, 20))
    assert (path / "test" / "cat").is_dir()
    assert len(list(path.rglob("*.png"))) == 59 + 20


def test_hostile_names_stay_in_their_folder(tmp_path: Path):
    dataset = make_dataset()
    files = np.array(["../../escape.png", *(f"{one}.jpg" for one in range(1, 60))])
    columns = SampleColumns({"file": files}, {"file": np.array([f"t{one}" for one in range(20)])})
    hostile = replace(dataset, class_names=("../up", "/root", "a/b"), columns=columns)
    path = write_dataset(hostile, tmp_path / "inner" / "some")
    assert sorted(one.name for one in (path / "train").iterdir()) == ["_root", "_up", "a_b"]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["inner"]
    same = write_dataset(replace(hostile, class_names=("a", "A", "b")), tmp_path / "other")
    assert sorted(one.name for one in (same / "train").iterdir()) == ["0-a", "1-A", "2-b"]


@pytest.mark.parametrize(("name", "layout"), [("a", "folder"), ("a.v2", "folder"), ("A.NPZ", "npz"), ("a.csv", "csv")])
def test_the_suffix_names_the_layout(name: str, layout: str):
    assert layout_of(Path(name)) == layout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n", "must begin with a header line"),
        ("index,label\nx,1\n", "line 2: the index 'x' is not a whole number"),
        ("index,label\n1,a\n1,b\n", "line 3: sample 1 has a label above already"),
    ],
)
def test_wrong_changes_name_their_line(tmp_path: Path, text: str, said: str):
    file = tmp_path / "changes.csv"
    file.write_text(text)
    with pytest.raises(InvalidInput, match=said):
        read_changes(file)
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_changes(tmp_path / "nothing.csv")


def test_changes_are_read(tmp_path: Path):
    file = tmp_path / "changes.csv"
    file.write_text("\ufeffindex,label,why\n3,cat,\n4, ,a blur\n5,2,\n")
    assert read_changes(file) == {3: "cat", 4: None, 5: "2"}


def test_rows_of_a_table_are_written_with_its_own_columns(tmp_path: Path):
    random = np.random.default_rng(1)
    lines = ["size,colour,label"]
    lines += [f"{random.normal(5, 2):.3f},{('red', 'blue')[one % 2]},{('a', 'b')[one % 3 > 0]}" for one in range(60)]
    source = tmp_path / "fruit.csv"
    source.write_text("\n".join(lines) + "\n")
    before = load_source(f"csv:{source}")
    write_dataset(before, tmp_path / "again.csv")
    again = load_source(f"csv:{tmp_path / 'again.csv'}")
    assert "feature_0" not in (tmp_path / "again.csv").read_text()
    np.testing.assert_allclose(again.x_train, before.x_train, atol=1e-5)
    np.testing.assert_array_equal(again.y_train, before.y_train)


def test_suspects_are_changes_by_their_suggestions(tmp_path: Path):
    listed = tmp_path / "suspects.csv"
    listed.write_text(
        "index,label,mem,label_error,suggested,share\n4,2,1.0,0.9,0,0.8\n7,1,0.5,0.1,,\n9,1,0.5,0.1,-1,\n"
    )
    assert read_changes(listed) == {4: "0"}
