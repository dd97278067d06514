"""Subset training: the stack is what its members are alone, and a block depends on nothing else."""

import numpy as np
import pytest
import torch

from memscore.datasets import load_source
from memscore.errors import Diverged
from memscore.learning.data import DeviceData
from memscore.learning.networks import MLP, SmallCNN
from memscore.learning.stack import stack_loss, stack_order
from memscore.learning.stacked_mlp import StackedMLP
from memscore.learning.unit import train_unit
from memscore.study.evidence import evidence_digest, unpack_trials
from memscore.study.recipes import RECIPES
from memscore.study.spec import Design, Recipe
from memscore.study.subsets import Unit, block_membership
from tests.conftest import QUICK, make_dataset

CPU = torch.device("cpu")


def whole_block(block: int) -> Unit:
    return Unit(tuple(range(10 * block, 10 * block + 10)))


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_stack_computes_what_its_members_compute():
    stack = StackedMLP.initial(3, 16, (8, 5), 4, seed=7)
    images = torch.rand(3, 11, 16)
    for k in range(3):
        alone = MLP((1, 4, 4), (8, 5), 4, torch.Generator().manual_seed(7 + k))
        torch.testing.assert_close(stack(images)[k], alone(images[k]), atol=1e-5, rtol=1e-5)


def test_a_step_of_the_stack_is_a_step_of_each_member():
    """Gradients, with a smaller last batch in one of the models, equal those of separate models."""
    stack = StackedMLP.initial(2, 6, (5,), 3, seed=1)
    images, labels = torch.rand(2, 4, 6), torch.tensor([[0, 1, 2, 1], [2, 0, 1, 1]])
    weights = torch.tensor([[1.0, 1, 1, 1], [1, 1, 1, 0]])
    stack_loss(stack(images), labels, weights).backward()
    for k, size in ((0, 4), (1, 3)):
        alone = MLP((1, 2, 3), (5,), 3, torch.Generator().manual_seed(1 + k))
        torch.nn.functional.cross_entropy(alone(images[k, :size]), labels[k, :size]).backward()
        assert alone.head.weight.grad is not None
        gradient = stack.weights[-1].grad
        assert gradient is not None
        torch.testing.assert_close(gradient[k].T, alone.head.weight.grad)


def test_each_epoch_visits_each_subset_once_in_another_order():
    membership = block_membership(Design(), 61, 0)
    first, weight = stack_order(membership, (0, 0), 0)
    second, _ = stack_order(membership, (0, 0), 1)
    for k in range(10):
        visited = first[k][weight[k] > 0]
        assert sorted(visited.tolist()) == np.flatnonzero(membership[k]).tolist()
        assert not torch.equal(first[k], second[k])


def test_a_block_is_the_same_in_any_order_of_execution():
    data = DeviceData.of(make_dataset(), CPU)
    later_first = [train_unit(data, QUICK, Design(), whole_block(block)) for block in (2, 0)]
    again = [train_unit(data, QUICK, Design(), whole_block(block)) for block in (0, 2)]
    assert evidence_digest(later_first[0]) == evidence_digest(again[1])
    assert evidence_digest(later_first[1]) == evidence_digest(again[0])
    assert evidence_digest(again[0]) != evidence_digest(again[1])


def test_the_global_generator_is_neither_used_nor_moved():
    data = DeviceData.of(make_dataset(), CPU)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    one = train_unit(data, QUICK, Design(), whole_block(0))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert evidence_digest(train_unit(data, QUICK, Design(), whole_block(0))) == evidence_digest(one)


def test_the_evidence_is_of_the_trained_subsets():
    dataset, design = make_dataset(), Design(seed=3)
    trials = train_unit(DeviceData.of(dataset, CPU), QUICK, design, whole_block(4))
    assert [trial.number for trial in trials] == list(range(40, 50))
    evidence = unpack_trials(trials, design, len(dataset.y_train), len(dataset.y_test))
    assert (evidence.membership == block_membership(design, len(dataset.y_train), 4)).all()
    for row, trial in enumerate(trials):
        inside = evidence.membership[row]
        assert trial.in_accuracy == evidence.train_correct[row][inside].mean()
        assert trial.out_accuracy == evidence.train_correct[row][~inside].mean()


def test_the_digits_recipe_interpolates():
    trials = train_unit(DeviceData.of(load_source("digits"), CPU), RECIPES["digits"], Design(), whole_block(0))
    assert np.mean([trial.in_accuracy for trial in trials]) >= 0.99
    assert np.mean([trial.out_accuracy or 0 for trial in trials]) >= 0.95
    assert np.mean([trial.test_accuracy for trial in trials]) >= 0.95


def test_a_diverging_recipe_names_its_epoch_and_what_to_change():
    wild = Recipe(network="mlp", hidden=(8,), epochs=5, batch_size=8, learning_rate=1000, weight_decay=1)
    with pytest.raises(Diverged, match=r"epoch \d of 5; lower learning_rate \(now 1000\)"):
        train_unit(DeviceData.of(make_dataset(), CPU), wild, Design(), whole_block(0))


def test_networks_expose_the_representation_behind_their_head():
    images = torch.rand(2, 1, 8, 8)
    for network, dimensions in ((SmallCNN(1, 10, 8), 32), (MLP((1, 8, 8), (20, 12), 10), 12)):
        network.eval()
        features = network.features(images)
        assert features.shape == (2, dimensions)
        assert torch.equal(network.head(features), network(images))
