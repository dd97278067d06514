"""Sweeps from Python: the runs of a request in a folder, and the progress they report."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from memscore.farm.commands import Ended
from memscore.settings import Settings
from memscore.workflows.sweep import plan_sweep, sweep
from memscore.workflows.watching import OnProgress, RunsProgress, RunsWatch
from trainer.sweep import SweepRequest


def test_a_plan_names_scores_independently_of_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "scores.npz").touch()
    monkeypatch.chdir(tmp_path)
    for scores, stable in (
        ("scores.npz", str(tmp_path / "scores.npz")),
        ("missing.npz", "missing.npz"),
        ("digits", "digits"),
        ("http://127.0.0.1:8000#digits", "http://127.0.0.1:8000#digits"),
    ):
        request = SweepRequest(methods=("bat",), seeds=1, dataset="digits", scores=scores)
        (run,) = plan_sweep(request, tmp_path / "runs").configurations
        assert run.scores == stable


def test_runs_are_trained_and_compared_and_a_failure_is_reported(settings: Settings, tmp_path: Path):
    quick = {"epochs": "1", "network_options": '{"width": 4}', "evaluation_steps": "1", "attack_steps": "1"}
    request = SweepRequest(methods=("erm", "pgd"), seeds=1, dataset="made-up", settings=quick)
    plan = plan_sweep(request, tmp_path)
    broken = next(run.name for run in plan.left if run.method == "pgd")
    (tmp_path / broken).write_text("a file where the run's folder is to be")
    started: list[str] = []
    seen: list[RunsProgress] = []
    failures: list[Ended] = []

    @contextmanager
    def progress(first: RunsProgress) -> Generator[OnProgress]:
        seen.append(first)
        yield seen.append

    found = sweep(request, tmp_path, settings, watch=RunsWatch(started.append, progress, failures.append))
    assert started == ["2 runs: 0 finished, 2 to do"]
    assert (seen[0].total, seen[0].done, seen[0].running) == (2, 0, ())
    assert (seen[-1].done, seen[-1].failed, seen[-1].running) == (2, 1, ())
    assert any(one.running for one in seen)
    assert [one.ended for one in failures] == [one.name for one in found.failed] == [broken]
    assert "cannot be written" in found.failed[0].sentence()
    assert {row.method for row in found.comparison.rows} == {"erm"}
    assert found.comparison.unfinished == [broken]
    (tmp_path / broken).unlink()
    assert plan_sweep(request, tmp_path).sentence().startswith("2 runs: 1 finished, 1 to do")
