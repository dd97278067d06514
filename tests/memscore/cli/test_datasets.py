"""`memscore datasets add`: options reach the source, names follow from them, and a refusal leaves nothing."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from memscore import cli


@pytest.fixture
def add(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Runs `memscore datasets add`; returns status, standard output and standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["memscore", "datasets", "add", *map(str, arguments)])
        status = 0
        try:
            cli.main()
        except SystemExit as end:
            status = int(end.code or 0)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "animals"
    random = np.random.default_rng(0)
    for name in ("cat", "dog", "emu"):
        (root / "train" / name).mkdir(parents=True)
        for number in range(10):
            pixels = random.integers(0, 256, (6, 6, 3), np.uint8)
            Image.fromarray(pixels).save(root / "train" / name / f"{number}.png")
    return root


def test_a_folder_is_added_under_a_name_that_tells_its_options(add, folder: Path):
    status, out, err = add(f"folder:{folder}", "--test-share", "0.2", "--resize", "4", "--classes", "2", "--json")
    assert (status, err) == (0, "")
    record = json.loads(out)
    assert record["name"] == "animals-2-classes-4x4"
    assert record["class_names"] == ["cat", "dog"]
    assert record["image_shape"] == [4, 4, 3]
    assert (record["train_samples"], record["test_samples"]) == (16, 4)
    status, out, _ = add("mine", "--from", f"folder:{folder}", "--test-share", "0.2")
    assert status == 0
    assert out.startswith("Dataset mine: 24 training and 6 test images 6x6x3, 3 classes")


def test_a_folder_in_sight_is_named_after_itself(add, folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(folder)
    assert add("folder:.", "--test-share", "0.2")[1].startswith("Dataset animals: ")


def test_a_refusal_is_one_sentence_and_leaves_nothing(add, folder: Path, home: Path):
    for number in (8, 9):
        (folder / "train" / "emu" / f"{number}.png").write_bytes(b"no image")
    for arguments, sentence in (
        (
            (f"folder:{folder}", "--test-share", "0.2"),
            "2 of 30 files cannot be read as images; repair or remove them: ",
        ),
        ((f"folder:{folder / 'train' / 'emu'}",), "There are no class folders in"),
        ((f"folder:{folder}", "--label", "kind"), "--label does not apply to the source folder:DIR;"),
        ((f"folder:{folder}", "--test-share", "2"), "--test-share must be between 0 and 1, not 2."),
        ((f"folder:{folder}", "--resize", "0"), "--resize must be between 1 and 4096 pixels, not 0."),
        (("digits", "--root", folder), "--root does not apply to the source digits"),
        (("mnist", "--root", folder / "nowhere"), "--root must be the folder with train-images-idx3-ubyte.gz"),
        (("tiny_imagenet",), "downloads: put the folder tiny-imagenet-200"),
    ):
        status, out, err = add(*arguments)
        assert (status, out) == (1, "")
        assert err.startswith("error: ")
        assert sentence in err
        assert err.count("\n") == 1
    assert not (home / "datasets").exists() or list((home / "datasets").iterdir()) == []


def test_a_table_is_added_with_its_options_and_says_what_was_done(add, tmp_path: Path):
    random = np.random.default_rng(0)
    rows = [
        f"r{row},{'ab'[row % 2]},{random.normal():.3f},{random.choice(['x', 'y', 'z'])},{row // 2}" for row in range(30)
    ]
    rows[7] = f"r7,b,{rows[6][5:]}"
    (tmp_path / "my table (v2).csv").write_text("\n".join(["name,answer,size,kind,case", *rows]))
    options = ("--label", "answer", "--id", "name", "--group", "case", "--test-share", "0.2")
    status, out, err = add(f"csv:{tmp_path / 'my table (v2).csv'}", *options)
    assert status == 0
    assert out.startswith("Dataset my-table-v2: 24 training and 6 test samples of 4 features, 2 classes, finger")
    lines = err.splitlines()
    assert "note: Labels became classes 0..1 in order: a is 0, b is 1." in lines
    assert any(line.startswith("note: 1 column (kind) became a feature for each value") for line in lines)
    assert any("with the same features has different labels" in line and "r7 (" in line for line in lines)
    assert any("have samples in both parts" in line for line in lines)
    status, out, _ = add("again", "--from", f"csv:{tmp_path / 'my table (v2).csv'}", *options, "--json")
    assert [f"note: {note}" for note in json.loads(out)["notes"]] == lines


def test_a_functions_dataset_is_named_after_it(add):
    _, out, _ = add("torch:sklearn.datasets:load_iris")
    assert out.startswith("Dataset load_iris: no test part, 150 training samples of 4 features, 3 classes")
