"""Lists the recipes that a job can name."""

from __future__ import annotations

from fastapi import APIRouter

from memscore.messages.studies import NamedRecipe, Recipes
from memscore.study.recipes import RECIPES

router = APIRouter(prefix="/v1/recipes", tags=["jobs"])


@router.get("", operation_id="list_recipes")
async def list_recipes() -> Recipes:
    """The named recipes with their fields; a job takes a name, or fields of your own."""
    return Recipes(recipes=[NamedRecipe(name=name, recipe=recipe) for name, recipe in RECIPES.items()])
