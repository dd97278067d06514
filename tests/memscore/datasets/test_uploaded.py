"""Datasets that arrive as a file: archives are unpacked with care, tables read nothing outside themselves."""

from __future__ import annotations

import errno
import io
import os
import stat
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from memscore.datasets.uploaded import load_uploaded
from memscore.errors import InvalidDataset, MemscoreError, StoreError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where uploads are unpacked; a test sees what is left there."""
    made = tmp_path / "temporary"
    made.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(made))
    return made


def picture(value: int) -> bytes:
    held = io.BytesIO()
    Image.fromarray(np.full((6, 5, 3), value, np.uint8)).save(held, "PNG")
    return held.getvalue()


def archive(files: dict[str, bytes], *, links: frozenset[str] = frozenset()) -> io.BytesIO:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            if name in links:
                entry.external_attr = (stat.S_IFLNK | 0o777) << 16
            made.writestr(entry, content, zipfile.ZIP_DEFLATED)
    held.seek(0)
    return held


def classes(prefix: str = "") -> dict[str, bytes]:
    return {f"{prefix}{name}/{n}.png": picture(n) for name in ("cat", "dog") for n in range(6)}


@pytest.mark.parametrize("prefix", ["", "photos/", "a/b/", "photos/train/"])
def test_an_archive_has_the_layouts_of_a_folder(prefix: str, folder: Path):
    inside = {**classes(prefix), "__MACOSX/._x": b"", ".DS_Store": b""}
    dataset = load_uploaded(archive(inside), "zip", name="pets")
    assert dataset.class_names == ("cat", "dog")
    assert dataset.x_train.shape == (12, 6, 5, 3)
    assert str(folder) not in dataset.source
    assert list(folder.iterdir()) == [], "nothing of it stays"


@pytest.mark.parametrize("name", ["../evil.png", "/etc/evil.png", "cat/../../evil.png", "..\\evil.png"])
def test_an_archive_cannot_write_outside_its_folder(name: str, folder: Path):
    with pytest.raises(InvalidDataset, match="leads out of it"):
        load_uploaded(archive({**classes(), name: picture(0)}), "zip")
    assert list(folder.iterdir()) == []
    assert not list(folder.parent.rglob("evil.png"))


def test_an_archive_cannot_lead_out_by_a_link():
    linked = archive({**classes(), "cat/x.png": b"/etc/passwd"}, links=frozenset(["cat/x.png"]))
    with pytest.raises(InvalidDataset, match="leads out of it"):
        load_uploaded(linked, "zip")


def test_an_archive_that_unpacks_to_too_much_is_refused(folder: Path):
    bomb = archive({**classes(), "cat/zeros.bin": bytes(2**24)})
    assert len(bomb.getvalue()) < 2**18
    with pytest.raises(InvalidDataset, match="unpacks to more than"):
        load_uploaded(bomb, "zip", most_bytes=2**20)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "match"),
    [(b"no archive", "not a readable zip archive"), (archive({}).getvalue(), "is empty"), (b"", "not a readable zip")],
)
def test_what_is_no_archive_is_refused(content: bytes, match: str):
    with pytest.raises(InvalidDataset, match=match):
        load_uploaded(io.BytesIO(content), "zip")


def test_a_truncated_archive_is_refused():
    whole = archive(classes()).getvalue()
    spoiled = bytearray(whole)
    spoiled[60:80] = os.urandom(20)
    with pytest.raises(MemscoreError):
        load_uploaded(io.BytesIO(bytes(spoiled)), "zip")


def test_a_table_cannot_name_files_of_the_machine(tmp_path: Path):
    secret = tmp_path / "secret.png"
    secret.write_bytes(picture(7))
    table = f"image,label\n{secret},a\n{secret},b\n{secret},a\n{secret},b\n".encode()
    with pytest.raises(InvalidDataset, match="names files of images"):
        load_uploaded(io.BytesIO(table), "csv", name="table")


@pytest.mark.parametrize(
    "files",
    [
        {"cat": b"a file", "cat/1.png": b"in it"},
        {"cat/1.png": b"in it", "cat": b"a file"},
        {"": b"nameless", **classes()},
        {f"cat/{'x' * 300}.png": b"a long name"},
    ],
)
def test_names_that_cannot_be_files_are_refused(files: dict[str, bytes], folder: Path):
    with pytest.raises(InvalidDataset):
        load_uploaded(archive(files), "zip")
    assert list(folder.iterdir()) == []


def test_a_full_disk_is_no_fault_of_the_archive(monkeypatch: pytest.MonkeyPatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(StoreError, match="free some space"):
        load_uploaded(archive(classes()), "zip")


def test_an_archive_of_one_class_is_refused_as_that():
    with pytest.raises(InvalidDataset, match="of 1 class; at least 10 samples and two classes") as refused:
        load_uploaded(archive({f"cat/{n}.png": picture(n) for n in range(20)}), "zip", name="pets")
    assert "/" not in str(refused.value)


def test_a_table_of_numbers_is_read():
    rows = "".join(f"{x % 5},{x * x % 7},{'ab'[x % 2]}\n" for x in range(40))
    dataset = load_uploaded(io.BytesIO(f"u,v,label\n{rows}".encode()), "csv", name="numbers")
    assert dataset.x_train.shape == (40, 2)
    assert dataset.source.startswith("csv:numbers.csv")


def test_arrays_are_read():
    held = io.BytesIO()
    rng = np.random.default_rng(0)
    np.savez(held, x_train=rng.integers(0, 255, (20, 4, 4, 1), np.uint8), y_train=np.arange(20) % 2)
    held.seek(0)
    assert load_uploaded(held, "npz", name="mine").source == "npz:mine.npz"
