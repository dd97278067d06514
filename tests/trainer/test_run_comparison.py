"""The comparison of runs: means and deviations computed by hand, and warnings about unfair comparisons."""

from __future__ import annotations

import csv
import io
import json
from math import sqrt
from pathlib import Path

import numpy as np
import pytest

from memscore.errors import Damaged
from memscore.messages.runs import SweepComparison
from memscore.runs.sample_records import CORRECT, SampleRecords, known, write_samples
from memscore.study import signatures
from trainer.evaluation.result import SAMPLES
from trainer.interval import difference
from trainer.run_comparison import ONE_SEED, Cell, RunComparison, compare
from trainer.sweep import SweepRequest, SweptRun, expand

Shares = dict[str, float | None]

REQUEST = SweepRequest(methods=("pgd", "bat"), seeds=2, dataset="digits", grid={"alpha": ("1", "2")})
RUNS = expand(REQUEST, REQUEST)


def accuracy(share: float | None) -> dict[str, float | int | None]:
    return {"count": 10, "share": share, "low": share, "high": share}


def finish(folder: Path, run: SweptRun, shares: Shares, scores: str | None = "c" * 64, **config: object) -> None:
    """A finished run's files, of two checkpoints; the shares hold for all samples of the test set."""
    home = folder / run.name
    for name in ("best-adversarial", "last"):
        (home / "evaluation" / name).mkdir(parents=True, exist_ok=True)
        less = {attack: share and share - 0.1 for attack, share in shares.items()}
        rows = [
            {"split": "test", "group": "all", "count": 10, "accuracy": {k: accuracy(v) for k, v in shares.items()}},
            {"split": "train", "group": "typical", "count": 7, "accuracy": {k: accuracy(v) for k, v in less.items()}},
        ]
        table = {"meta": {"epsilon": 0.1}, "rows": rows}
        (home / "evaluation" / name / "table.json").write_text(json.dumps(table))
        right = {
            f"{CORRECT}{attack}": known(np.arange(10) < round(10 * share))
            for attack, share in shares.items()
            if share is not None
        }
        samples = SampleRecords("test", {"label": known(np.zeros(10, np.int32)), **right})
        meta = {"fingerprint": "f" * 64, "epsilon": config.get("epsilon", 0.1), "seed": 0}
        write_samples(home / "evaluation" / name / SAMPLES, [samples], meta)
    settings = {"epochs": 5, "epsilon": 0.1, "select_on": "validation", "validation": 0.02, **config}
    request = {"config": settings, "dataset": "digits", "fingerprint": "f" * 64, "scores": scores}
    (home / "config.json").write_text(json.dumps(request))
    (home / "finished.json").write_text(json.dumps({"checkpoints": ["last", "best-adversarial"]}))


@pytest.fixture
def comparison(tmp_path: Path) -> RunComparison:
    """PGD with seeds 0.5 and 0.7, BAT with alpha 1 with one seed, alpha 2 not finished."""
    for run, share in zip(RUNS, (0.5, 0.7, 0.9), strict=False):
        finish(tmp_path, run, {"clean": share, "pgd": share / 2, "cw": 0.25 if run.seed else None})
    return compare(tmp_path, RUNS)


def test_means_and_deviations_over_seeds(comparison: RunComparison):
    rows = {(row.method, row.point, row.checkpoint): row for row in comparison.rows}
    assert list(rows) == [
        ("pgd", "", "best-adversarial"),
        ("pgd", "", "last"),
        ("bat", "alpha=1", "best-adversarial"),
        ("bat", "alpha=1", "last"),
    ]
    row = rows["pgd", "", "last"]
    assert row.seeds == 2
    clean = row.cells["test", "all", "clean"]
    assert clean.mean == pytest.approx(0.6)
    assert clean.deviation == pytest.approx(sqrt(0.1**2 + 0.1**2))
    assert clean.seeds == 2
    assert row.cells["train", "typical", "clean"].mean == pytest.approx(0.5)
    assert row.cells["test", "all", "cw"] == Cell(0.25, None, 1), "seed 0 has no such accuracy"
    single = rows["bat", "alpha=1", "last"].cells["test", "all", "clean"]
    assert single == Cell(0.9, None, 1)
    assert comparison.unfinished == ["bat-alpha=1-seed=1", "bat-alpha=2-seed=0", "bat-alpha=2-seed=1"]
    assert comparison.warnings == ["The rows do not cover the same seeds.", ONE_SEED]


