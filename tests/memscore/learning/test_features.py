"""Features in training: the stack sees them as they are, other networks are refused, and no test part is no fault."""

import numpy as np
import pytest
import torch

from memscore.datasets.dataset import Dataset, build_dataset
from memscore.errors import InvalidInput
from memscore.learning.data import DeviceData
from memscore.learning.networks.behaviour import signature_of_recipe
from memscore.learning.networks.mlp import MLP
from memscore.learning.stacked_mlp import StackedMLP
from memscore.learning.unit import train_unit
from memscore.study.recipes import RECIPES
from memscore.study.spec import Design, Recipe
from memscore.study.subsets import Unit
from tests.conftest import make_dataset

CPU = torch.device("cpu")
BLOCK = Unit(tuple(range(10)))
QUICK = Recipe(network="mlp", hidden=(16,), epochs=3, batch_size=16, learning_rate=0.1)
CNN = Recipe(network="cnn", epochs=1, batch_size=16, learning_rate=0.1)


def features(samples: int = 60, columns: int = 12, *, test_share: float | None = None) -> Dataset:
    random = np.random.default_rng(0)
    labels = np.arange(samples) % 3
    x = random.normal(size=(3, columns))[labels] + random.normal(size=(samples, columns))
    return build_dataset(x, labels, source="made up", test_share=test_share)


def test_a_stack_of_features_computes_what_its_members_compute():
    stack = StackedMLP.initial(3, 16, (8, 5), 4, seed=7, features=True)
    samples = torch.randn(3, 11, 16)
    for k in range(3):
        alone = MLP((16,), (8, 5), 4, torch.Generator().manual_seed(7 + k))
        torch.testing.assert_close(stack(samples)[k], alone(samples[k]), atol=1e-5, rtol=1e-5)


def test_a_unit_of_features_is_repeatable_and_has_a_signature_of_its_own():
    dataset = features(test_share=0.2)
    data = DeviceData.of(dataset, CPU)
    assert data.shape == (12,)
    first, again = (train_unit(data, QUICK, Design(), BLOCK) for _ in range(2))
    assert [one.digest for one in first] == [one.digest for one in again]
    assert first[0].test_margin is not None
    assert len(first[0].test_margin) == 12
    signature = signature_of_recipe(QUICK, data.shape, data.classes)
    assert signature == signature_of_recipe(QUICK, data.shape, data.classes)
    assert signature != signature_of_recipe(QUICK, (1, 3, 4), data.classes)


@pytest.mark.parametrize("dataset", [features(), make_dataset(test=0)], ids=["features", "images"])
def test_without_a_test_part_trials_have_no_test_bits(dataset: Dataset):
    data = DeviceData.of(dataset, CPU)
    recipes = [QUICK] if dataset.kind == "features" else [QUICK, CNN]
    for recipe in recipes:
        trial = train_unit(data, recipe, Design(), BLOCK if recipe.stacked else Unit((0,)), probabilities=True)[0]
        assert (trial.test_bits, trial.test_margin, trial.test_mistakes, trial.test_probability) == (b"",) * 4
        assert trial.test_accuracy == 0


def test_networks_for_images_refuse_features_with_a_sentence():
    with pytest.raises(InvalidInput, match="The network cnn needs images, and these samples are features"):
        train_unit(DeviceData.of(features(), CPU), CNN, Design(), Unit((0,)))


def test_the_recipe_for_features_interpolates_wrong_labels_too():
    """A tenth of the labels of the digits, as 64 features, are wrong; the models fit them all the same."""
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    chosen = np.random.default_rng(0).permutation(len(labels))[:600]
    x, y = np.asarray(pixels)[chosen], np.asarray(labels)[chosen].copy()
    y[:60] = (y[:60] + 1) % 10
    trials = train_unit(
        DeviceData.of(build_dataset(x, y, source="digits"), CPU), RECIPES["features-mlp"], Design(), BLOCK
    )
    assert np.mean([trial.in_accuracy for trial in trials]) >= 0.99
