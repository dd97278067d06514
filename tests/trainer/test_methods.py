"""Methods: golden values in double precision, and identities bit for bit."""

from typing import cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from memscore.learning.networks import SmallCNN
from trainer.attacks import Attack
from trainer.config import TrainConfig
from trainer.learner import Learner
from trainer.methods import METHODS, Batch, Step
from trainer.methods.dpls import smoothed, smoothing
from trainer.methods.gairat import geometry_weights
from trainer.methods.mart import boosted_cross_entropy, weighted_divergence
from trainer.methods.trades import divergences
from trainer.model import Model
from trainer.step_draws import Draws

CLEAN = torch.tensor([[2, 0, 0], [0, 1, 0]], dtype=torch.float64)
ADVERSARIAL = torch.tensor([[1, 0.5, 0], [1, 0, 0]], dtype=torch.float64)
LABELS = torch.tensor([0, 1])
STATE = tuple[list[float], list[Tensor]]


def batch(number: int) -> Batch:
    generator = torch.Generator().manual_seed(number)
    return Batch(
        torch.rand(24, 1, 8, 8, generator=generator),
        torch.randint(0, 10, (24,), generator=generator),
        torch.rand(24, generator=generator),
    )


def trained(method: str, options: dict[str, object], **fields: object) -> STATE:
    """Losses and weights after five steps, the later ones in the second half of training."""
    torch.manual_seed(0)
    config = TrainConfig.model_validate({"method": method, "options": options, "attack_steps": 4, **fields})
    learner = Learner(SmallCNN(1, 10, 8), config)
    losses = []
    for number in range(5):
        step = Step(config.training_attack, Draws(0, 0, number), number / 5, single_step=config.inner == "n-fgsm")
        losses.append(learner.learn(batch(number), step, 0.1).value.item())
    return losses, [value.clone() for value in learner.network.state_dict().values()]


def same(one: STATE, other: STATE) -> bool:
    return one[0] == other[0] and all(torch.equal(a, b) for a, b in zip(one[1], other[1], strict=True))


@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_dpls_is_cross_entropy_with_labels_smoothed_by_mem(strength: float):
    """Against PyTorch's own smoothing, sample by sample; unknown and negative mem smooth nothing."""
    torch.manual_seed(0)
    logits, labels = torch.randn(6, 10, dtype=torch.float64), torch.arange(6)
    mem = torch.tensor([0.0, 0.2, 1.0, -0.3, torch.nan, 7.0], dtype=torch.float64)
    known = [0.0, 0.2, 1.0, 0.0, 0.0, 7.0]
    expected = [
        functional.cross_entropy(one[None], label[None], label_smoothing=min(strength * value, 1)).item()
        for one, label, value in zip(logits, labels, known, strict=True)
    ]
    assert smoothed(logits, labels, smoothing(mem, strength)).tolist() == pytest.approx(expected, abs=1e-12)


def test_trades_is_golden():
    loss = functional.cross_entropy(CLEAN, LABELS) + 6 * divergences(CLEAN, ADVERSARIAL).mean()
    assert loss.item() == pytest.approx(2.011393, abs=5e-7)


def test_mart_is_golden():
    boosted = boosted_cross_entropy(ADVERSARIAL, LABELS).mean()
    weighted = weighted_divergence(CLEAN, ADVERSARIAL, LABELS)
    assert boosted.item() == pytest.approx(1.728320, abs=5e-7)
    missing = 1.0000001 - functional.softmax(CLEAN, dim=1)[torch.arange(2), LABELS]
    torch.testing.assert_close(weighted / missing, torch.tensor([0.174457, 0.364175]).double(), atol=5e-7, rtol=0)
    assert (boosted + 5 * weighted.mean()).item() == pytest.approx(2.207144, abs=5e-7)


def test_geometry_weights_by_hand():
    """(1 + tanh(-1 + 5 - kappa)) / 2 at 10 steps: nearly 1 for what falls at once, nearly 0 for what never does."""
    found = geometry_weights(torch.tensor([0, 5, 10]), 10, -1.0)
    expected = (1 + torch.tanh(torch.tensor([4.0, -1.0, -6.0]).double())) / 2
    torch.testing.assert_close(found, expected)


