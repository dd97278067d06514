"""The named recipes, as plain data."""

from __future__ import annotations

from memscore.errors import NotFound
from memscore.spec import Recipe

RECIPES: dict[str, Recipe] = {
    # Interpolates the digits, also with 10 % of the labels flipped (docs/recipes.md has the figures).
    "digits": Recipe(
        network="mlp",
        hidden=(128, 128),
        epochs=60,
        batch_size=32,
        learning_rate=0.1,
    ),
}


def recipe_of(recipe: str | Recipe) -> Recipe:
    """The recipe of that name, or the recipe itself. Raises NotFound for an unknown name."""
    if isinstance(recipe, Recipe):
        return recipe
    if recipe not in RECIPES:
        raise NotFound(f"There is no recipe {recipe!r}; the recipes are: {', '.join(sorted(RECIPES))}.")
    return RECIPES[recipe]


def name_of(recipe: Recipe) -> str | None:
    """The name under which this recipe is listed, or None."""
    return next((name for name, listed in RECIPES.items() if listed == recipe), None)
