"""Attacks by name: parts of AutoAttack, targets, one's own loss, another network's images, and l2 balls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from memscore.errors import InvalidInput
from memscore.learning.data import DeviceData
from trainer.attacks import Attack, ascend, autoattack, cross_entropy, pgd, pgd_targeted, project, uniform_start
from trainer.attacks.attack import Norm
from trainer.attacks.objectives import Objective, margin, margins
from trainer.attacks.registry import AttackInParts, IterativeAttack, named
from trainer.attacks.survival import correct, survives, survives_targets
from trainer.evaluation import Evaluation, EvaluationConfig, evaluate
from trainer.evaluation.probing import sweep_radii

CLASSES, EPSILON = 5, 0.08


class Linear(nn.Module):
    """Its logits are linear in the pixels, so the strongest attack is known."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.layer = nn.Linear(3 * 4 * 4, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        return self.layer(images.flatten(1))


@pytest.fixture
def network() -> nn.Module:
    return Linear().eval()


@pytest.fixture
def data(network: nn.Module) -> DeviceData:
    """Images in the middle of the range, most of which the network classifies correctly."""
    torch.manual_seed(1)
    images = torch.randint(90, 166, (120, 4, 4, 3), dtype=torch.uint8)
    with torch.no_grad():
        labels = network(images.permute(0, 3, 1, 2) / 255).argmax(dim=1)
    labels[::10] = (labels[::10] + 1) % CLASSES
    return DeviceData(images[:60], labels[:60], images[60:], labels[60:], CLASSES, torch.device("cpu"))


def evaluated(network: nn.Module, data: DeviceData, *attacks: str, **changes: Any) -> Evaluation:
    settings: dict[str, Any] = {"epsilon": EPSILON, "splits": ("test",), "alarm_samples": 0, "autoattack_samples": 60}
    source = changes.pop("source", None)
    config = EvaluationConfig(attacks=attacks, **{**settings, **changes})
    return evaluate(network, data, config, source=source, folder=changes.get("folder"))


def survivors(evaluation: Evaluation, attack: str) -> np.ndarray:
    return evaluation.samples[0][f"correct_{attack}"].data


def inputs(data: DeviceData) -> tuple[Tensor, Tensor]:
    return data.x_test.permute(0, 3, 1, 2) / 255, data.y_test


def test_parts_in_a_row_leave_what_each_leaves_of_the_rest(network: nn.Module, data: DeviceData):
    found = evaluated(network, data, "apgd-ce", "apgd-t", "apgd-ce+apgd-t", "pgd")
    alone, both = survivors(found, "apgd-ce"), survivors(found, "apgd-ce+apgd-t")
    assert 0 < both.sum() <= alone.sum() < 60
    assert not (both & ~alone).any()
    images, labels = inputs(data)
    left = torch.from_numpy(alone)
    survived, _ = autoattack.survives_part("apgd-t", network, images[left], labels[left], EPSILON, CLASSES, seed=0)
    assert both[alone].tolist() == survived.tolist()


def test_parts_alone_are_held_against_pgd_and_their_warnings_are_told(
    network: nn.Module, data: DeviceData, monkeypatch: pytest.MonkeyPatch
):
    craft = autoattack.craft_part

    def warning(*given: Any) -> Any:
        return craft(*given)[0], ["there are 2 points with zero gradient!"]

    monkeypatch.setattr(autoattack, "craft_part", warning)
    found = evaluated(network, data, "pgd", "apgd-ce+apgd-t")
    checks = {finding.check: finding for finding in found.findings}
    assert "apgd-ce+apgd-t against PGD" in checks
    assert checks["AutoAttack's flags"].level == "amber"
    assert checks["AutoAttack's flags"].found == "4 starting points without a gradient of its loss"
    assert "AutoAttack's flags" not in {finding.check for finding in evaluated(network, data, "pgd").findings}