def test_pgd_is_the_reference_whatever_settings_all_runs_share(tmp_path: Path):
    request = SweepRequest(methods=("erm", "pgd", "bat"), seeds=1, dataset="digits", settings={"epochs": "6"})
    runs = expand(request, request)
    for run in runs:
        finish(tmp_path, run, {"clean": 0.5, "pgd": 0.25})
    assert {one.reference for one in compare(tmp_path, runs).differences} == {"pgd epochs=6"}
    grid = SweepRequest(methods=("erm", "pgd"), seeds=1, dataset="digits", grid={"epochs": ("6", "8")})
    more = expand(grid, grid)
    for run in more:
        finish(tmp_path, run, {"clean": 0.5, "pgd": 0.25})
    assert {one.reference for one in compare(tmp_path, more).differences} == {"pgd epochs=6"}


def test_one_seed_gives_a_difference_without_an_interval(comparison: RunComparison):
    (bat,) = comparison.differences
    assert (bat.name, bat.reference) == ("bat alpha=1", "pgd")
    clean = next(row for row in bat.differences if row.attack == "clean")
    assert (clean.seeds, clean.count, clean.deviation, clean.decided) == (1, 10, None, False)
    assert clean.difference == pytest.approx(0.4)
    columns, lines = comparison.table_of_differences()
    assert columns == ("method", "minus", "samples", "seeds", "clean", "pgd")
    assert lines == [("bat alpha=1", "pgd", "all", "1", "+40.0", "+20.0")]


def test_several_seeds_give_an_interval_over_seeds_and_samples(tmp_path: Path):
    bats = [run for run in RUNS if run.label == "alpha=1"]
    for run, share in zip([*RUNS[:2], *bats], (0.5, 0.6, 0.8, 0.9), strict=True):
        finish(tmp_path, run, {"clean": share, "pgd": share / 2})
    comparison = compare(tmp_path, RUNS)
    assert comparison.warnings == []
    (clean, _) = comparison.differences[0].differences
    assert (clean.first, clean.second, clean.deviation) == (pytest.approx(0.55), pytest.approx(0.85), 0.0)
    expected = difference(np.arange(10) < np.array([[5], [6]]), np.arange(10) < np.array([[8], [9]]))
    assert (clean.low, clean.high) == (expected.low, expected.high)
    (line,) = comparison.table_of_differences()[1]
    assert line[4] == f"+30.0 [{100 * expected.low:+.1f}, {100 * expected.high:+.1f}]"
    files = comparison.files()
    assert f"| bat alpha=1 | pgd | all | 2 | {line[4]} |" in files["comparison.md"]
    (told,) = json.loads(files["comparison.json"])["differences"]
    assert (told["method"], told["point"], told["reference"], told["checkpoint"]) == ("bat", "alpha=1", "pgd", "last")
    assert told["accuracy"][0] == {**clean.as_row(), "decided": clean.decided}


def test_what_cannot_be_compared_is_said(tmp_path: Path):
    finish(tmp_path, RUNS[0], {"clean": 0.5})
    finish(tmp_path, RUNS[2], {"clean": 0.5}, epsilon=0.2)
    comparison = compare(tmp_path, [RUNS[0], RUNS[2]])
    assert comparison.differences == []
    assert any(one.startswith("bat alpha=1 was not compared with pgd: ") for one in comparison.warnings)