def test_half_of_an_odd_number_of_steps_is_rounded_down():
    """The authors' int(7 / 2) = 3: 1 + tanh(-1 + 5 (3 - kappa) / 3)."""
    kappa = torch.tensor([0, 1, 3, 7])
    expected = (1 + torch.tanh(torch.tensor([4, -1 + 10 / 3, -1, -1 - 20 / 3]).double())) / 2
    torch.testing.assert_close(geometry_weights(kappa, 7, -1.0), expected)


def test_a_single_step_has_no_geometry():
    with pytest.raises(ValueError, match="gairat counts the steps of its attack and needs attack_steps of at least 2"):
        TrainConfig(method="gairat", attack_steps=1)


def test_kappa_counts_the_steps_an_image_withstood():
    torch.manual_seed(0)
    config = TrainConfig(method="gairat")
    learner = Learner(SmallCNN(1, 10, 8), config)
    learner.network.eval()
    attack = Attack(epsilon=0, step_size=0, steps=7)
    one = batch(0)
    kappa = learner.method.craft(learner.model, one, Step(attack, Draws(0, 0, 0))).geometry
    right = learner.network(one.images).argmax(dim=1) == one.labels
    assert kappa is not None
    assert right.any()
    assert kappa.tolist() == (7 * right).tolist()


