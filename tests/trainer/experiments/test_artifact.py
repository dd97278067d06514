"""What an item leaves: files that are whole, the same for the same numbers, and a page of all items."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from memscore.errors import InvalidInput
from memscore.runs.reproduction import reproduction_of
from trainer.experiments.artifact import Artifact, read_verdicts
from trainer.experiments.claims import CLAIMS
from trainer.experiments.summary import summarize
from trainer.experiments.verdict import Verdict, above
from trainer.interval import Estimate

MADE: dict[str, Any] = {
    "command": "memscore reproduce fig2",
    "shown": "Shown: fashion-5, mlp-512.",
    "date": "2026-11-25",
    "device": "2 cores",
    "versions": {"torch": "2.13.0"},
    "seeds": [0, 1, 2],
    "settings": ["fashion-5, mlp-512"],
}


def artifact() -> Artifact:
    figure = Figure(figsize=(2, 2))
    figure.add_subplot().plot([0, 1], [1, 0])
    verdict = above("It rises", "fashion-5", "from 1 to 2", Estimate(0.02, 0.01, 0.03, 0.0, 3))
    return Artifact("What is seen.", {"fig2": figure}, [{"epoch": 1, "accuracy": 0.5}], [verdict], notes=["Small."])


def test_an_item_is_written_whole_and_alike(tmp_path: Path):
    for name in ("one", "two"):
        artifact().write(tmp_path / name, "Figure 2", MADE)
    files = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert set(files) == {"fig2.png", "fig2.svg", "fig2.pdf", "numbers.csv", "verdicts.json", "made.json", "README.md"}
    assert all((tmp_path / "two" / name).read_bytes() == content for name, content in files.items())
    assert files["numbers.csv"] == b"epoch,accuracy\n1,0.5\n"
    page = files["README.md"].decode()
    assert "![Figure 2](fig2.png)" in page
    assert "| It rises | **confirmed** | fashion-5: from 1 to 2 |" in page
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
    served = reproduction_of(tmp_path, "x")
    assert [(one.name, one.problem) for one in served.items] == [("fig1", None), ("fig2", None)]
    assert [one.sentence for one in served.claims] == [one.sentence for one in CLAIMS]
    page = (tmp_path / "README.md").read_text()
    assert "2 of 30 items; 1 finding: 1 confirmed, 0 seen in one seed, 0 undecided" in page
    both = "[fig2](items/fig2/README.md), [fig1](items/fig1/README.md)"
    assert f"| {both} | It rises | **confirmed** | fashion-5: from 1 to 2 |" in page, "one finding counts once"
    assert "(items/fig1/fig2.png)" in page


def test_a_finding_counts_once_for_each_setting_by_the_most_seeds(tmp_path: Path):
    def verdict(setting: str, seeds: int) -> Verdict:
        return above("It rises", setting, f"{seeds} seeds", Estimate(0.02, 0.01, 0.03, 0.0, seeds))

    for name, verdicts in {
        "fig1": [verdict("fashion-5", 3)],
        "fig12": [verdict("fashion-5", 1), verdict("fashion-10", 1)],
    }.items():
        replace(artifact(), verdicts=verdicts).write(tmp_path / "items" / name, name, MADE)
    assert len(summarize(tmp_path, "items")) == 3
    page = (tmp_path / "README.md").read_text()
    assert (
        "2 findings: 1 confirmed, 1 seen in one seed, 0 undecided, 0 opposite seen in one seed, 0 contradicted" in page
    )
    assert "fashion-5: 3 seeds" in page
    assert "fashion-5: 1 seeds" not in page
    assert (
        page.index("## The paper's claims") < page.index("## What contradicts the paper") < page.index("Nothing here.")
    )


def test_what_an_earlier_version_judged_is_named_and_not_counted(tmp_path: Path):
    artifact().write(tmp_path / "items/fig2", "Figure 2", MADE)
    artifact().write(tmp_path / "items/fig1", "Figure 1", MADE)
    old = [{"finding": "It falls", "verdict": "not confirmed", "numbers": "x", "value": 0.0, "low": 0.0, "high": 0.0}]
    (tmp_path / "items/fig1" / "verdicts.json").write_text(json.dumps(old))
    assert [name for name, _ in summarize(tmp_path, "items")] == ["fig2"]
    page = (tmp_path / "README.md").read_text()
    assert "Made by an earlier version and not judged, make again: fig1." in page
    assert "It falls" not in page
