"""BAT: golden values in double precision, and identities."""

import pytest
import torch
from torch.nn import functional

from memscore.learning.networks import SmallCNN
from trainer.config import TrainConfig
from trainer.learner import Learner
from trainer.methods import Batch, Step
from trainer.methods.bat import discrimination_loss, poisoning_scores, poisoning_weights, reweighted_loss
from trainer.step_draws import Draws

LOGITS = torch.tensor([[0, 2, -1], [3, 0, 0], [1, 0, 2]], dtype=torch.float64)
LABELS = torch.tensor([0, 0, 1])
ATYPICAL = torch.tensor([0.5, 0.5, 0.1]) > 0.15
POINTS = torch.tensor([[1, 0], [1, 1], [0, 1], [-1, 1]], dtype=torch.float64)
CLASSES = torch.tensor([0, 0, 1, 1])
EVERY = torch.ones(4, dtype=torch.bool)


def test_poisoning_scores_are_golden():
    expected = torch.tensor([0.843795, 0.045279, 0.665241], dtype=torch.float64)
    torch.testing.assert_close(poisoning_scores(LOGITS, LABELS), expected, atol=5e-7, rtol=0)


@pytest.mark.parametrize(("alpha", "weight", "loss"), [(1.0, 0.430075, 1.413835), (2.0, 0.184965, 1.329026)])
def test_the_reweighted_loss_is_golden(alpha: float, weight: float, loss: float):
    weights = poisoning_weights(LOGITS, LABELS, ATYPICAL, alpha)
    torch.testing.assert_close(weights, torch.tensor([weight, 1, 1], dtype=torch.float64), atol=5e-7, rtol=0)
    assert reweighted_loss(LOGITS, LABELS, weights).item() == pytest.approx(loss, abs=5e-7)


@pytest.mark.parametrize(("tau", "loss"), [(0.5, -0.489485), (0.1, -3.534685)])
def test_the_discrimination_loss_is_golden(tau: float, loss: float):
    assert discrimination_loss(POINTS, CLASSES, EVERY, tau)[0].item() == pytest.approx(loss, abs=5e-7)


def test_the_discrimination_loss_of_anchors_with_one_positive_each():
    """Term by term: each sample alone with its positive and both negatives."""
    terms = []
    unit = functional.normalize(POINTS, dim=1)
    for i, j in ((0, 1), (1, 0), (2, 3), (3, 2)):
        negatives = [(unit[i] @ unit[k] / 0.5).exp() for k in range(4) if CLASSES[k] != CLASSES[i]]
        terms.append((-(unit[i] @ unit[j]) / 0.5 + torch.stack(negatives).sum().log()).item())
    assert terms == pytest.approx([-1.196592, 0.217622, 0.217622, -1.196592], abs=5e-7)
    assert discrimination_loss(POINTS, CLASSES, EVERY, 0.5)[0].item() == pytest.approx(sum(terms) / 4, abs=1e-12)


def test_weights_carry_no_gradient():
    """The gradient on the poisoned sample's logits at alpha 2 is w / sum(w) times that of its cross-entropy."""
    logits = LOGITS.clone().requires_grad_()
    reweighted_loss(logits, LABELS, poisoning_weights(logits.detach(), LABELS, ATYPICAL, 2.0)).backward()
    assert logits.grad is not None
    weights = poisoning_weights(LOGITS, LABELS, ATYPICAL, 2.0)
    chance = functional.softmax(LOGITS[0], dim=0) - torch.tensor([1.0, 0, 0])
    torch.testing.assert_close(logits.grad[0], weights[0] / weights.sum() * chance)


def test_only_misclassified_atypical_samples_lose_weight():
    every = torch.ones(3, dtype=torch.bool)
    assert poisoning_weights(LOGITS, LABELS, ~every, 5.0).tolist() == [1, 1, 1]
    changed = poisoning_weights(LOGITS, LABELS, every, 5.0) < 1
    assert changed.tolist() == (LOGITS.argmax(1) != LABELS).tolist()


def test_without_a_positive_or_a_negative_the_loss_is_zero_with_a_graph():
    points = POINTS.clone().requires_grad_()
    for classes, typical in (
        (torch.tensor([0, 1, 2, 3]), EVERY),
        (torch.zeros(4, dtype=torch.long), EVERY),
        (CLASSES, ~EVERY),
    ):
        loss, anchors = discrimination_loss(points, classes, typical, 0.5)
        assert anchors == 0
        assert loss.item() == 0
        loss.backward()
    assert points.grad is not None
    assert not points.grad.any()


def test_atypical_samples_are_no_anchors_positives_or_negatives():
    typical = torch.tensor([True, True, True, False])
    moved = POINTS.clone()
    moved[3] = 100
    assert discrimination_loss(POINTS, CLASSES, typical, 0.5) == discrimination_loss(moved, CLASSES, typical, 0.5)


def test_the_discrimination_loss_is_bounded():
    """Unit length keeps it in [ln K - 2 / tau, ln K + 2 / tau], K the negatives, however long the vectors."""
    points = 1e4 * torch.randn(40, 8, generator=torch.Generator().manual_seed(0))
    loss = discrimination_loss(points, torch.arange(40) % 2, torch.ones(40, dtype=torch.bool), 0.1)[0].item()
    assert abs(loss - torch.log(torch.tensor(20.0)).item()) <= 20


def batch(seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    return Batch(
        torch.rand(24, 1, 8, 8, generator=generator),
        torch.randint(0, 10, (24,), generator=generator),
        torch.rand(24, generator=generator),
    )


def first_loss(**options: object) -> float:
    torch.manual_seed(0)
    config = TrainConfig(method="bat", options=options)
    step = Step(config.training_attack, Draws(0, 0, 0), progress=0.5)
    return Learner(SmallCNN(1, 10, 8), config).learn(batch(), step, 0.1).value.item()


def test_each_switch_changes_the_loss():
    plain = first_loss(alpha=2.0, beta=0.2)
    for switch in (
        {"alpha": 1.0},
        {"beta": 0.0},
        {"tau": 0.1},
        {"sigma": 0.5},
        {"sigma_typical": 0.05},
        {"normalize": False},
        {"denominator": "with_positive"},
        {"hard_drop": True},
        {"score_forward": "eval"},
        {"weight_warmup": 0.6},
    ):
        assert first_loss(**{"alpha": 2.0, "beta": 0.2} | switch) != plain, switch


def test_weights_that_carry_a_gradient_change_it():
    gradients = []
    for detach in (True, False):
        torch.manual_seed(0)
        config = TrainConfig(method="bat", options={"detach": detach, "beta": 0})
        learner = Learner(SmallCNN(1, 10, 8), config)
        learner.learn(batch(), Step(config.training_attack, Draws(0, 0, 0)), 0.1)
        gradients.append(learner.network.head.bias.grad)
    assert not torch.equal(gradients[0], gradients[1])


def test_dropping_every_sample_of_a_batch_leaves_a_loss_of_zero():
    weights = poisoning_weights(LOGITS[[0, 2]], torch.tensor([0, 1]), torch.tensor([True, True]), torch.inf)
    dropped = weights * torch.tensor([1.0, 0.0])
    assert dropped.tolist() == [0, 0]
    assert reweighted_loss(LOGITS[[0, 2]], torch.tensor([0, 1]), dropped).item() == 0


def test_a_dropped_sample_needs_weights_without_gradient():
    with pytest.raises(ValueError, match="hard_drop needs detach"):
        TrainConfig(method="bat", options={"hard_drop": True, "detach": False})
