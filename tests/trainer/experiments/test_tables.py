"""Tables 2 to 7: what is made of methods whose accuracies are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from memscore.errors import InvalidInput
from tests.trainer.experiments.finished_runs import SUBSET, Bench, Share, drawn, finish, study, verdicts
from trainer.experiments.catalogue import ITEMS
from trainer.experiments.method_comparison import ATTACKS, BATS, BEST_ADVERSARIAL
from trainer.experiments.run import APGD, ExperimentRun
from trainer.experiments.scales import CIFAR100, RESNET18, TINY, WRN, setting
from trainer.experiments.setting import Setting

DROPS = {"clean": 0.0, "fgsm": 0.25, "pgd": 0.35, "cw": 0.37, "apgd-ce+apgd-dlr": 0.45, "autoattack": 0.47}


def ended(
    bench: Bench, clean: dict[str, float], robust: dict[str, float] | None = None, one: Setting | None = None
) -> None:
    """Runs of every contender with a clean accuracy, and so much more or less of it under attack, by method."""
    panel = bench.panel(one)
    for run in ITEMS["table4"].kind.runs(panel.setting, bench.seeds):
        finish(panel.finished(run), _share(run, clean, robust or {}))


def _share(run: ExperimentRun, clean: dict[str, float], robust: dict[str, float]) -> Share:
    def share(split: str, group: str, attack: str, epoch: int) -> float:
        level = clean.get(run.method, 0.55) - (0.2 if group == "atypical" else 0)
        return level if attack == "clean" else max(0.0, 0.55 - DROPS[attack] + robust.get(run.method, 0.0))

    return share


def test_a_better_bat_confirms_what_the_paper_says_of_it(tmp_path: Path):
    bench = Bench(tmp_path)
    ended(bench, {"bat": 0.7}, {"bat": 0.1})
    by_group, by_attack = bench.make("table2"), bench.make("table4")
    assert set(verdicts(by_group).values()) == {"confirmed"}
    assert set(verdicts(by_attack).values()) == {"confirmed"}
    assert len(by_group.verdicts) == 14
    assert "Atypical test samples by the raw estimate of influence (rule raw)" in by_group.notes[0]
    assert len(by_attack.verdicts) == 11
    assert "| control, clean | control, PGD-20 |" in by_group.tables[0].splitlines()[0]
    assert not any("control" in one.finding for one in by_group.verdicts)


def test_one_better_baseline_decides_over_the_highest_accuracy(tmp_path: Path):
    bench = Bench(tmp_path)
    ended(bench, {"bat": 0.65, "mart": 0.75})
    found = {one.finding: one for one in bench.make("table2").verdicts}
    for bat in BATS:
        highest = found[f"{bat} has higher clean accuracy on all test samples than every baseline"]
        assert highest.verdict == "contradicted"
        assert "of MART, best adv.; the deciding difference is -" in highest.numbers
        higher = found[f"{bat} has higher clean accuracy on all test samples than {BEST_ADVERSARIAL}"]
        assert higher.verdict == "confirmed"


def test_a_loss_of_robustness_is_not_comparable(tmp_path: Path):
    bench = Bench(tmp_path)
    ended(bench, {}, {"bat": -0.05})
    found = verdicts(bench.make("table2"))
    assert (
        found[
            f"{BATS[0]} has adversarial accuracy (PGD-20) on all test samples comparable to that of {BEST_ADVERSARIAL}"
        ]
        == "contradicted"
    )


def test_wide_networks_are_held_to_the_papers_stronger_claim(tmp_path: Path):
    bench, wide = Bench(tmp_path), setting("mini", TINY, WRN)
    ended(bench, {"bat": 0.7}, one=wide)
    findings = verdicts(bench.make("table7", wide))
    assert any("higher adversarial accuracy (CW)" in one for one in findings)
    assert not any("comparable" in one for one in findings)


def test_the_table_shows_deviations_over_seeds_and_the_papers_numbers(tmp_path: Path):
    bench = Bench(tmp_path)
    ended(bench, {"bat": 0.7})
    artifact = bench.make("table4")
    lines = artifact.tables[0].splitlines()
    heads = ("clean", "FGSM", "PGD-20", "CW", "APGD", "AutoAttack")
    assert lines[0] == f"| fashion-5, mlp-512 | {' | '.join(f'all, {one}' for one in heads)} |"
    assert len(lines) == 2 + 17
    cells = lines[2].split(" | ")
    assert cells[0] == f"| {BEST_ADVERSARIAL}"
    assert cells[1].endswith("(56.9)")
    assert " ± " in cells[1]
    assert cells[6].endswith("(23.6) |")
    row = next(one for one in artifact.numbers if one["method"] == BEST_ADVERSARIAL and one["attack"] == "clean")
    assert cells[1].startswith(f"{100 * row['accuracy']:.1f} ± {100 * row['deviation over seeds']:.1f}")


def test_autoattack_is_compared_on_the_samples_that_it_tried(tmp_path: Path):
    bench = Bench(tmp_path)
    ended(bench, {})
    artifact = bench.make("table4")
    assert f"AutoAttack ran on {SUBSET} of the 1,200" in artifact.notes[0]
    assert "times that a network withstands APGD on one of them, AutoAttack defeats it" in artifact.notes[0]
    ranking = artifact.verdicts[0]
    assert ranking.finding.startswith("APGD leaves no more")
    assert ranking.verdict == "confirmed"


def test_findings_on_autoattack_are_judged_by_its_first_parts_on_all_samples(tmp_path: Path):
    assert set(ATTACKS) == {"clean", "fgsm", "pgd", "cw", APGD, "autoattack"}
    bench = Bench(tmp_path)
    ended(bench, {})
    artifact = bench.make("table4")
    judged = {attack: sum(f"({name})" in one.finding for one in artifact.verdicts) for attack, name in ATTACKS.items()}
    assert (judged["cw"], judged[APGD], judged["autoattack"]) == (4, 4, 0)
    label = f"{BATS[0]} has adversarial accuracy (APGD) on all test samples comparable to that of {BEST_ADVERSARIAL}"
    (found,) = (one for one in artifact.verdicts if one.finding == label)
    (best,) = (
        one
        for one in artifact.numbers
        if one["method"] == BEST_ADVERSARIAL and one["attack"] == APGD and one["samples"] == "all"
    )
    assert f"against {100 * best['accuracy']:.1f} [" in found.numbers


def test_an_attack_that_leaves_more_than_a_weaker_one_breaks_the_ranking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(DROPS, "apgd-ce+apgd-dlr", 0.3)
    bench = Bench(tmp_path)
    ended(bench, {})
    ranking = bench.make("table4").verdicts[0]
    assert ranking.verdict == "contradicted"
    assert "APGD to CW" in ranking.numbers


def test_one_seed_has_no_deviation(tmp_path: Path):
    bench = Bench(tmp_path, seeds=(0,))
    ended(bench, {"bat": 0.7})
    artifact = bench.make("table2")
    assert "±" not in artifact.tables[0]
    assert all("one seed" in one.numbers for one in artifact.verdicts)
    assert all(np.isnan(row["deviation over seeds"]) for row in artifact.numbers)


def test_a_group_without_samples_is_left_open(tmp_path: Path):
    bench = Bench(tmp_path, study=study(atypical=False))
    ended(bench, {"bat": 0.7})
    artifact = bench.make("table2")
    open_ones = {one.finding for one in artifact.verdicts if one.verdict == "not testable"}
    assert open_ones == {
        f"{bat} has higher clean accuracy on atypical test samples than {BEST_ADVERSARIAL}" for bat in BATS
    }
    assert artifact.tables[0].splitlines()[2].endswith("| - | - |")
    drawn(artifact)


@pytest.mark.parametrize("name", ["table2", "table4"])
def test_a_small_study_is_refused(tmp_path: Path, name: str):
    with pytest.raises(InvalidInput, match="110 more"):
        Bench(tmp_path, study=study(trials=100)).make(name, setting("mini", CIFAR100, RESNET18))
