"""Datasets: what is accepted, what is refused and how, what is kept."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memscore.datasets import SourceOptions, build_dataset, load_source
from memscore.datasets.columns import SampleColumns
from memscore.datasets.label_noise import flip_labels
from memscore.datasets.storage import open_dataset, save
from memscore.errors import Damaged, InvalidDataset, InvalidInput, NotFound, StoreError
from tests.conftest import make_dataset


def test_digits_are_the_1797_real_images_in_a_fixed_split():
    digits = load_source("digits")
    assert digits.x_train.shape == (1437, 8, 8, 1)
    assert digits.x_test.shape == (360, 8, 8, 1)
    assert digits.classes == 10
    assert digits.fingerprint == "5639816c9da539f217ec29b347b5ed46afc2cb4edb9eb5f1ec6ca85815cfd5d4"


def test_every_image_and_label_counts_in_the_fingerprint():
    dataset = make_dataset()
    x, y = dataset.x_train.copy(), dataset.y_test.copy()
    x[3, 0, 0, 0] ^= 1
    y[[0, 1]] = y[[1, 0]]
    fingerprints = {one.fingerprint for one in (dataset, replace(dataset, x_train=x), replace(dataset, y_test=y))}
    assert len(fingerprints) == 3
    assert replace(dataset, source="elsewhere").fingerprint == dataset.fingerprint


def good() -> dict[str, np.ndarray]:
    return {
        "x_train": np.zeros((12, 4, 4), np.uint8),
        "y_train": np.arange(12) % 3,
        "x_test": np.zeros((6, 4, 4), np.uint8),
        "y_test": np.arange(6) % 3,
    }


def write(path: Path, **changes: np.ndarray | None) -> str:
    arrays = {name: value for name, value in {**good(), **changes}.items() if value is not None}
    np.savez(path, **arrays)
    return f"npz:{path}"


def test_npz_without_channels_gets_one_and_names_are_kept(tmp_path: Path):
    dataset = load_source(write(tmp_path / "d.npz", class_names=np.array(["a", "b", "c"])))
    assert dataset.x_train.shape == (12, 4, 4, 1)
    assert dataset.class_names == ("a", "b", "c")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"y_test": None}, "lacks y_test"),
        ({"x_train": None, "x_test": None}, "lacks x_train, x_test"),
        ({"x_test": None}, "lacks x_test"),
        ({"x_train": np.zeros((12, 4, 4), "U1")}, "x_train has dtype <U1; images must be uint8"),
        ({"x_train": np.zeros((12, 4), np.uint8)}, "x_train has samples of shape (4,) and x_test of (4, 4)"),
        ({"x_train": np.zeros((0, 4, 4), np.uint8)}, "x_train has shape"),
        ({"x_test": np.zeros((6, 5, 4), np.uint8)}, "give both the same shape"),
        ({"y_train": np.arange(11) % 3}, "one label per sample"),
        ({"y_train": (np.arange(12) % 3).astype(float)}, "y_train has dtype float64"),
        ({"y_train": np.arange(12) % 3 - 1}, "y_train has labels from -1"),
        ({"y_test": np.full(6, 3)}, "y_test has labels from 3 to 3; with 3 classes they must lie in 0..2"),
        ({"class_names": np.array(["cat", "dog", "cat"])}, "Classes 0 and 2 are both named 'cat'; give each its own"),
        ({"class_names": np.array(["cat", "", "dog"])}, "The name of class 1 is empty; give each class a name"),
        ({"class_names": np.array(["cat", " \u2003 ", "dog"])}, "The name of class 1 is empty"),
        ({"class_names": np.array(["cat", "a\ndog", "c"])}, r"The class name 'a\ndog' has a line break"),
        ({"class_names": np.array(["cat\n", "dog", "c"])}, "has a line break; give the class another name"),
        ({"class_names": np.array(["cat", "dog", "a\u2028b"])}, "has a line break"),
        ({"y_train": np.arange(12) % 2, "class_names": np.array(["a", "b", "c"])}, "No training sample has label 2"),
        ({"text_train": np.array(["a", "b"])}, "The column 'text' of the train samples has shape (2,)"),
        ({"y_train": np.zeros(12, int), "y_test": np.zeros(6, int)}, "two classes are needed"),
        ({"x_train": np.zeros((9, 4, 4), np.uint8), "y_train": np.arange(9) % 3}, "at least 10 samples"),
        ({"y_train": np.array([{}] * 12, dtype=object)}, "not a readable .npz file of plain arrays"),
    ],
)
def test_unusable_npz_is_refused_with_a_sentence(tmp_path: Path, changes: dict[str, np.ndarray | None], sentence: str):
    source = write(tmp_path / "d.npz", **changes)
    with pytest.raises(InvalidDataset) as error:
        load_source(source)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"text", b"\x93NUMPY\x01\x00"])
def test_a_file_that_is_no_npz_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "d.npz").write_bytes(content)
    with pytest.raises(InvalidDataset, match="not a readable"):
        load_source(f"npz:{tmp_path / 'd.npz'}")


def test_a_truncated_npz_is_refused(tmp_path: Path):
    write(tmp_path / "d.npz")
    whole = (tmp_path / "d.npz").read_bytes()
    for length in range(0, len(whole), 97):
        (tmp_path / "d.npz").write_bytes(whole[:length])
        with pytest.raises(InvalidDataset):
            load_source(f"npz:{tmp_path / 'd.npz'}")


def test_a_missing_file_and_an_unknown_source_are_refused():
    with pytest.raises(InvalidDataset, match="There is no file"):
        load_source("npz:/nowhere/d.npz")
    with pytest.raises(InvalidDataset, match="There is no file"):
        load_source("npz:/tmp")
    with pytest.raises(NotFound, match=r"the sources are: cifar10, .*, digits, .*, folder:DIR, .*, npz:FILE, .*"):
        load_source("imagenet")


def test_the_bare_path_of_data_is_answered_by_the_source_that_was_meant(tmp_path: Path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "state.json").touch()
    for file in ("a.csv", "b.npz", "c.parquet", "notes.txt"):
        (tmp_path / file).touch()
    for path, kind in (("photos", "folder"), ("saved", "huggingface"), ("a.csv", "csv"), ("c.parquet", "parquet")):
        with pytest.raises(NotFound) as error:
            load_source(str(tmp_path / path))
        assert str(error.value).endswith(f"; did you mean {kind}:{tmp_path / path}?")
    with pytest.raises(NotFound, match="the sources are"):
        load_source(str(tmp_path / "notes.txt"))


@pytest.mark.parametrize(
    ("source", "options", "sentence"),
    [
        ("digits", {"root": Path()}, "--root does not apply to the source digits; its options: none."),
        ("npz:d.npz", {"classes": 2}, "--classes does not apply to the source npz:FILE; its options: --test-share."),
        ("mnist", {"resize": 32}, "--resize does not apply to the source mnist; its options: --root, --cla"),
        ("tiny_imagenet", {"test_share": 0.1}, "--test-share does not apply"),
        ("folder:x", {"root": Path()}, "--root does not apply to the source folder:DIR"),
    ],
)
def test_an_option_that_does_not_apply_is_refused(source: str, options: dict[str, Any], sentence: str):
    with pytest.raises(InvalidInput) as error:
        load_source(source, SourceOptions(**options))
    assert str(error.value).startswith(sentence)


@pytest.mark.parametrize(
    "options", [{"classes": 1}, {"resize": 0}, {"resize": 5000}, {"test_share": 0.0}, {"test_share": 1.0}]
)
def test_an_impossible_value_of_an_option_is_refused(options: dict[str, Any]):
    with pytest.raises(InvalidInput, match="must"):
        SourceOptions(**options)


def test_other_types_are_refused():
    for name, said in (("resize", "a whole number"), ("classes", "a whole number"), ("test_share", "a number")):
        wrong: dict[str, Any] = {name: "3"}
        with pytest.raises(InvalidInput, match=f"^{name} must be {said}, not '3'"):
            SourceOptions(**wrong)
    with pytest.raises(InvalidInput, match=r"^root must be a path, not 3"):
        SourceOptions(root=3)  # pyright: ignore[reportArgumentType]
    with pytest.raises(InvalidInput, match=r"^source must be text, not 3"):
        load_source(3)  # pyright: ignore[reportArgumentType]
    with pytest.raises(InvalidInput, match=r"^options must be a SourceOptions, not 3"):
        load_source("digits", 3)  # pyright: ignore[reportArgumentType]


def test_importing_the_datasets_imports_no_library_that_only_some_sources_need():
    heavy = "{'torch', 'torchvision', 'PIL', 'sklearn', 'rich', 'pandas', 'pyarrow'}"
    code = f"import sys, memscore.datasets; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_flipped_labels_are_remembered_and_depend_on_the_seed_alone():
    digits = load_source("digits")
    noisy = flip_labels(digits, 0.1, 0)
    assert noisy.flipped.sum() == 144
    assert (noisy.y_train != digits.y_train).sum() == 144
    assert set(np.unique(noisy.y_train)) == set(range(10))
    assert noisy.fingerprint == flip_labels(digits, 0.1, 0).fingerprint
    assert noisy.fingerprint != flip_labels(digits, 0.1, 1).fingerprint
    steps = (noisy.y_train - digits.y_train)[noisy.flipped] % 10
    assert np.bincount(steps, minlength=10)[1:].min() > 3  # to every other class


@pytest.mark.parametrize("share", [0, 1, -0.5, 2])
def test_an_impossible_share_of_flips_is_refused(share: float):
    with pytest.raises(InvalidInput, match="between 0 and 1"):
        flip_labels(make_dataset(), share, 0)


def test_a_stored_dataset_is_mapped_and_the_same(home: Path):
    noisy = flip_labels(make_dataset(), 0.2, 0)
    fingerprint = save(noisy, home)
    assert save(noisy, home) == fingerprint
    opened = open_dataset(home, fingerprint)
    assert isinstance(opened.x_train, np.memmap)
    assert not opened.x_train.flags.writeable
    assert opened.fingerprint == fingerprint
    assert (opened.flipped == noisy.flipped).all()
    assert [path.name for path in (home / "datasets").iterdir()] == [fingerprint]


def test_a_write_that_fails_leaves_nothing(home: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", fail)
    with pytest.raises(StoreError, match="No space left on device"):
        save(make_dataset(), home)
    assert list((home / "datasets").iterdir()) == []


def test_missing_or_damaged_files_are_named(home: Path):
    with pytest.raises(NotFound, match="add the dataset again"):
        open_dataset(home, "0" * 64)
    fingerprint = save(make_dataset(), home)
    (home / "datasets" / fingerprint / "y_test.npy").write_bytes(b"x")
    with pytest.raises(Damaged, match="cannot be read"):
        open_dataset(home, fingerprint)


def test_an_npz_file_of_features_with_columns_and_no_test_part(tmp_path: Path, home: Path):
    x = np.random.default_rng(0).normal(size=(20, 5))
    np.savez(
        tmp_path / "d.npz",
        x_train=x,
        y_train=np.array(["cat", "ant"])[np.arange(20) % 2],
        id_train=np.arange(20) + 100,
        text_train=[f"sentence {i} <b>" for i in range(20)],
    )
    dataset = load_source(f"npz:{tmp_path / 'd.npz'}")
    assert dataset.kind == "features"
    assert dataset.class_names == ("ant", "cat")
    opened = open_dataset(home, save(dataset, home))
    assert opened.fingerprint == dataset.fingerprint
    assert opened.x_test.shape == (0, 5)
    assert opened.columns.name_of("train", 3) == "103"
    assert opened.columns.train["text"].tolist() == dataset.columns.train["text"].tolist()
    assert opened.notes == dataset.notes
    assert opened.scaling is not None
    np.testing.assert_array_equal(opened.scaling.transform(x), dataset.x_train)


def test_a_share_of_each_class_becomes_the_test_part_with_its_columns():
    x = np.random.default_rng(0).normal(size=(100, 4))
    labels = np.arange(100) % 4
    columns = SampleColumns({"id": np.arange(100).astype(str)})
    dataset = build_dataset(x, labels, source="made", columns=columns, test_share=0.2)
    assert np.bincount(dataset.y_test).tolist() == [5, 5, 5, 5]
    assert (labels[dataset.columns.test["id"].astype(int)] == dataset.y_test).all()
    assert (labels[dataset.columns.train["id"].astype(int)] == dataset.y_train).all()
    assert "20 of 100 samples, 0.2 of each class, became the test part." in dataset.notes
    again = build_dataset(x, labels, source="made", columns=columns, test_share=0.2)
    assert again.fingerprint == dataset.fingerprint
    assert build_dataset(x, labels, source="made", test_share=0.2, seed=1).fingerprint != dataset.fingerprint


def test_a_stored_dataset_without_columns_has_none(home: Path):
    columns = open_dataset(home, save(make_dataset(), home)).columns
    assert "text" not in columns.train
    assert columns.train.get("text") is None
    assert columns.name_of("train", 3) == "train 3"


def test_columns_given_later_are_added_to_a_stored_dataset(home: Path):
    """A dataset stored by an earlier version has no names; adding it again brings them, and no add takes them away."""
    plain = make_dataset()
    fingerprint = save(plain, home)
    named = replace(plain, columns=SampleColumns({"file": np.array([f"{i}.png" for i in range(len(plain.y_train))])}))
    save(named, home)
    assert open_dataset(home, fingerprint).columns.name_of("train", 4) == "4.png"
    save(replace(plain, notes=("Nothing was changed.",)), home)
    opened = open_dataset(home, fingerprint)
    assert opened.columns.name_of("train", 4) == "4.png"
    assert opened.columns.name_of("test", 4) == "test 4"
    assert opened.notes == ("Nothing was changed.",)
    assert [path.name for path in (home / "datasets").iterdir()] == [fingerprint]


@pytest.mark.parametrize("damage", [b"x", None])
def test_damaged_columns_are_named_when_they_are_read(home: Path, damage: bytes | None):
    plain = make_dataset()
    named = replace(plain, columns=SampleColumns({"text": np.array(["a"] * len(plain.y_train))}))
    folder = home / "datasets" / save(named, home)
    if damage is None:
        (folder / "columns-train.parquet").unlink()
    else:
        (folder / "columns-train.parquet").write_bytes(damage)
    opened = open_dataset(home, folder.name)
    assert (opened.x_train == plain.x_train).all()  # whoever needs no columns may continue
    with pytest.raises(Damaged, match="cannot be read"):
        _ = opened.columns.train["text"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"x_test": np.zeros((2, 4, 4), np.uint8)}, "There is x_test but no y_test"),
        ({"x_train": [[1, 2], [3]]}, "x_train is not an array: its rows differ"),
        ({"x_train": np.uint8(3)}, "x_train has shape (1,)"),
        ({"test_share": 1.5}, "must be between 0 and 1, not 1.5"),
        ({"test_share": 0.9}, "Only 3 samples would be left for training"),
        (
            {"x_test": np.zeros((2, 4, 4), np.uint8), "y_test": np.arange(2), "test_share": 0.2},
            "There is a test part; a share",
        ),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(arguments: dict[str, Any], sentence: str):
    given: dict[str, Any] = {"x_train": good()["x_train"], "y_train": good()["y_train"], **arguments}
    with pytest.raises(InvalidDataset) as error:
        build_dataset(given.pop("x_train"), given.pop("y_train"), source="made", **given)
    assert sentence in str(error.value)
