"""Alarms and lint: they fire on networks that hide, or are misused, and not on an honest one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from memscore.datasets import load_source
from memscore.learning.data import DeviceData
from memscore.runs.sample_records import SampleRecords, known, scattered
from trainer.config import TrainConfig
from trainer.evaluation import Evaluation, EvaluationConfig, evaluate
from trainer.evaluation.masking import Probes, alarms
from trainer.run import train_network

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def digits() -> DeviceData:
    data = DeviceData.of(load_source("digits"), CPU)
    return replace(data, x_test=data.x_test[:100], y_test=data.y_test[:100])


@pytest.fixture(scope="module")
def honest() -> nn.Module:
    torch.set_num_threads(1)
    config = TrainConfig(method="pgd", epochs=3, attack_steps=3, network_options={"width": 8}, evaluation_steps=1)
    return train_network(load_source("digits"), config)


class Around(nn.Module):
    """A network with something before or after it."""

    def __init__(self, network: nn.Module, before: Any = None, after: Any = None) -> None:
        super().__init__()
        self.network, self.before, self.after = network, before, after

    def forward(self, images: Tensor) -> Tensor:
        logits = self.network(images if self.before is None else self.before(images))
        return logits if self.after is None else self.after(logits)


def levels(found: Evaluation) -> dict[str, str]:
    return {finding.check: finding.level for finding in found.findings}


def tried(network: nn.Module, data: DeviceData, **changes: Any) -> dict[str, str]:
    settings = {"epsilon": 0.1, "attacks": ("fgsm", "pgd", "cw"), "splits": ("test",), "alarm_samples": 50, **changes}
    return levels(evaluate(network, data, EvaluationConfig.model_validate(settings)))


def test_an_honest_network_raises_no_alarm(honest: nn.Module, digits: DeviceData):
    assert set(tried(honest, digits).values()) == {"green"}


def test_large_logits_are_seen(honest: nn.Module, digits: DeviceData):
    """Times 10,000 cross-entropy is flat in single precision, and the margin is not."""
    found = tried(Around(honest, after=lambda logits: 1e4 * logits), digits)
    assert found["zero gradients"] == "red"
    assert found["cw against PGD"] == "red"
    assert found["epsilon sweep"] == "red"


def test_a_quantizer_is_seen(honest: nn.Module, digits: DeviceData):
    """Rounding has no gradient: FGSM and PGD find nothing."""
    found = tried(Around(honest, before=lambda images: torch.round(images * 15) / 15), digits)
    assert found["zero gradients"] == "red"
    assert found["epsilon sweep"] == "red"


def test_probabilities_are_seen(honest: nn.Module, digits: DeviceData):
    assert tried(Around(honest, after=lambda logits: logits.softmax(dim=1)), digits)["logits"] == "red"


@pytest.mark.parametrize(
    ("undone", "level"),
    [
        (lambda images: images / 2 + 0.5, "red"),
        (lambda images: images / 255, "red"),
        (lambda images: images * 0.35 + 0.3, "amber"),  # about the deviation and the mean of digits
    ],
)
def test_a_network_that_expects_other_pixels_is_seen(honest: nn.Module, digits: DeviceData, undone: Any, level: str):
    assert tried(Around(honest, before=undone), digits, attacks=(), alarm_samples=0)["pixel range"] == level


def test_a_random_network_is_seen(honest: nn.Module, digits: DeviceData):
    noisy = Around(honest, before=lambda images: images + 0.1 * torch.rand_like(images))
    assert tried(noisy, digits, attacks=(), alarm_samples=0)["randomness"] == "red"


def test_statistics_of_the_batch_are_seen(digits: DeviceData):
    torch.manual_seed(0)
    batch = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, track_running_stats=False), nn.Flatten())
    network = nn.Sequential(batch, nn.Linear(144, 10))
    assert tried(network.eval(), digits, attacks=(), alarm_samples=0)["independence"] == "red"


def test_training_mode_is_told(honest: nn.Module, digits: DeviceData):
    honest.train()
    try:
        assert tried(honest, digits, attacks=(), alarm_samples=0)["mode"] == "amber"
    finally:
        honest.eval()


@pytest.mark.parametrize(
    ("epsilon", "level"),
    [(8 / 255, "green"), (0.031, "amber"), (0.03, "amber"), (0.0157, "amber"), (4 / 255, "green"), (0.1, "green")],
)
def test_radii_that_are_almost_a_common_one_are_told(honest: nn.Module, digits: DeviceData, epsilon: float, level: str):
    assert tried(honest, digits, epsilon=epsilon, attacks=(), alarm_samples=0)["epsilon"] == level


def test_an_attack_that_cannot_reach_the_edge_is_told(honest: nn.Module, digits: DeviceData):
    found = tried(honest, digits, attacks=("pgd-3", "pgd-5@eps/10", "pgd-4"), alarm_samples=0)
    assert [found[f"reach of {name}"] for name in ("pgd-3", "pgd-5@eps/10", "pgd-4")] == ["red", "red", "green"]


def made(**correct: list[int]) -> SampleRecords:
    """100 samples, of which the given counts are right under each attack, the first ones."""
    columns = {"label": known(np.zeros(100, np.int64))}
    for name, right in correct.items():
        columns[f"correct_{name}"] = known(np.isin(np.arange(100), right))
    return SampleRecords("test", columns)


def level(samples: SampleRecords, check: str, **probes: Any) -> str:
    return next(one.level for one in alarms(samples, Probes(**probes)) if one.check == check)


@pytest.mark.parametrize(("pgd", "expected"), [(50, "green"), (60, "green"), (62, "amber"), (75, "red")])
def test_pgd_that_finds_less_than_fgsm_is_graded(pgd: int, expected: str):
    samples = made(fgsm=list(range(60)), pgd=list(range(pgd)))
    assert level(samples, "PGD against FGSM") == expected


@pytest.mark.parametrize(("cw", "expected"), [(60, "green"), (57, "green"), (55, "amber"), (50, "red")])
def test_cw_far_below_pgd_is_graded(cw: int, expected: str):
    assert level(made(pgd=list(range(60)), cw=list(range(cw))), "cw against PGD") == expected


def test_autoattack_is_compared_on_its_own_samples():
    samples = made(pgd=list(range(60)))
    columns = {**samples.columns, "correct_autoattack": scattered(np.ones(10, np.bool_), np.arange(50, 60), 100)}
    assert level(SampleRecords("test", columns), "autoattack against PGD") == "green"
    columns["correct_autoattack"] = scattered(np.arange(10) < 7, np.arange(50, 60), 100)
    assert level(SampleRecords("test", columns), "autoattack against PGD") == "red"


@pytest.mark.parametrize(("left", "expected"), [(500, "green"), (495, "amber"), (450, "red")])
def test_square_that_finds_what_gradients_miss_is_graded(left: int, expected: str):
    parts = {"fab-t": np.arange(1000) < 500, "square": np.arange(1000) < left}
    assert level(made(), "Square against gradients", parts=parts) == expected


@pytest.mark.parametrize(
    ("sweep", "zero", "fall"),
    [
        ({0.1: 0.9, 0.5: 0.2, 1.0: 0.0}, "green", "green"),
        ({0.1: 0.9, 0.5: 0.2, 1.0: 0.05}, "amber", "green"),
        ({0.1: 0.2, 0.5: 0.25, 1.0: 0.5}, "red", "red"),
    ],
)
def test_a_sweep_is_graded(sweep: dict[float, float], zero: str, fall: str):
    assert level(made(), "epsilon sweep", sweep=sweep) == zero
    assert level(made(), "fall over epsilon", sweep=sweep) == fall


@pytest.mark.parametrize(
    ("warnings", "expected", "found"),
    [
        ((), "green", "none"),
        (
            ("there are 3 points with zero gradient!", "there are 4 points with zero gradient!"),
            "amber",
            "7 starting",
        ),
        (("it seems to be a randomized defense!",) * 2, "red", "randomized"),
        (("it seems that the output is a probability distribution",), "red", "probability"),
    ],
)
def test_warnings_of_autoattack_are_told(warnings: tuple[str, ...], expected: str, found: str):
    samples = made(pgd=[1], autoattack=[1])
    finding = next(one for one in alarms(samples, Probes(warnings=warnings)) if one.check == "AutoAttack's flags")
    assert finding.level == expected
    assert found in finding.found
