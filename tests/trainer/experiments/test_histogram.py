"""Figure 7 on studies whose values are known."""

import numpy as np
import pytest

from memscore.errors import InvalidInput
from tests.trainer.experiments.synthetic_study import made, study, words
from trainer.experiments.catalogue import ITEMS
from trainer.experiments.inputs import Panel
from trainer.experiments.kinds.histogram import MemHistogram
from trainer.experiments.scales import CIFAR10, CIFAR100, RESNET18, setting

NEAR_0, TAILED = np.full(700, 0.01), np.linspace(0.05, 1, 300)


def test_a_mass_near_0_with_a_tail_up_to_1_is_found():
    artifact = made("fig7", study(np.concatenate([NEAR_0, TAILED])))
    assert words(artifact) == ["not testable", "confirmed", "confirmed"]


def test_values_spread_evenly_have_no_mass_near_0():
    assert words(made("fig7", study(np.linspace(0, 1, 1000))))[1] == "undecided"


def test_a_mass_elsewhere_is_the_opposite():
    verdict = made("fig7", study(np.concatenate([np.full(700, 0.5), TAILED]))).verdicts[1]
    assert verdict.verdict == "contradicted"


def test_a_tail_that_ends_early_does_not_reach_1():
    assert words(made("fig7", study(np.concatenate([NEAR_0, TAILED * 0.8]))))[2] == "contradicted"


@pytest.mark.parametrize(("atypical", "verdict"), [(0.5, "confirmed"), (0.4, "undecided"), (0.1, "contradicted")])
def test_the_papers_share_is_tested_on_the_papers_dataset_alone(atypical: float, verdict: str):
    mem = np.where(np.arange(1000) < 1000 * atypical, 0.5, 0.0)
    assert words(made("fig7", study(mem)))[0] == "not testable"
    assert words(made("fig7", study(mem), dataset=CIFAR100))[0] == verdict


def test_every_defined_sample_is_in_one_bin_and_those_below_0_in_the_first():
    mem = np.concatenate([[-0.1, 0.0, 1.0, np.nan], np.full(96, 0.3)])
    numbers = made("fig7", study(mem)).numbers
    counts = [row["typical"] + row["between"] + row["atypical"] for row in numbers]
    assert counts[0] == 2
    assert counts[-1] == 1
    assert sum(counts) == 99
    assert sum(row["share"] for row in numbers) == pytest.approx(1)


def test_a_dataset_is_shown_once_whatever_networks_stand_on_it():
    one = study(np.concatenate([NEAR_0, TAILED]))
    panels = [
        Panel(setting("mini", subject, RESNET18, own_dataset="own"), one, runs=None, seeds=(0,))  # pyright: ignore[reportArgumentType]
        for subject in (CIFAR10, CIFAR100)
    ]
    assert len(MemHistogram().make(ITEMS["fig7"], panels).verdicts) == 3


def test_too_few_trials_are_refused_with_the_number_missing():
    with pytest.raises(InvalidInput, match="110 more"):
        made("fig7", study(NEAR_0, trials=100))
