"""Specifications: what identifies a study, and what is refused."""

import pytest
from pydantic import ValidationError

from memscore.errors import NotFound
from memscore.study.recipes import RECIPES, name_of, recipe_of
from memscore.study.spec import Design, Recipe, Target, study_id

DIGITS = "5639816c9da539f217ec29b347b5ed46afc2cb4edb9eb5f1ec6ca85815cfd5d4"


def test_the_id_of_the_demo_study_never_changes():
    assert study_id(DIGITS, RECIPES["digits"], Design()) == "bede9a1bea8ae858"


def test_every_part_of_a_study_changes_its_id():
    recipe = RECIPES["digits"]
    ids = {
        study_id(DIGITS, recipe, Design()),
        study_id("0" * 64, recipe, Design()),
        study_id(DIGITS, recipe.model_copy(update={"epochs": 61}), Design()),
        study_id(DIGITS, recipe.model_copy(update={"momentum": 0.8}), Design()),
        study_id(DIGITS, recipe, Design(seed=1)),
        study_id(DIGITS, recipe, Design(kind="uniform")),
        study_id(DIGITS, recipe, Design(subset_ratio=0.5)),
    }
    assert len(ids) == 7


def test_a_default_written_out_is_the_same_study():
    plain = Recipe(network="mlp", hidden=(8,), epochs=1, batch_size=1, learning_rate=1)
    written = Recipe(network="mlp", hidden=(8,), epochs=1, batch_size=1, learning_rate=1.0, momentum=0.9)
    assert study_id(DIGITS, plain, Design()) == study_id(DIGITS, written, Design(subset_ratio=0.7000000000001))


@pytest.mark.parametrize("ratio", [0, 1, -0.1, 1.5, float("nan"), float("inf"), 0.75])
def test_an_impossible_ratio_is_refused(ratio: float):
    with pytest.raises(ValidationError):
        Design(subset_ratio=ratio)


def test_uniform_takes_any_ratio():
    assert Design(kind="uniform", subset_ratio=0.75).subset_ratio == 0.75


@pytest.mark.parametrize(("trials", "rounded"), [(1, 10), (10, 10), (11, 20), (195, 200)])
def test_targets_are_rounded_up_to_whole_blocks(trials: int, rounded: int):
    assert Target(trials=trials).whole_blocks == rounded


def test_recipes_are_found_by_name_and_by_content():
    assert recipe_of("digits") is RECIPES["digits"]
    assert name_of(RECIPES["digits"].model_copy()) == "digits"
    with pytest.raises(NotFound, match=r"the recipes are: cifar-fast, cifar-quick, .*digits"):
        recipe_of("nothing")