def test_the_first_part_is_attacked_once_for_several_attacks(
    network: nn.Module, data: DeviceData, monkeypatch: pytest.MonkeyPatch
):
    called: list[str] = []
    craft = autoattack.craft_part

    def counted(part: str, *given: Any) -> Any:
        called.append(part)
        return craft(part, *given)

    monkeypatch.setattr(autoattack, "craft_part", counted)
    evaluated(network, data, "apgd-ce", "apgd-ce+apgd-t")
    assert called == ["apgd-ce", "apgd-t"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("apgd-ce+pgd", "no part 'pgd'; join any of apgd-ce, apgd-dlr, apgd-t, fab-t, square with"),
        ("square+square", "has the part square twice"),
        ("apgd", "There is no attack 'apgd'"),
        ("pgd-targeted-3", "There is no attack"),
        ("own:nothing", "does not name a function"),
        ("own:tests.trainer.test_named_attacks:nothing", "has no function nothing of loss"),
    ],
)
def test_wrong_names_are_refused(name: str, said: str):
    with pytest.raises(InvalidInput, match=said):
        named(name)


def test_a_part_whose_loss_needs_more_classes_is_refused_before_any_work():
    binary = nn.Sequential(nn.Flatten(), nn.Linear(48, 2))
    images = torch.zeros(4, 4, 4, 3, dtype=torch.uint8)
    data = DeviceData(images, torch.tensor([0, 1, 0, 1]), images, torch.tensor([0, 1, 0, 1]), 2, torch.device("cpu"))
    with pytest.raises(InvalidInput, match="The loss of apgd-t needs 4 classes, and there are 2; use apgd-ce or"):
        evaluated(binary, data, "apgd-ce+apgd-t")


def test_targets_are_reached_as_closely_as_the_ball_allows(network: nn.Module, data: DeviceData):
    """For linear logits the signed step towards a class is known."""
    images, _ = inputs(data)
    targets = torch.arange(len(images)) % CLASSES
    attack = Attack(epsilon=EPSILON, step_size=EPSILON, steps=1, random_start=False)
    crafted = pgd_targeted(network, images, targets, attack)
    with torch.no_grad():
        before = network(images).log_softmax(dim=1).gather(1, targets[:, None])
        after = network(crafted).log_softmax(dim=1).gather(1, targets[:, None])
    assert (after > before).all()
    assert ((crafted - images).abs() <= EPSILON + 1e-6).all()


def test_all_targets_find_each_sample_that_can_be_lost(network: nn.Module, data: DeviceData):
    """Linear logits: a sample can be lost if, and only if, some wrong class gains more than its margin."""
    images, labels = inputs(data)
    weight = network.get_parameter("layer.weight").detach()
    with torch.no_grad():
        logits = network(images)
    gains = (weight[None] - weight[labels][:, None]).abs().sum(dim=2) * EPSILON
    gaps = logits.gather(1, labels[:, None]) - logits
    can_be_lost = ((gains > gaps) & (torch.arange(CLASSES) != labels[:, None])).any(dim=1)
    attack = Attack(epsilon=EPSILON, step_size=EPSILON / 4, steps=20, random_start=False)
    left = survives_targets(network, images, labels, attack, targets=9)
    assert left.tolist() == (~can_be_lost & correct(network, images, labels)).tolist()
    assert survivors(evaluated(network, data, "pgd-targeted"), "pgd-targeted").tolist() == left.tolist()
    fewer = survives_targets(network, images, labels, attack, targets=1)
    assert not (left & ~fewer).any()


def own_margin(labels: Tensor) -> Objective:
    return lambda logits: margins(logits, labels)


def of_no_shape(labels: Tensor) -> Objective:
    return lambda logits: logits.mean()


def of_no_kind(labels: Tensor) -> Any:
    return labels


def without_numbers(labels: Tensor) -> Objective:
    return lambda logits: logits.gather(1, labels[:, None])[:, 0] * float("nan")


def that_fails(labels: Tensor) -> Objective:
    return lambda logits: logits[:, labels.max() + 99]


def of_nothing() -> Objective:
    return torch.sum


