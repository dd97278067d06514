"""What a writer has reported as written is on the disk, whole and under its name; before, what was there is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from memscore.datasets.columns import SampleColumns
from memscore.datasets.dataset import Dataset
from memscore.datasets.official import OfficialFiles, locate
from memscore.datasets.options import SourceOptions
from memscore.datasets.storage import folder_of, open_dataset, save
from memscore.datasets.writing import write_dataset
from memscore.files import append_line, make_folder, place_folder, write_file
from memscore.settings import Settings
from memscore.store.pepper import pepper_of
from tests.conftest import StoredStudy, make_dataset
from tests.disk import Disk

Write = Callable[[Path], object]

DATASET = make_dataset()
NAMED = replace(DATASET, columns=SampleColumns({"id": np.arange(60).astype(str)}), notes=("Nothing was changed.",))


def damaged(dataset: Dataset, folder: Path, name: str = "x_train.npy") -> None:
    """A stored dataset with an array as a power cut left it before folders were synced."""
    save(dataset, folder)
    (folder_of(folder, dataset.fingerprint) / name).write_bytes(b"")


def download(folder: Path) -> Path:
    (folder / "a.gz").write_bytes(b"downloaded")
    return folder


DIGITS = OfficialFiles(
    "made", "made/raw", "a.gz", 1, lambda folder: [] if (folder / "a.gz").exists() else ["a.gz"], download
)

WRITERS: dict[str, tuple[Write, Write]] = {
    "a file in new folders": (lambda _: None, lambda base: write_file(base / "new" / "newer" / "file", b"content")),
    "a file that is replaced": (
        lambda base: write_file(base / "file", b"old"),
        lambda base: write_file(base / "file", b"new"),
    ),
    "a line": (lambda base: write_file(base / "file", b"old\n"), lambda base: append_line(base / "file", "new")),
    "a home": (lambda _: None, lambda base: Settings(home=base / "deep" / "home").prepare_home()),
    "a dataset": (lambda _: None, lambda base: save(DATASET, base)),
    "a dataset with columns": (lambda _: None, lambda base: save(NAMED, base)),
    "columns of a stored dataset": (lambda base: save(DATASET, base), lambda base: save(NAMED, base)),
    "a damaged dataset": (lambda base: damaged(DATASET, base), lambda base: save(DATASET, base)),
    "a pepper": (lambda _: None, lambda base: pepper_of(Settings(home=base))),
    "a download": (lambda _: None, lambda base: locate(DIGITS, SourceOptions(downloads=base / "downloads"))),
    "a dataset's npz file": (lambda _: None, lambda base: write_dataset(DATASET, base / "there" / "d.npz")),
    "a dataset's folder": (lambda _: None, lambda base: write_dataset(DATASET, base / "there" / "d")),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_what_is_written_is_on_the_disk(writer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    before, write = WRITERS[writer]
    base = tmp_path / "base"
    base.mkdir()
    before(base)
    disk = Disk(base, monkeypatch)
    write(base)
    assert disk.lost() == []
    assert disk.rash == []


COMMANDS = {
    "evidence": ("evidence", "export", "made-up"),
    "scores": ("scores", "export", "made-up"),
    "pairs": ("pairs", "export", "made-up"),
    "published scores": ("scores", "export", "made-up", "--format", "feldman-zhang"),
    "sets": ("sets", "made-up"),
    "an image": ("datasets", "image", "made-up", "train", "0"),
    "a dataset": ("datasets", "export", "made-up"),
    "a report": ("report", "made-up"),
}


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("command", COMMANDS)
def test_what_a_command_replaces_is_on_the_disk_before_the_old_is_gone(
    command: str, memscore, embedded: StoredStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    base = tmp_path / "base"
    base.mkdir()
    output = base / {"an image": "a.png", "a report": "a.html"}.get(command, "a.npz")
    if command != "a dataset":  # which never replaces a file
        output.write_bytes(b"old")
    disk = Disk(base, monkeypatch)
    assert memscore(*COMMANDS[command], "-o", str(output)).status == 0
    assert output.stat().st_size > 3
    assert disk.lost() == []
    assert disk.rash == []


def test_the_test_sees_what_is_not_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "scratch").mkdir()
    (tmp_path / "kept").write_text("old")
    disk = Disk(tmp_path, monkeypatch)
    (tmp_path / "scratch" / "a").write_text("a")
    (tmp_path / "kept").write_text("new")
    (tmp_path / "scratch").rename(tmp_path / "folder")
    assert disk.lost() == ["folder", "folder/a", "kept"]
    assert disk.rash == ["folder"]


def test_a_folder_is_placed_whole_or_not_at_all(tmp_path: Path):
    for name in ("scratch", "taken"):
        write_file(tmp_path / name / "deep" / "file", name.encode())
    with pytest.raises(OSError, match="not empty"):
        place_folder(tmp_path / "scratch", tmp_path / "taken")
    assert (tmp_path / "taken" / "deep" / "file").read_text() == "taken"
    place_folder(tmp_path / "scratch", tmp_path / "free")
    assert (tmp_path / "free" / "deep" / "file").read_text() == "scratch"


def test_a_folder_cannot_be_made_where_a_file_is(tmp_path: Path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(NotADirectoryError):
            make_folder(path)


def damages(folder: Path) -> Iterator[Callable[[], object]]:
    """Ways in which a stored dataset can be spoilt."""
    for file in sorted(folder.iterdir()):
        whole = file.read_bytes()
        yield lambda file=file: file.write_bytes(b"")
        yield lambda file=file, whole=whole: file.write_bytes(whole[: len(whole) // 2])
        yield lambda file=file: file.unlink()
    images = np.load(folder / "x_train.npy")
    images[0, 0, 0] ^= 1
    yield lambda: np.save(folder / "x_train.npy", images)
    yield lambda: np.save(folder / "clean_labels.npy", np.zeros(len(DATASET.y_train), np.int64))


def test_adding_a_dataset_again_repairs_whatever_is_damaged(tmp_path: Path):
    dataset = replace(NAMED, clean_labels=(DATASET.y_train + 1) % 3)
    fingerprint = save(dataset, tmp_path)
    folder = folder_of(tmp_path, fingerprint)
    tried = 0
    for damage in damages(folder):
        damage()
        assert save(dataset, tmp_path) == fingerprint
        opened = open_dataset(tmp_path, fingerprint)
        assert opened.fingerprint == fingerprint
        assert opened.columns.train["id"].tolist() == dataset.columns.train["id"].tolist()
        assert opened.notes == dataset.notes
        np.testing.assert_array_equal(opened.clean_labels, dataset.clean_labels)
        assert [path.name for path in folder.parent.iterdir()] == [fingerprint]
        tried += 1
    assert tried == 3 * 7 + 2, "five arrays, the columns of the training part, and the description"


def test_a_repair_keeps_what_the_damaged_dataset_can_still_tell(tmp_path: Path):
    fingerprint = save(NAMED, tmp_path)
    folder = folder_of(tmp_path, fingerprint)
    images = np.load(folder / "x_train.npy")
    images[0, 0, 0] ^= 1
    np.save(folder / "x_train.npy", images)
    save(DATASET, tmp_path)
    opened = open_dataset(tmp_path, fingerprint)
    assert opened.fingerprint == fingerprint
    assert opened.columns.train["id"].tolist() == NAMED.columns.train["id"].tolist()
    assert opened.notes == NAMED.notes


def test_a_whole_dataset_is_not_written_again(tmp_path: Path):
    folder = folder_of(tmp_path, save(DATASET, tmp_path))
    numbers = [file.stat().st_ino for file in sorted(folder.iterdir())]
    save(DATASET, tmp_path)
    assert [file.stat().st_ino for file in sorted(folder.iterdir())] == numbers


def test_the_command_that_added_a_dataset_repairs_it(memscore, home: Path):
    assert memscore("datasets", "add", "digits").status == 0
    (folder,) = (home / "datasets").iterdir()
    for file in folder.iterdir():
        file.write_bytes(b"")  # what XFS and ext4 leave of files that nobody synced
    found = json.loads(memscore("db", "check", "--json").out)["findings"]
    assert [one["remedy"] for one in found] == ["add the dataset again: memscore datasets add digits"]
    assert memscore("datasets", "add", "digits").status == 0
    assert memscore("db", "check").status == 0
