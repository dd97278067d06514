"""The recipe that is chosen where none is named."""

from __future__ import annotations

import re

import pytest

from memscore.errors import InvalidInput, NotFound
from memscore.study.automatic import automatic, described, name_of, resolved
from memscore.study.recipes import RECIPES, changed
from memscore.study.spec import Recipe


@pytest.mark.parametrize(
    ("samples", "shape", "name"),
    [
        (1_437, (8, 8, 1), "digits"),
        (60_000, (28, 28, 1), "gray-mlp"),
        (500, (28, 28, 1), "gray-mlp"),
        (204, (32, 32, 3), "photos-mlp"),
        (5_000, (512,), "features-mlp"),
    ],
)
def test_a_named_recipe_is_chosen(samples: int, shape: tuple[int, ...], name: str):
    assert name_of(automatic(samples, shape)) == name


@pytest.mark.parametrize("samples", [60, 999, 1_000, 5_000, 50_000])
@pytest.mark.parametrize("shape", [(32, 32, 3), (64, 64, 3), (224, 224, 3), (300, 180, 1), (1024, 1024, 3)])
def test_convolutional_networks_get_enough_steps_and_small_maps(samples: int, shape: tuple[int, int, int]):
    recipe = automatic(samples, shape)
    if recipe.network == "mlp":
        assert (samples, shape[0]) < (1_000, 41)
        return
    stem = recipe.options["stem"]
    assert isinstance(stem, int)
    assert recipe.epochs * samples / recipe.batch_size >= 1_500
    assert max(shape) / stem <= 34 or stem == 32
    assert recipe.precision == "float32"  # slow where a processor has no bfloat16, and `auto` is the same everywhere


def test_the_choice_is_a_function_of_size_and_shape():
    assert automatic(5_000, (32, 32, 3)) == automatic(5_000, (32, 32, 3))
    assert automatic(5_000, (32, 32, 3)) != automatic(2_000, (32, 32, 3))


def test_a_given_recipe_stays():
    own = Recipe(network="mlp", hidden=(7,), epochs=2, batch_size=8, learning_rate=0.1)
    assert resolved(own, 100, (8, 8, 1)) is own
    assert resolved("mnist-mlp", 100, (8, 8, 1)) == RECIPES["mnist-mlp"]
    assert name_of(own) == "mlp 7, 2 epochs"
    with pytest.raises(NotFound, match="no recipe 'automatic'"):
        resolved("automatic", 100, (8, 8, 1))


def test_the_choice_is_described_in_one_sentence():
    sentence = described(automatic(204, (32, 32, 3)), 204, (32, 32, 3))
    assert sentence == (
        "recipe photos-mlp: chosen for 204 training images of 32x32x3, as it suits fewer than 1,000 colour images of "
        "at most 40 pixels a side; choose another with --recipe"
    )


@pytest.mark.parametrize(
    ("samples", "shape", "said"),
    [
        (456, (30,), "features-mlp: chosen for 456 training samples of 30 features each, as it suits features;"),
        (
            1297,
            (8, 8, 1),
            "digits: chosen for 1,297 training images of 8x8x1, as it suits gray images of at most 16 pixels",
        ),
        (60_000, (28, 28, 1), "gray-mlp: .* suits gray images of at most 40 pixels a side;"),
        (5_000, (32, 32, 3), "resnet9, width 24, .* suits 1,000 or more colour images of at most 40 pixels a side;"),
        (200, (224, 224, 3), "resnet9, .* suits images of more than 40 pixels a side;"),
    ],
)
def test_the_reason_is_that_of_the_choice(samples: int, shape: tuple[int, ...], said: str):
    assert re.match(f"recipe {said}", described(automatic(samples, shape), samples, shape))


def test_fields_and_options_are_set_as_they_are_typed():
    recipe = changed(RECIPES["cifar-small"], {"epochs": "40", "precision": "float32", "width": "8", "flip": "false"})
    assert (recipe.epochs, recipe.precision, recipe.options["width"], recipe.flip) == (40, "float32", 8, False)
    assert recipe.options["stem"] == 2
    assert changed(RECIPES["digits"], {"hidden": "[64, 32]"}).hidden == (64, 32)
    assert changed(RECIPES["digits"], {}) == RECIPES["digits"]


def test_a_mistyped_field_is_refused_with_the_one_that_was_meant():
    for typed, meant in (("epoch", "epochs"), ("hiddn", "hidden"), ("widht", "width")):
        with pytest.raises(InvalidInput, match=f"no field {typed}; did you mean {meant}"):
            changed(RECIPES["digits"], {typed: "5"})
    own = RECIPES["cifar-small"].model_copy(update={"network": "mine:net"})
    assert changed(own, {"depth": "5"}).options["depth"] == 5


@pytest.mark.parametrize(
    ("name", "value", "said"), [("epochs", "many", "epochs"), ("epochs", "0", "epochs"), ("flip", "true", "flip")]
)
def test_an_unusable_value_is_refused_with_its_name(name: str, value: str, said: str):
    with pytest.raises(InvalidInput, match=f"^--set: .*{said}"):
        changed(RECIPES["digits"], {name: value})