def test_ones_own_loss_that_is_a_margin_is_cw(network: nn.Module, data: DeviceData):
    own = "own:tests.trainer.test_named_attacks:own_margin"
    found = evaluated(network, data, "cw", own)
    assert survivors(found, own).tolist() == survivors(found, "cw").tolist()
    assert 0 < survivors(found, own).sum() < survivors(found, "clean").sum()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("of_no_shape", "one value for each sample"),
        ("of_no_kind", "must return a function of the logits, not Tensor"),
        ("without_numbers", "is not a number for some samples, so that its attack does nothing"),
        ("that_fails", "that_fails failed: IndexError: "),
        ("of_nothing", "of_nothing failed: TypeError: "),
    ],
)
def test_a_loss_that_cannot_be_used_is_refused(network: nn.Module, data: DeviceData, name: str, said: str):
    with pytest.raises(InvalidInput, match=said):
        evaluated(network, data, f"own:tests.trainer.test_named_attacks:{name}")


def test_images_of_the_network_itself_transfer_as_pgds_last_iterate(network: nn.Module, data: DeviceData):
    images, labels = inputs(data)
    attack = Attack(epsilon=EPSILON, step_size=EPSILON / 4, steps=20, random_start=False)
    last = ascend(network, images, images.clone(), cross_entropy(labels), attack)
    expected = correct(network, images, labels) & correct(network, last, labels)
    found = evaluated(network, data, "transfer", source=network)
    assert survivors(found, "transfer").tolist() == expected.tolist()
    assert found.meta["source"] == found.meta["weights"]


def test_images_of_another_network_do_less_harm(network: nn.Module, data: DeviceData):
    found = evaluated(network, data, "transfer", "pgd", source=Linear(seed=7).eval())
    assert survivors(found, "pgd").sum() < survivors(found, "transfer").sum()
    assert found.meta["source"] != found.meta["weights"]


def test_a_transfer_without_a_source_is_refused(network: nn.Module, data: DeviceData):
    with pytest.raises(InvalidInput, match="name it with --transfer-from"):
        evaluated(network, data, "transfer")


def test_an_l2_step_on_linear_logits_is_the_strongest_change(network: nn.Module, data: DeviceData):
    """The margin to a class falls by epsilon times the length of the difference of their weights."""
    images, labels = inputs(data)
    radius = 0.3
    weight = network.get_parameter("layer.weight").detach()
    attack = Attack(norm="l2", epsilon=radius, step_size=radius, steps=1, random_start=False)
    crafted = ascend(network, images, images.clone(), margin(labels), attack)
    with torch.no_grad():
        logits = network(images)
        rivals = logits.scatter(1, labels[:, None], -torch.inf).argmax(dim=1)
        gained = (network(crafted) - logits).gather(1, rivals[:, None])[:, 0]
        gained -= (network(crafted) - logits).gather(1, labels[:, None])[:, 0]
    lengths = (weight[rivals] - weight[labels]).norm(dim=1)
    torch.testing.assert_close(gained, radius * lengths)
    torch.testing.assert_close((crafted - images).flatten(1).norm(dim=1), torch.full((60,), radius))


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_every_iterate_and_start_stays_in_the_ball_and_in_the_range(norm: Norm):
    torch.manual_seed(0)
    images, labels = torch.rand(50, 3, 4, 4), torch.randint(CLASSES, (50,))
    start = uniform_start(images, 0.5, norm=norm)
    crafted = pgd(Linear(), images, labels, Attack(norm=norm, epsilon=0.5, step_size=0.2, steps=7))
    for found in (start, crafted, project(images + 3 * torch.randn_like(images), images, 0.5, norm)):
        change = (found - images).flatten(1)
        length = change.abs().amax(dim=1) if norm == "linf" else change.norm(dim=1)
        assert length.max() <= 0.5 + 1e-5
        assert found.min() >= 0
        assert found.max() <= 1
        assert length.max() > 0.2


