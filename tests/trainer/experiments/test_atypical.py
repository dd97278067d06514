"""Figures 1 and 9 to 14: what is made of curves whose course is known."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memscore.errors import InvalidInput
from tests.trainer.experiments.finished_runs import Bench, Share, drawn, finish, study, verdicts
from trainer.experiments.kinds.atypical import CONTROL, Atypical
from trainer.experiments.kinds.removal import Removal
from trainer.experiments.scales import CIFAR100, RESNET18, WRN, setting
from trainer.experiments.setting import Setting

CLEAN_TRAIN = "Atypical training samples are fitted during PGD training (clean)"
WHOLLY = "Nearly all atypical training samples are memorized by PGD training (clean accuracy above 95 %)"
CLEAN_TEST = "Accuracy on atypical test samples rises during PGD training (clean)"
UNMOVED = "Adversarial accuracy on atypical test samples does not rise during training (PGD-20)"
MORE = "Accuracy on atypical test samples rises more without the attack than under it (PGD-20)"
FAR = "Adversarial accuracy on atypical test samples ends far below that on typical ones (PGD-20)"
CAUSES = tuple(
    f"Training on atypical samples helps atypical test samples (ERM, clean{size})" for size in ("", ", at equal size")
)


def as_in_the_paper(split: str, group: str, attack: str, epoch: int) -> float:
    """Training samples are memorized; of atypical test samples clean accuracy alone rises, from .2 to .4."""
    if group != "atypical":
        return 0.9 if attack == "clean" else 0.5
    if split == "train":
        return min(1.0, 0.3 + epoch / 35) if attack == "clean" else 0.1 + epoch / 45
    return 0.16 + epoch / 125 if attack == "clean" else 0.1


def ended(bench: Bench, share: Share, method: str = "pgd", *settings: Setting) -> None:
    for one in settings or (setting("mini", CIFAR100, RESNET18),):
        panel = bench.panel(one)
        for run in Atypical(method).runs(panel.setting, bench.seeds):
            finish(panel.finished(run), share)


def test_the_papers_course_confirms_its_findings(tmp_path: Path):
    bench = Bench(tmp_path)
    ended(bench, as_in_the_paper)
    artifact = bench.make("fig1")
    assert set(verdicts(artifact).values()) == {"confirmed"}
    assert len(artifact.verdicts) == 7
    assert list(artifact.figures) == ["fig1"]
    assert {row["epoch"] for row in artifact.numbers} == {10, 20, 30}
    assert re.search(r"\| atypical test samples, clean \| [34]\d\.\d \[.*\] \| 40 \|", artifact.tables[0])
    assert artifact.tables[0].endswith(" | - |"), "the paper gives no number for typical samples here"
    far = next(one for one in artifact.verdicts if one.finding == FAR)
    assert re.search(r"; 120 others as hard for held-out models have [45]\d\.\d \[.*\] %, \+[34]\d\.\d", far.numbers)
    assert {row["samples"] for row in artifact.numbers} >= {CONTROL}


def test_without_anything_as_hard_there_is_no_control(tmp_path: Path):
    easy: Any = {"test_p": np.full(1200, np.nan, np.float32)}
    bench = Bench(tmp_path, study=replace(study(), scores=easy))
    ended(bench, as_in_the_paper)
    artifact = bench.make("fig1")
    assert CONTROL not in {row["samples"] for row in artifact.numbers}
    assert not any("as hard" in one.numbers for one in artifact.verdicts)
    drawn(artifact)


def test_the_opposite_course_confirms_none_of_them(tmp_path: Path):
    def opposite(split: str, group: str, attack: str, epoch: int) -> float:
        if group == "atypical" and attack == "pgd" and split == "test":
            return 0.1 + epoch / 100
        return 0.6 - epoch / 200 if attack == "clean" else 0.35 - epoch / 300

    bench = Bench(tmp_path)
    ended(bench, opposite)
    artifact = bench.make("fig1")
    found = verdicts(artifact)
    for finding in (UNMOVED, MORE):
        assert found.pop(finding) == "not testable", "where nothing is fitted nothing can carry over"
    unmoved = next(one for one in artifact.verdicts if one.finding == UNMOVED)
    assert re.search(
        "over 90 % of the atypical training samples are fitted, .*, which these runs do not show: [45]", unmoved.numbers
    )
    assert set(found.values()) <= {"contradicted", "undecided"}
    assert {found[one] for one in (CLEAN_TEST, WHOLLY, FAR)} == {"contradicted"}


def test_robustness_that_carries_over_is_not_what_the_paper_finds(tmp_path: Path):
    def carried(split: str, group: str, attack: str, epoch: int) -> float:
        gain = epoch / 125 if (split, group, attack) == ("test", "atypical", "pgd") else 0.0
        return as_in_the_paper(split, group, attack, epoch) + gain

    bench = Bench(tmp_path)
    ended(bench, carried)
    artifact = bench.make("fig1")
    unmoved = next(one for one in artifact.verdicts if one.finding == UNMOVED)
    assert unmoved.verdict == "contradicted"
    assert verdicts(artifact)[MORE] == "undecided", "both rise"


def test_held_out_samples_are_not_taken_for_memorized_ones(tmp_path: Path):
    bench = Bench(tmp_path)
    ended(bench, as_in_the_paper)
    panel = bench.panel()
    runs = [panel.finished(run) for run in Atypical("pgd").runs(panel.setting, bench.seeds)]
    found = Atypical("pgd")._curves(panel, runs)
    # Of every ten, places 0, 1, 5 and 6 are atypical, and the seeds hold out places 0, 1 and 2.
    assert found["atypical training samples", "clean"][0][1].shape == (3, 100)


def test_fitting_helps_under_erm_and_networks_without_decide_whether_it_is_the_cause(tmp_path: Path):
    bench = Bench(tmp_path)
    ended(bench, as_in_the_paper, "erm")
    panel = bench.panel()
    for gain, word in ((0.1, "confirmed"), (0.0, "undecided")):
        for run in Removal("erm").runs(panel.setting, bench.seeds):
            share = 0.3 + gain * dict(run.point)["keep_atypical"].startswith("1")
            finish(panel.finished(run), lambda *_, share=share: share)
        artifact = bench.make("fig9")
        found = verdicts(artifact)
        assert set(found) == {*(one.replace("PGD", "ERM") for one in (CLEAN_TRAIN, WHOLLY, CLEAN_TEST)), *CAUSES}
        assert {found[cause] for cause in CAUSES} == {word}
        assert {row["attack"] for row in artifact.numbers} == {"clean"}


def test_a_small_study_is_refused_with_the_trials_that_are_missing(tmp_path: Path):
    bench = Bench(tmp_path, study=study(trials=200))
    with pytest.raises(InvalidInput, match="10 more"):
        bench.make("fig1")


def test_without_atypical_test_samples_what_they_show_cannot_be_tested(tmp_path: Path):
    bench = Bench(tmp_path, study=study(atypical=False))
    ended(bench, as_in_the_paper)
    found = verdicts(bench.make("fig1"))
    assert {found[one] for one in (CLEAN_TEST, UNMOVED, MORE, FAR)} == {"not testable"}
    assert found[CLEAN_TRAIN] == "confirmed"


def test_one_seed_says_what_its_interval_is_of(tmp_path: Path):
    bench = Bench(tmp_path, seeds=(0,))
    ended(bench, as_in_the_paper)
    artifact = bench.make("fig1")
    assert all("one seed" in one.numbers for one in artifact.verdicts)
    assert set(verdicts(artifact).values()) == {"seen in one seed"}


def test_with_the_last_epoch_alone_no_course_can_be_tested(tmp_path: Path):
    short = replace(setting("mini", CIFAR100, RESNET18), extra={"epochs": 4})
    bench = Bench(tmp_path)
    ended(bench, as_in_the_paper, "pgd", short)
    found = verdicts(bench.make("fig1", short))
    assert {found[one] for one in (CLEAN_TRAIN, CLEAN_TEST, UNMOVED, MORE)} == {"not testable"}
    assert found[FAR] == "confirmed"


def test_two_settings_are_shown_side_by_side(tmp_path: Path):
    both = (setting("mini", CIFAR100, RESNET18), setting("mini", CIFAR100, WRN))
    bench = Bench(tmp_path)
    ended(bench, as_in_the_paper, "pgd", *both)
    artifact = bench.make("fig12", *both)
    assert len(artifact.figures["fig12"].axes) == 2
    assert len(artifact.tables) == 2
    drawn(artifact)