def test_the_tables_say_the_same_in_every_format(comparison: RunComparison):
    title, columns, lines = next(comparison.tables())
    assert title == "test, all samples (10)"
    assert columns == ("method", "point", "checkpoint", "seeds", "clean", "pgd", "cw")
    assert lines[1] == ("pgd", "-", "last", "2", "60.0 ± 14.1", "30.0 ± 7.1", "25.0 (1)")
    assert lines[3] == ("bat", "alpha=1", "last", "1", "90.0", "45.0", "-")
    files = comparison.files()
    assert "| pgd | - | last | 2 | 60.0 ± 14.1 | 30.0 ± 7.1 | 25.0 (1) |" in files["comparison.md"]
    assert "- dataset: digits (ffffffff)" in files["comparison.md"]
    assert "**Note:** The rows do not cover the same seeds." in files["comparison.md"]
    line = list(csv.DictReader(io.StringIO(files["comparison.csv"])))[1]
    assert (line["method"], line["checkpoint"], line["seeds"]) == ("pgd", "last", "2")
    assert float(line["test_all_clean"]) == pytest.approx(0.6)
    assert float(line["test_all_clean_deviation"]) == pytest.approx(sqrt(0.02))
    assert (line["test_all_cw_seeds"], line["test_all_cw_deviation"]) == ("1", "")
    content = json.loads(files["comparison.json"])
    assert len(SweepComparison.model_validate(content).rows) == len(comparison.rows)  # as the service reads it
    assert content["samples"] == {"test all": 10, "train typical": 7}
    assert content["rows"][1]["accuracy"][0] == {
        "split": "test",
        "group": "all",
        "attack": "clean",
        "mean": pytest.approx(0.6),
        "deviation": pytest.approx(sqrt(0.02)),
        "seeds": 2,
    }


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"epochs": 6}, "The runs differ in epochs: 5 in pgd-seed=0; 6 in pgd-seed=1."),
        ({"epsilon": 0.2}, "The runs differ in epsilon: 0.1 in pgd-seed=0; 0.2 in pgd-seed=1."),
        ({"select_on": "test"}, "The runs differ in selection split: validation, 0.02 of the training"),
        ({"scores": "d" * 64}, "The runs differ in scores: cccccccc in pgd-seed=0; dddddddd in pgd-seed=1."),
        ({"scores": None}, "The runs differ in scores: cccccccc in pgd-seed=0; none in pgd-seed=1."),
    ],
)
def test_what_makes_a_comparison_unfair_is_said(tmp_path: Path, config: dict[str, object], said: str):
    finish(tmp_path, RUNS[0], {"clean": 0.5})
    finish(tmp_path, RUNS[1], {"clean": 0.5}, **config)  # pyright: ignore[reportArgumentType]
    (warning,) = compare(tmp_path, RUNS[:2]).warnings
    assert warning.startswith(said)


def test_what_happened_to_a_run_on_its_way_is_said(tmp_path: Path):
    finish(tmp_path, RUNS[0], {"clean": 0.5})
    finish(tmp_path, RUNS[1], {"clean": 0.5})
    event = "The loss is not finite in epoch 2; continued from the end of epoch 1 with 0.5 of the learning rate"
    (tmp_path / RUNS[1].name / "metrics.jsonl").write_text(json.dumps({"event": event}) + "\n")
    comparison = compare(tmp_path, RUNS[:2])
    assert comparison.warnings == [f"pgd-seed=1: {event}."]
    assert f"**Note:** pgd-seed=1: {event}." in comparison.to_markdown()


def test_runs_of_a_network_whose_code_has_changed_between_them_are_told(tmp_path: Path):
    for run, factor in zip(RUNS[:2], (1.0, 2.0), strict=True):
        finish(tmp_path, run, {"clean": 0.5}, network="mine:net")
        asked = tmp_path / run.name / "config.json"
        request = json.loads(asked.read_text())
        request["network"] = signatures.write("a" * 16, factor * np.ones(3))
        asked.write_text(json.dumps(request))
    assert compare(tmp_path, RUNS[:2]).warnings == [
        "The runs differ in the code of the network mine:net: it has changed for pgd-seed=1."
    ]


def test_nothing_finished_is_no_error(tmp_path: Path):
    comparison = compare(tmp_path, RUNS)
    assert comparison.rows == []
    assert list(comparison.tables()) == []
    assert len(comparison.files()) == 3


@pytest.mark.parametrize("name", ["finished.json", "config.json", "evaluation/last/table.json"])
@pytest.mark.parametrize("content", ["{", "[]", "{}"])
def test_a_damaged_run_is_named(tmp_path: Path, name: str, content: str):
    finish(tmp_path, RUNS[0], {"clean": 0.5})
    (tmp_path / RUNS[0].name / name).write_text(content)
    with pytest.raises(Damaged, match=r"The run in .*pgd-seed=0 cannot be read"):
        compare(tmp_path, RUNS)
