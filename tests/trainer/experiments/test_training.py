"""Figure 4: what is made of methods whose course is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from memscore.errors import InvalidInput
from tests.trainer.experiments.finished_runs import Bench, Share, drawn, finish, study, verdicts
from trainer.experiments.catalogue import ITEMS
from trainer.experiments.scales import CIFAR100, RESNET18, setting
from trainer.experiments.setting import Setting

PGD_LOSES = "PGD loses adversarial accuracy (PGD-20) from its best epoch to its last"
PREVENTS = "BAT, alpha 1, beta 0.2 loses less adversarial accuracy (PGD-20) from its best epoch to its last than PGD"
BAT_KEEPS = "BAT, alpha 1, beta 0.2 keeps its best adversarial accuracy (PGD-20) to the last epoch"


def ended(bench: Bench, robust: dict[str, tuple[float, float]], one: Setting | None = None) -> None:
    """Runs of every contender whose adversarial accuracy goes from the first number, at epoch 10, to the second."""
    panel = bench.panel(one)

    def share_of(method: str) -> Share:
        before, after = robust.get(method, (0.4, 0.3))
        return lambda _split, _group, attack, epoch: (
            0.5 + epoch / 200 if attack == "clean" else before + (after - before) * (epoch - 10) / 20
        )

    for run in ITEMS["fig4"].kind.runs(panel.setting, bench.seeds):
        finish(panel.finished(run), share_of(run.method))


def test_bat_keeps_what_the_others_lose(tmp_path: Path):
    bench = Bench(tmp_path)
    ended(bench, {"bat": (0.36, 0.4)})
    artifact = bench.make("fig4")
    assert set(verdicts(artifact).values()) == {"confirmed"}
    assert len(artifact.verdicts) == 14
    pgd = next(one for one in artifact.verdicts if one.finding == PGD_LOSES)
    assert pgd.value == pytest.approx(0.1, abs=0.03)
    accuracies = {(row["method"], row["attack"], row["epoch"]): row for row in artifact.numbers if not row["minus"]}
    differences = [row for row in artifact.numbers if row["minus"] == "PGD"]
    assert (len(accuracies), len(differences)) == (6 * 2 * 3, 5 * 2 * 3)
    for row in differences:
        one, pgd_at = (accuracies[method, row["attack"], row["epoch"]] for method in (row["method"], "PGD"))
        assert row["accuracy"] == pytest.approx(one["accuracy"] - pgd_at["accuracy"])
        assert row["low"] <= row["accuracy"] <= row["high"]
    drawn(artifact)


def test_a_bat_that_loses_too_is_not_confirmed(tmp_path: Path):
    bench = Bench(tmp_path)
    ended(bench, {"pgd": (0.4, 0.4)})
    artifact = bench.make("fig4")
    found = verdicts(artifact)
    assert found[BAT_KEEPS] == "contradicted"
    assert found[PGD_LOSES] == "undecided", "the best of equal epochs is not above the last by having been chosen"
    assert found[PREVENTS] == "not testable"
    prevents = next(one for one in artifact.verdicts if one.finding == PREVENTS)
    assert (
        "it presupposes that PGD loses adversarial accuracy (PGD-20), which these runs do not show" in prevents.numbers
    )


def test_a_bat_that_loses_as_much_as_pgd_prevents_nothing(tmp_path: Path):
    bench = Bench(tmp_path)
    ended(bench, {})
    found = verdicts(bench.make("fig4"))
    assert (found[PGD_LOSES], found[PREVENTS]) == ("confirmed", "undecided")


def test_with_the_last_epoch_alone_nothing_can_be_tested(tmp_path: Path):
    short = replace(setting("mini", CIFAR100, RESNET18), extra={"epochs": 4})
    bench = Bench(tmp_path, seeds=(0,))
    ended(bench, {}, short)
    assert set(verdicts(bench.make("fig4", short)).values()) == {"not testable"}


def test_a_small_study_is_refused(tmp_path: Path):
    with pytest.raises(InvalidInput, match="10 more"):
        Bench(tmp_path, study=study(trials=200)).make("fig4")