def test_an_image_whose_logits_are_no_numbers_withstands_no_step():
    class Nothing(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images.flatten(1) * torch.nan

    config, images = TrainConfig(method="gairat"), torch.rand(4, 1, 2, 2)
    one = Batch(images, torch.zeros(4, dtype=torch.long), torch.zeros(4))
    step = Step(config.training_attack, Draws(0, 0, 0))
    kappa = config.build_method().craft(cast("Model", Nothing()), one, step).geometry
    assert kappa is not None
    assert kappa.tolist() == [0] * 4


IDENTITIES: list[tuple[str, dict[str, object], str, dict[str, object]]] = [
    ("bat", {"alpha": 0, "beta": 0}, "pgd", {}),
    ("gairat", {"shift": "infinite"}, "pgd", {}),
    ("gairat", {"burn_in": 1}, "pgd", {}),
    ("trades", {"beta": 0}, "erm", {}),
    ("dpls", {"strength": 0}, "pgd", {}),
]


@pytest.mark.parametrize(("method", "options", "other", "others"), IDENTITIES)
def test_a_method_without_its_own_part_is_another_bit_for_bit(
    method: str, options: dict[str, object], other: str, others: dict[str, object]
):
    assert same(trained(method, options), trained(other, others))


@pytest.mark.parametrize("method", ["trades", "mart", "gairat", "bat", "dpls"])
def test_a_method_with_its_own_part_is_not(method: str):
    for other in ("erm", "pgd"):
        assert not same(trained(method, {}), trained(other, {}))


def test_mart_without_its_divergence_is_its_boosted_cross_entropy():
    torch.manual_seed(0)
    config = TrainConfig(method="mart", options={"strength": 0}, attack_steps=4)
    learner = Learner(SmallCNN(1, 10, 8), config)
    step, one = Step(config.training_attack, Draws(0, 0, 0)), batch(0)
    crafted = learner.method.craft(learner.model, one, step)
    logits = learner.network(crafted.adversarial)
    probability = functional.softmax(logits, dim=1)
    wrong = torch.stack(
        [row[torch.arange(10) != label].max() for row, label in zip(probability, one.labels, strict=True)]
    )
    expected = functional.cross_entropy(logits, one.labels) - torch.log(1.0001 - wrong).mean()
    torch.testing.assert_close(learner.method.loss(learner.model, one, crafted, step).value, expected)


def test_a_third_pass_changes_statistics_and_not_the_first_loss():
    two, three = trained("trades", {"forwards": 2}), trained("trades", {"forwards": 3})
    assert two[0][0] == three[0][0]
    assert not same(two, three)


@pytest.mark.parametrize("method", list(METHODS))
def test_steps_are_repeatable_and_depend_on_their_seed(method: str):
    assert same(trained(method, {}), trained(method, {}))


@pytest.mark.parametrize("method", ["pgd", "trades", "mart", "bat", "dpls"])
def test_single_step_attacks_leave_the_ball_and_cost_one_pass(method: str):
    config = TrainConfig.model_validate({"method": method, "inner": "n-fgsm", "epsilon": 0.1})
    learner = Learner(SmallCNN(1, 10, 8), config)
    step, one = Step(config.training_attack, Draws(0, 0, 0), single_step=True), batch(0)
    adversarial = learner.method.craft(learner.model, one, step).adversarial
    assert learner.model.passes.backwards == 24
    change = (adversarial - one.images).abs().max()
    assert 0.1 < change <= 0.3 + 1e-6
    assert adversarial.min() >= 0
    assert adversarial.max() <= 1


class Watched(nn.Module):
    """Remembers the images it saw; its gradient points to brighter pixels, for class 0."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(images.detach().clone())
        level = images.sum(dim=(1, 2, 3))
        return torch.stack([-level, level], dim=1)


def test_noise_of_single_step_attacks_is_cut_to_the_pixel_range_before_the_gradient():
    """As in the authors' code, so that the step is taken in full from where the gradient was."""
    network, images = Watched(), torch.zeros(8, 1, 8, 8)
    images[4:] = 0.5
    config = TrainConfig(method="pgd", inner="n-fgsm", epsilon=0.1)
    one = Batch(images, torch.zeros(8, dtype=torch.long), torch.zeros(8))
    step = Step(config.training_attack, Draws(0, 0, 0), single_step=True)
    adversarial = config.build_method().craft(cast("Model", network), one, step).adversarial
    (seen,) = network.seen
    noise = Draws(0, 0, 0).uniform(images, 0.2)
    assert torch.equal(seen, (images + noise).clamp(0, 1))
    assert (seen[:4] == 0).float().mean() > 0.4
    torch.testing.assert_close(adversarial, seen + 0.1)


def test_trades_looks_for_its_clean_prediction_in_the_mode_that_is_attacked():
    for mode, tracked in (("eval", 0), ("train", 3)):
        config = TrainConfig.model_validate({"method": "trades", "attack_steps": 2, "attack_mode": mode})
        learner = Learner(SmallCNN(1, 10, 8), config)
        learner.method.craft(learner.model, batch(0), Step(config.training_attack, Draws(0, 0, 0)))
        assert learner.network.state_dict()["stages.0.1.num_batches_tracked"] == tracked


def test_gairat_refuses_single_step_attacks():
    with pytest.raises(ValueError, match="counts the steps of its attack"):
        TrainConfig(method="gairat", inner="n-fgsm")


def test_an_unknown_method_or_option_is_named():
    with pytest.raises(ValueError, match="no method 'fat'; the methods are: erm, pgd, trades, mart, gairat, bat, dpls"):
        TrainConfig(method="fat")
    with pytest.raises(
        ValueError,
        match="'gamma' is neither a field of the configuration nor an option of bat, whose options are: alpha",
    ):
        TrainConfig(method="bat", options={"gamma": 1})


PASSES: list[tuple[str, dict[str, object], int, int]] = [
    ("erm", {}, 1, 1),
    ("pgd", {}, 5, 5),
    ("trades", {"forwards": 2}, 1 + 4 + 2, 4 + 2),
    ("trades", {"forwards": 3}, 1 + 4 + 3, 4 + 3),
    ("mart", {}, 4 + 2, 4 + 2),
    ("gairat", {}, 5, 5),
    ("dpls", {}, 5, 5),
    ("bat", {}, 5, 5),
    ("bat", {"score_forward": "eval"}, 6, 5),
]


@pytest.mark.parametrize(("method", "options", "forwards", "backwards"), PASSES)
def test_the_passes_of_a_step_are_counted(method: str, options: dict[str, object], forwards: int, backwards: int):
    config = TrainConfig.model_validate({"method": method, "options": options, "attack_steps": 4})
    learner = Learner(SmallCNN(1, 10, 8), config)
    learner.learn(batch(0), Step(config.training_attack, Draws(0, 0, 0), 0.9), 0.1)
    assert learner.model.passes.forwards == 24 * forwards
    assert learner.model.passes.backwards == 24 * backwards
