"""Table 1 and figures 21 to 23: what is made of distances that are known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from memscore.errors import InvalidInput
from tests.trainer.experiments.finished_runs import Bench, drawn, finish, study, verdicts
from trainer.experiments.kinds.removal import Removal
from trainer.experiments.run import ExperimentRun

CLOSER = "Atypical samples bring typical training samples of different classes closer together"
STEPS = "The more of them, the closer (0, 20 and 100 %; typical training samples)"
UNDER_ERM = "Under ERM atypical samples do not bring typical training samples of different classes closer together"
CONTRASTS = [
    f"Atypical samples bring typical training samples closer together under attack than under ERM{size}"
    for size in ("", ", at equal size")
]
FALLS = "With all atypical samples the distance falls after the first decay of the learning rate"


def far(run: ExperimentRun, epoch: int) -> float:
    """Smaller with each atypical sample and, once the learning rate has fallen, with each epoch."""
    return 0.6 - 0.1 * float(dict(run.point)["keep_atypical"]) - max(0, epoch - 15) / 500


def memorizing(split: str, group: str, attack: str, epoch: int) -> float:
    """Atypical training samples are fitted, under attack too."""
    if (split, group) != ("train", "atypical"):
        return 0.5
    return 1.0 if attack == "clean" else 0.1 + epoch / 45


def ended(
    bench: Bench,
    distance: Callable[[ExperimentRun, int], float] = far,
    erm: Callable[[ExperimentRun, int], float] = far,
    *,
    fits: bool = True,
) -> None:
    panel = bench.panel()
    for method, measured in (("pgd", distance), ("erm", erm)):
        for run in [one for one in Removal("erm").runs(panel.setting, bench.seeds) if one.method == method]:
            finish(
                panel.finished(run),
                memorizing if fits else lambda *_: 0.5,
                distance=lambda _, epoch, run=run, measured=measured: measured(run, epoch),
            )


def test_smaller_distances_confirm_the_finding_beside_the_papers_numbers(tmp_path: Path):
    bench = Bench(tmp_path)
    ended(bench)
    artifact = bench.make("table1")
    assert set(verdicts(artifact).values()) == {"confirmed"}
    assert len(artifact.verdicts) == 6
    closer = artifact.verdicts[0]
    assert closer.value == pytest.approx(0.1)
    assert "0.571 without, 0.471 with them; closer by 0.100" in closer.numbers
    assert artifact.tables[0].splitlines()[-1] == "| the paper, training samples | 0.66 | 0.62 | 0.59 | - |"
    assert {row["epoch"] for row in artifact.numbers} == {10, 20, 30}
    drawn(artifact)


def test_curves_also_say_when_the_distance_falls(tmp_path: Path):
    bench = Bench(tmp_path)
    ended(bench)
    artifact = bench.make("fig21")
    found = verdicts(artifact)
    assert (found[FALLS], found[UNDER_ERM]) == ("confirmed", "contradicted")
    assert {found[one] for one in CONTRASTS} == {"undecided"}, "as much closer under ERM"
    drawn(artifact)

    ended(bench, lambda run, _: far(run, 0), erm=lambda *_: 0.5)
    found = verdicts(bench.make("fig21"))
    assert (found[FALLS], found[UNDER_ERM]) == ("undecided", "confirmed")
    assert {found[one] for one in CONTRASTS} == {"confirmed"}


def test_where_atypical_samples_are_not_fitted_nothing_can_follow_from_that(tmp_path: Path):
    bench = Bench(tmp_path)
    ended(bench, fits=False)
    for name in ("table1", "fig21"):
        artifact = bench.make(name)
        assert set(verdicts(artifact).values()) == {"not testable"}
        assert all("which these runs do not show: " in one.numbers for one in artifact.verdicts)


def test_every_step_must_be_seen(tmp_path: Path):
    bench = Bench(tmp_path)
    ended(bench, lambda run, _: 0.6 if dict(run.point)["keep_atypical"] != "1" else 0.5)
    artifact = bench.make("table1")
    found = verdicts(artifact)
    assert found[CLOSER] == "confirmed"
    step = next(one for one in artifact.verdicts if one.finding == STEPS)
    assert "the step from 0 % to 20 % decides; closer by 0.000" in step.numbers
    assert found[STEPS] == "undecided"


def test_one_seed_cannot_decide(tmp_path: Path):
    bench = Bench(tmp_path, seeds=(0,))
    ended(bench)
    for name in ("table1", "fig21"):
        artifact = bench.make(name)
        assert set(verdicts(artifact).values()) == {"not testable"}
        drawn(artifact)


def test_typical_samples_of_one_class_have_no_distance(tmp_path: Path):
    bench = Bench(tmp_path)
    ended(bench, *[lambda *_: np.nan] * 2)
    for name in ("table1", "fig21"):
        artifact = bench.make(name)
        assert set(verdicts(artifact).values()) == {"not testable"}
        drawn(artifact)


def test_a_small_study_is_refused(tmp_path: Path):
    with pytest.raises(InvalidInput, match="10 more"):
        Bench(tmp_path, study=study(trials=200)).make("table1")
