"""What an item leaves: files that are whole, the same for the same numbers, and a page of all items."""

import json
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from memscore.errors import InvalidInput
from trainer.experiments.artifact import Artifact, read_verdicts
from trainer.experiments.interval import Estimate
from trainer.experiments.summary import summarize
from trainer.experiments.verdict import above

MADE: dict[str, Any] = {
    "command": "memscore reproduce fig2",
    "shown": "Shown: fashion-5, cnn-16.",
    "date": "2026-11-25",
    "device": "2 cores",
    "versions": {"torch": "2.13.0"},
    "seeds": [0, 1, 2],
    "settings": ["fashion-5, cnn-16"],
}


def artifact() -> Artifact:
    figure = Figure(figsize=(2, 2))
    figure.add_subplot().plot([0, 1], [1, 0])
    verdict = above("It rises", "from 1 to 2", Estimate(0.02, 0.01, 0.03, 0.0, 3))
    return Artifact("What is seen.", {"fig2": figure}, [{"epoch": 1, "accuracy": 0.5}], [verdict], notes=["Small."])


def test_an_item_is_written_whole_and_alike(tmp_path: Path):
    for name in ("one", "two"):
        artifact().write(tmp_path / name, "Figure 2", MADE)
    files = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert set(files) == {"fig2.png", "fig2.svg", "numbers.csv", "verdicts.json", "made.json", "README.md"}
    assert all((tmp_path / "two" / name).read_bytes() == content for name, content in files.items())
    assert files["numbers.csv"] == b"epoch,accuracy\n1,0.5\n"
    page = files["README.md"].decode()
    assert "![Figure 2](fig2.png)" in page
    assert "| It rises | **confirmed** | from 1 to 2 |" in page
    assert "seeds 0, 1, 2" in page
    assert read_verdicts(tmp_path / "one") == list(artifact().verdicts)
    assert json.loads(files["made.json"]) == MADE


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(InvalidInput, match="taken"):
        artifact().write(tmp_path / "taken", "Figure 2", MADE)


def test_all_items_of_a_folder_have_one_page(tmp_path: Path):
    artifact().write(tmp_path / "items/fig2", "Figure 2", MADE)
    artifact().write(tmp_path / "items/fig1", "Figure 1", MADE)
    assert [name for name, _ in summarize(tmp_path, "items")] == ["fig2", "fig1"]
    page = (tmp_path / "README.md").read_text()
    assert "2 of 30 items; findings: 2 confirmed, 0 not confirmed, 0 not testable here." in page
    assert "| [fig2](items/fig2/README.md) | It rises | **confirmed** | from 1 to 2 |" in page
    assert "(items/fig1/fig2.png)" in page
