"""The recipe for a dataset when none is named, from its size and shape alone.

The same dataset gets the same recipe on every machine, so that its study can be continued anywhere. The choice aims at
models that fit their training samples, which mem presupposes, at a cost that a laptop can bear; docs/recipes.md has
what it reached on several datasets, made by benchmarks/automatic_recipes.py.
"""

from __future__ import annotations

import math

from memscore.counted import counted
from memscore.study.recipes import RECIPES, recipe_of
from memscore.study.spec import Recipe

AUTO = "auto"
"""The name of whichever recipe is chosen here."""

TINY_SIDE = 16
"""Pixels a side of the largest gray images that the recipe for digits suits; its learning rate is too high beyond."""

SMALL_SIDE = 40
"""Pixels a side of the largest images for an MLP; beyond, its first layer alone has millions of weights."""

FEW = 1_000
"""Fewer colour images than this go to an MLP: a convolutional network would see too few batches to fit them."""

STEPS = 1_500
"""Training steps that convolutional networks need at least, whatever the number of images."""

SCENE = 16
"""Pixels a side that a convolutional network sees behind its stem, which merges the pixels of larger images."""


def automatic(samples: int, shape: tuple[int, ...]) -> Recipe:
    """The recipe for this many training samples of a shape: [height, width, channels] of images, or [d] of features."""
    if len(shape) == 1:
        return RECIPES["features-mlp"]
    height, width, channels = shape
    side = max(height, width)
    if side <= TINY_SIDE and channels == 1:
        return RECIPES["digits"]
    if side <= SMALL_SIDE and channels == 1:
        return RECIPES["gray-mlp"]
    if side <= SMALL_SIDE and samples < FEW:
        return RECIPES["photos-mlp"]
    return _convolutional(samples, side)


def resolved(recipe: str | Recipe, samples: int, shape: tuple[int, ...]) -> Recipe:
    """The recipe itself, the one with this name, or for `auto` the one chosen. Raises NotFound for an unknown name."""
    return automatic(samples, shape) if recipe == AUTO else recipe_of(recipe)


def name_of(recipe: Recipe) -> str:
    """The name of a recipe, or else a few words on its network."""
    known = next((name for name, one in RECIPES.items() if one == recipe), None)
    if known is not None:
        return known
    layers = "-".join(str(units) for units in recipe.hidden)
    options = "".join(f", {key} {value}" for key, value in recipe.options.items())
    return f"{recipe.network}{' ' if layers else ''}{layers}{options}, {recipe.epochs} epochs"


def described(recipe: Recipe, samples: int, shape: tuple[int, ...]) -> str:
    """One sentence that says which recipe was chosen, for what data, and why."""
    if len(shape) == 1:
        what, why = f"{samples:,} training samples of {counted(shape[0], 'feature')} each", "features"
    else:
        what = f"{samples:,} training images of {'x'.join(map(str, shape))}"
        why = _why(samples, max(shape[:2]), shape[2])
    return f"recipe {name_of(recipe)}: chosen for {what}, as it suits {why}; choose another with --recipe"


def _why(samples: int, side: int, channels: int) -> str:
    """The images that the chosen recipe suits, in the order in which `automatic` asks."""
    if side > SMALL_SIDE:
        return f"images of more than {SMALL_SIDE} pixels a side"
    if channels == 1:
        return f"gray images of at most {TINY_SIDE if side <= TINY_SIDE else SMALL_SIDE} pixels a side"
    number = f"fewer than {FEW:,}" if samples < FEW else f"{FEW:,} or more"
    return f"{number} colour images of at most {SMALL_SIDE} pixels a side"


def _convolutional(samples: int, side: int) -> Recipe:
    """ResNet-9 of width 24 in single precision, which every processor trains, with a stem that suits the images."""
    batch = 128 if samples >= 5 * FEW else 64 if samples >= FEW else 32
    epochs = max(20, math.ceil(STEPS * batch / samples))
    return Recipe(
        network="resnet9",
        options={"width": 24, "stem": max(1, round(side / SCENE))},
        epochs=epochs,
        batch_size=batch,
        learning_rate=0.1 if batch == 128 else 0.05,
        weight_decay=5e-4,
        warmup=0.2,
        flip=True,
        plain_epochs=max(4, epochs // 5),
    )
