"""The named recipes, as plain data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from pydantic import ValidationError

from memscore import strict_json
from memscore.errors import InvalidInput, NotFound
from memscore.files import reason
from memscore.study.spec import ESTIMATOR, NETWORKS, Recipe
from memscore.validation import sentence

NETWORK_OPTIONS = ("width", "stem")
"""Options of the built-in networks."""

RECIPES: dict[str, Recipe] = {
    # Interpolates the digits, even with 10 % of the labels flipped (figures in docs/recipes.md).
    "digits": Recipe(
        network="mlp",
        hidden=(128, 128),
        epochs=60,
        batch_size=32,
        learning_rate=0.1,
    ),
    # Interpolates standardized features, from 178 samples to 10,000 of 512 features (figures in docs/recipes.md).
    "features-mlp": Recipe(network="mlp", hidden=(256,), epochs=25, batch_size=64, learning_rate=0.2),
    # Feldman and Zhang's network and epochs for MNIST.
    "mnist-mlp": Recipe(network="mlp", hidden=(512, 256), epochs=10, batch_size=128, learning_rate=0.1),
    # Interpolates small sets of colour images, whose few batches a convolutional network cannot be fitted with.
    "photos-mlp": Recipe(
        network="mlp", hidden=(256, 128), epochs=60, batch_size=32, learning_rate=0.001, optimizer="adamw"
    ),
    # Interpolates tens of thousands of gray images, such as Fashion-MNIST.
    "gray-mlp": Recipe(
        network="mlp", hidden=(256, 128), epochs=40, batch_size=128, learning_rate=0.001, optimizer="adamw"
    ),
    "fashion-cnn": Recipe(
        network="cnn",
        options={"width": 32},
        epochs=30,
        batch_size=128,
        learning_rate=0.1,
        warmup=0.1,
        precision="bfloat16",
    ),
    # Right more often about unseen images than an MLP, and slower: for wrong labels among some thousand gray images.
    # The shifts keep it from fitting all wrong labels (docs/results/label-errors.md).
    "fashion-small": Recipe(
        network="resnet9",
        options={"width": 16, "stem": 2},
        epochs=25,
        batch_size=64,
        learning_rate=0.05,
        weight_decay=5e-4,
        warmup=0.2,
        crop=2,
        flip=True,
        plain_epochs=7,
    ),
    # ResNet-9 at a quarter of the cost through its stem and a seventh through its width: for CPUs and a few
    # thousand images.
    "cifar-small": Recipe(
        network="resnet9",
        options={"width": 24, "stem": 2},
        epochs=20,
        batch_size=128,
        learning_rate=0.1,
        weight_decay=5e-4,
        warmup=0.2,
        flip=True,
        plain_epochs=4,
        precision="bfloat16",
    ),
    # The CIFAR speed runs' network, trained until it memorizes: no label smoothing, longer, plain epochs at the end.
    "cifar-fast": Recipe(
        network="resnet9",
        epochs=30,
        batch_size=128,
        learning_rate=0.1,
        weight_decay=5e-4,
        warmup=0.2,
        crop=2,
        flip=True,
        plain_epochs=6,
        precision="bfloat16",
    ),
    # The same network with the shortest training that memorizes CIFAR-100: twelve epochs in batches of 256, five plain.
    "cifar-quick": Recipe(
        network="resnet9",
        epochs=12,
        batch_size=256,
        learning_rate=0.2,
        weight_decay=5e-4,
        warmup=0.2,
        crop=2,
        flip=True,
        plain_epochs=5,
        precision="bfloat16",
    ),
    "cifar-resnet18": Recipe(
        network="resnet18",
        epochs=60,
        batch_size=256,
        learning_rate=0.2,
        weight_decay=5e-4,
        warmup=0.1,
        crop=4,
        flip=True,
        plain_epochs=5,
        precision="bfloat16",
    ),
    # Feldman and Zhang (2020), section 4: ResNet-50, 160 epochs, batches of 512, peak 0.4 after 15 % of the steps.
    "feldman-zhang": Recipe(
        network="resnet50",
        epochs=160,
        batch_size=512,
        learning_rate=0.4,
        warmup=0.15,
        crop=4,
        flip=True,
    ),
}


def recipe_of(recipe: str | Recipe) -> Recipe:
    """The recipe with this name, or the recipe itself. Raises NotFound for an unknown name."""
    if isinstance(recipe, Recipe):
        return recipe
    if recipe not in RECIPES:
        raise NotFound(f"There is no recipe {recipe!r}; the recipes are: {', '.join(sorted(RECIPES))}.")
    return RECIPES[recipe]


def read_recipe(source: str) -> Recipe:
    """The recipe with this name, or the one in a file whose name ends in .json.

    Raises NotFound for an unknown name, InvalidInput for a file without a valid recipe.
    """
    if not source.endswith(".json"):
        return recipe_of(source)
    try:
        return Recipe.model_validate_json(Path(source).expanduser().read_text())
    except OSError as error:
        raise InvalidInput(f"The recipe file {source} cannot be read ({reason(error)}).") from error
    except (ValidationError, UnicodeDecodeError) as error:
        wrong = sentence(error) if isinstance(error, ValidationError) else "it is not text"
        raise InvalidInput(f"The recipe file {source}: {wrong}.") from error


def require_suited(network: str, shape: Sequence[int]) -> None:
    """Raise InvalidInput if samples of this shape are features, and the network needs images."""
    if len(shape) == 1 and network not in ("mlp", ESTIMATOR):
        raise InvalidInput(
            f"The network {network} needs images, and these samples are features; use a recipe with the network mlp, "
            "such as features-mlp."
        )


def name_of(recipe: Recipe) -> str | None:
    """The name under which this recipe is listed, or None."""
    return next((name for name, listed in RECIPES.items() if listed == recipe), None)


def changed(recipe: Recipe, changes: Mapping[str, str]) -> Recipe:
    """The recipe with fields set to values as they are typed: `epochs` to `40`, `hidden` to `[256, 128]`.

    A name that is no field is an option of the network, such as `width`. Raises InvalidInput for an unusable value, or
    a name that is neither.
    """
    fields = recipe.model_dump(mode="json")
    for name, text in changes.items():
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        if name in Recipe.model_fields:
            fields[name] = value
        elif name in NETWORK_OPTIONS or recipe.network not in NETWORKS:
            fields["options"] = {**fields["options"], name: value}
        else:
            near = get_close_matches(name, [*Recipe.model_fields, *NETWORK_OPTIONS], n=1)
            raise InvalidInput(f"--set: a recipe has no field {name}{f'; did you mean {near[0]}?' if near else '.'}")
    try:
        return Recipe.model_validate_json(strict_json.dumps(fields))
    except ValidationError as error:
        raise InvalidInput(f"--set: {sentence(error)}.") from error
