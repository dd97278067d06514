"""Figure 5: what is made of a grid whose accuracies are known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from memscore.errors import InvalidInput
from tests.trainer.experiments.finished_runs import Bench, Share, drawn, finish, study, verdicts
from trainer.experiments.kinds.grid import Grid
from trainer.experiments.run import ExperimentRun

TOO_MUCH = "Too much of both hurts: alpha 3, beta 0.3 has lower clean accuracy than the best point"


def gain(alpha: float, beta: float) -> float:
    """Highest at alpha 1 and 2 with beta 0.2, as in the paper."""
    return 0.05 * (alpha in (1, 2)) + 0.05 * (beta == 0.2)


def ended(bench: Bench, gain: Callable[[float, float], float]) -> None:
    panel = bench.panel()

    def share_of(run: ExperimentRun) -> Share:
        point = {name: float(value) for name, value in run.point}
        more = gain(point.get("alpha", 0), point.get("beta", 0))
        return lambda _split, _group, attack, _epoch: (0.6 if attack == "clean" else 0.4) + more

    for run in Grid().runs(panel.setting, bench.seeds):
        finish(panel.finished(run), share_of(run))


def test_the_papers_optimum_confirms_that_both_parts_help_and_too_much_hurts(tmp_path: Path):
    bench = Bench(tmp_path)
    ended(bench, gain)
    artifact = bench.make("fig5")
    assert set(verdicts(artifact).values()) == {"confirmed"}
    assert len(artifact.verdicts) == 13
    assert list(artifact.figures) == ["fig5", "fig5-tau"]
    best = max((row for row in artifact.numbers if row["attack"] == "clean"), key=lambda row: row["accuracy"])
    assert (best["alpha"], best["beta"]) in {(1, 0.2), (2, 0.2)}
    assert sorted({row["tau"] for row in artifact.numbers}) == [0.1, 0.25, 0.5, 1.0]
    assert len(artifact.numbers) == 2 * (16 + 3)
    drawn(artifact)


def test_temperatures_are_compared_at_the_papers_first_best_point(tmp_path: Path):
    bench = Bench(tmp_path)
    panel = bench.panel()

    def share_of(run: ExperimentRun) -> Share:
        tau = dict(run.point).get("tau")
        return lambda _split, _group, _attack, _epoch: 0.5 if tau is None else 0.5 + 0.3 * float(tau)

    for run in Grid().runs(panel.setting, bench.seeds):
        finish(panel.finished(run), share_of(run))
    rows = [row for row in bench.make("fig5").numbers if row["attack"] == "clean"]
    at = {row["tau"]: row["accuracy"] for row in rows if (row["alpha"], row["beta"]) == (1, 0.2)}
    assert at == pytest.approx({0.1: 0.53, 0.25: 0.575, 0.5: 0.5, 1.0: 0.8}, abs=0.03)
    assert all(row["tau"] == 0.5 for row in rows if (row["alpha"], row["beta"]) != (1, 0.2))


def test_a_flat_grid_confirms_nothing(tmp_path: Path):
    bench = Bench(tmp_path, seeds=(0, 1))
    ended(bench, lambda *_: 0.0)
    found = verdicts(bench.make("fig5"))
    assert set(found.values()) == {"undecided"}, "the best of equal points is not better for having been chosen"


def test_one_part_that_does_all_the_work_leaves_the_other_unconfirmed(tmp_path: Path):
    bench = Bench(tmp_path, seeds=(0, 1))
    ended(bench, lambda alpha, _: 0.1 * (alpha in (1, 2)))
    found = verdicts(bench.make("fig5"))
    assert found["Both parts help: alpha 1, beta 0.2 has higher clean accuracy than alpha 0, beta 0"] == "confirmed"
    adds = (
        "The discrimination loss adds to reweighting: alpha 1, beta 0.2 has higher clean accuracy than alpha 1, beta 0"
    )
    assert found[adds] == "undecided"
    assert found[TOO_MUCH] == "confirmed"


def test_a_small_study_is_refused(tmp_path: Path):
    with pytest.raises(InvalidInput, match="10 more"):
        Bench(tmp_path, study=study(trials=200)).make("fig5")
