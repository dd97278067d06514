"""The command that writes a dataset with corrected labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from memscore.datasets import load_source
from tests.command_line import refused
from tests.conftest import StoredStudy


@pytest.mark.databases("sqlite")
def test_a_dataset_is_exported_with_corrected_labels(
    memscore, embedded: StoredStudy, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MEMSCORE_HOME", str(home))
    changes, output = tmp_path / "changes.csv", tmp_path / "better.npz"
    changes.write_text("index,label\n0,2\n1,\n")
    done = memscore("datasets", "export", "made-up", "--output", str(output), "--changes", str(changes))
    assert done.out == f"1 samples relabelled and 1 left out; dataset written to {output}\n".replace(
        "1 samples", "1 sample"
    )
    better = load_source(f"npz:{output}")
    expected = np.delete(np.array(embedded.dataset.y_train), 1)
    expected[0] = 2
    assert (better.y_train == expected).all()
    plain = memscore("datasets", "export", "made-up", "-o", str(tmp_path / "folder"), "--json").json
    counts = {"relabelled": 0, "left_out": 0, "removed_on_request": 0}
    assert plain == {"file": str(tmp_path / "folder"), **counts, "notes": []}
    refused(memscore("datasets", "export", "made-up", "-o", str(output)), "exists; choose another path")
    refused(memscore("datasets", "export", "nothing", "-o", str(tmp_path / "x")), "There is no dataset 'nothing'")


@pytest.mark.databases("sqlite")
def test_samples_removed_on_request_are_counted_apart(
    memscore, embedded: StoredStudy, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MEMSCORE_HOME", str(home))
    forget = ("datasets", "forget", "made-up", "--train", "4", "--test", "3", "--yes", "made-up")
    assert memscore(*forget).status == 0
    changes = tmp_path / "changes.csv"
    changes.write_text("index,label\n1,\n")
    export = ("datasets", "export", "made-up", "--changes", str(changes), "--output")
    said = memscore(*export, str(tmp_path / "rest.npz")).out
    assert said.startswith("0 samples relabelled and 3 left out (2 of them removed on request); ")
    told = memscore(*export, str(tmp_path / "again.npz"), "--json").json
    assert (told["left_out"], told["removed_on_request"]) == (3, 2)


@pytest.mark.databases("sqlite")
def test_a_source_is_written_again_with_corrected_labels(
    memscore, embedded: StoredStudy, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MEMSCORE_HOME", str(home))
    source, changes = tmp_path / "flowers.csv", tmp_path / "changes.csv"
    lines = [f"{row / 7:.2f},{'abc'[row % 3]},{row % 3}" for row in range(30)]
    source.write_text("\n".join(["petal,kind,code", *lines, ""]))
    changes.write_text("index,label\n0,c\n4,\n")
    add = ("datasets", "add", "flowers", "--from", f"csv:{source}", "--label", "kind")
    assert memscore(*add).status == 0
    export = ("datasets", "export", "flowers", "--changes", str(changes), "-o")
    done = memscore(*export, str(tmp_path / "fixed.csv"), "--like", f"csv:{source}", "--label", "kind")
    assert done.out == (
        f"1 sample relabelled and 1 left out; dataset written to {tmp_path / 'fixed.csv'}\n"
        "- The column 'code' says the same as the labels, and was changed with them.\n"
    )
    expected = ["petal,kind,code", "0.00,c,2", *lines[1:4], *lines[5:], ""]
    assert (tmp_path / "fixed.csv").read_text() == "\n".join(expected)
    refused(memscore(*export, str(tmp_path / "x.csv"), "--label", "kind"), "give --like, or leave them out")
    other = memscore(
        *export, str(tmp_path / "x.csv"), "--like", f"csv:{source}", "--label", "kind", "--test-share", "0.2"
    )
    refused(other, "does not make this dataset")
