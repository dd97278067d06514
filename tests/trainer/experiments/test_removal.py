"""Figures 2 and 15 to 20: what is made of accuracies with and without atypical samples."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.trainer.experiments.finished_runs import Bench, Share, drawn, finish, verdicts
from trainer.experiments.kinds.removal import Removal
from trainer.experiments.run import ExperimentRun

SIZES = ("", ", at equal size")
COSTS = [f"Under PGD training atypical samples cost typical test samples accuracy (clean{size})" for size in SIZES]
HARMLESS = [f"Under ERM atypical samples do not cost typical test samples accuracy (clean{size})" for size in SIZES]
MORE = [
    f"Atypical samples cost typical test samples more accuracy under PGD training than under ERM (clean{size})"
    for size in SIZES
]


def ended(bench: Bench, cost: dict[str, float], *, fitted: float = 1.0) -> None:
    """Runs of both methods, in which atypical samples cost this much accuracy; `fitted`: the share that is fitted."""

    def share_of(run: ExperimentRun) -> Share:
        def share(split: str, group: str, attack: str, epoch: int) -> float:
            if (split, group) == ("train", "atypical"):
                return fitted if attack == "clean" else 0.1 + epoch / 45
            return 0.8 - cost[run.method] * (dict(run.point)["keep_atypical"] == "1")

        return share

    panel = bench.panel()
    for run in Removal("erm").runs(panel.setting, bench.seeds):
        finish(panel.finished(run), share_of(run))


def test_a_cost_under_attack_alone_confirms_the_contrast(tmp_path: Path):
    bench = Bench(tmp_path)
    ended(bench, {"pgd": 0.2, "erm": 0.0})
    artifact = bench.make("fig15")
    found = verdicts(artifact)
    assert set(found) == {*HARMLESS, *MORE}
    assert {found[one] for one in MORE} == {"confirmed"}
    more = next(one for one in artifact.verdicts if one.finding == MORE[0])
    assert more.value == pytest.approx(0.2, abs=0.04)
    drawn(artifact)
    assert {verdicts(bench.make("fig2"))[one] for one in COSTS} == {"confirmed"}


def test_the_same_cost_under_erm_is_no_effect_of_the_attack(tmp_path: Path):
    bench = Bench(tmp_path)
    ended(bench, {"pgd": 0.2, "erm": 0.2})
    found = verdicts(bench.make("fig15"))
    assert {found[one] for one in HARMLESS} == {"contradicted"}
    assert {found[one] for one in MORE} == {"undecided"}
    assert {verdicts(bench.make("fig2"))[one] for one in COSTS} == {"confirmed"}, "by itself it looks like one"


def test_a_larger_cost_under_erm_contradicts_it(tmp_path: Path):
    bench = Bench(tmp_path)
    ended(bench, {"pgd": 0.0, "erm": 0.2})
    found = verdicts(bench.make("fig15"))
    assert {found[one] for one in MORE} == {"contradicted"}


@pytest.mark.parametrize("name", ["fig2", "fig15"])
def test_samples_that_are_not_fitted_can_show_nothing(tmp_path: Path, name: str):
    bench = Bench(tmp_path)
    ended(bench, {"pgd": 0.2, "erm": 0.0}, fitted=0.5)
    artifact = bench.make(name)
    assert set(verdicts(artifact).values()) == {"not testable"}
    assert all("of the atypical training samples are right after epoch 30" in one.numbers for one in artifact.verdicts)