def test_random_points_of_an_l2_ball_are_uniform():
    """In d dimensions the share within r of the centre is (r / epsilon)^d."""
    generator = torch.Generator().manual_seed(0)
    images = torch.full((20_000, 1, 1, 3), 0.5)
    change = (uniform_start(images, 0.4, generator, "l2") - images).flatten(1)
    inside = (change.norm(dim=1) < 0.2).double().mean().item()
    assert inside == pytest.approx(1 / 8, abs=4 * (1 / 8 * 7 / 8 / 20_000) ** 0.5)
    assert change.mean(dim=0).abs().max() < 0.01


def test_a_gradient_of_zero_or_too_small_to_be_squared_is_no_division_by_zero():
    class Flat(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return torch.stack([1e-30 * images[:, 0].flatten(1).sum(dim=1), 0 * images.flatten(1).sum(dim=1)], dim=1)

    images, labels = torch.full((4, 3, 4, 4), 0.5), torch.zeros(4, dtype=torch.int64)
    attack = Attack(norm="l2", epsilon=0.5, step_size=0.5, steps=1, random_start=False)
    crafted = ascend(Flat(), images, images.clone(), margin(labels), attack)
    change = crafted - images
    assert change[:, 1:].abs().max() == 0
    torch.testing.assert_close(change.flatten(1).norm(dim=1), torch.full((4,), 0.5))
    nowhere = ascend(Flat(), images, images.clone(), lambda logits: 0 * logits[:, 1], attack)
    assert torch.equal(nowhere, images)


def test_a_radius_beyond_one_is_for_l2_alone():
    assert Attack(norm="l2", epsilon=3, step_size=1.5, steps=2).epsilon == 3
    assert EvaluationConfig(norm="l2", epsilon=2).epsilon == 2
    with pytest.raises(ValidationError, match=r"8 is out of range: pixels lie in \[0, 1\]; write 8/255"):
        EvaluationConfig(epsilon=8)
    with pytest.raises(ValidationError, match="500 is out of range"):
        Attack(epsilon=500, step_size=0.1, steps=1)
    with pytest.raises(ValidationError):
        EvaluationConfig.model_validate({"norm": "l1", "epsilon": 0.1})


def test_an_evaluation_in_an_l2_ball_is_one_of_its_own(network: nn.Module, data: DeviceData, tmp_path: Any):
    config = {"epsilon": 0.8, "attacks": ("fgsm", "pgd", "apgd-ce"), "splits": ("test",), "alarm_samples": 20}
    ball = evaluate(network, data, EvaluationConfig(norm="l2", **config), folder=tmp_path)
    cube = evaluate(network, data, EvaluationConfig(**config), folder=tmp_path)
    again = evaluate(network, data, EvaluationConfig(norm="l2", **config))
    for attack in config["attacks"]:
        assert survivors(ball, attack).tolist() == survivors(again, attack).tolist()
        assert survivors(cube, attack).sum() < survivors(ball, attack).sum() < survivors(ball, "clean").sum()
    assert ball.meta["norm"] == "l2"
    assert max(ball.probes.sweep) == pytest.approx(48**0.5)
    assert ball.probes.sweep[max(ball.probes.sweep)] == 0
    assert any(finding.found == "l2 epsilon 0.8" for finding in ball.findings)
    images, labels = inputs(data)
    attack = Attack(norm="l2", epsilon=0.8, step_size=0.2, steps=20, random_start=False)
    assert survivors(ball, "pgd").tolist() == survives(network, images, labels, cross_entropy, attack).tolist()


def test_the_radii_of_a_sweep_end_where_any_image_can_become_any_other():
    assert sweep_radii(0.1) == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0]
    assert sweep_radii(1.0, 7.0) == [0.5, 1.0, 2.0, 4.0, 7.0]


def test_names_say_what_is_done():
    parts, plain = named("apgd-ce+square"), named("pgd-50x2@eps/8")
    assert isinstance(parts, AttackInParts)
    assert parts.passes == 100 + 2500
    assert isinstance(plain, IterativeAttack)
    assert (plain.steps, plain.starts, plain.divisor, plain.passes) == (50, 2, 8, 100)
