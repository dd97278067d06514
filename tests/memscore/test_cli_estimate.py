"""The command line's estimate: plans, recipes and targets."""

import json
from pathlib import Path

import pytest

from memscore.embedded import register
from memscore.recipes import RECIPES
from memscore.settings import load
from memscore.spec import Recipe
from memscore.store import Database
from tests.conftest import QUICK, StoredStudy
from tests.memscore.test_cli import embedded, memscore, refused

__all__ = ["embedded", "memscore"]


def test_a_dry_run_measures_here_and_queues_nothing(memscore, embedded: StoredStudy, database: Database):
    register(database, load(), "made-up", embedded.dataset)
    plan = memscore("estimate", "--dataset", "made-up", "--recipe", "digits", "--dry-run", "--json").json
    assert plan["new_trials"] == 205
    assert 0.001 < plan["seconds_a_trial"] < 60
    assert plan["device_seconds"] == pytest.approx(205 * plan["seconds_a_trial"])
    shown = memscore("estimate", "--dataset", "made-up", "--recipe", "digits", "--dry-run")
    assert "205 trials" in shown.out
    assert memscore("jobs", "list", "--json").json["jobs"] == []


def test_recipes_are_listed_and_make_recipe_files(memscore, embedded: StoredStudy, tmp_path: Path):
    assert "resnet9 width 24 stem 2" in memscore("recipes").out
    listed = memscore("recipes", "--json").json
    assert {name: Recipe.model_validate(fields) for name, fields in listed.items()} == RECIPES
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({**listed["digits"], "epochs": 0}))
    refused(memscore("estimate", "--dataset", "made-up", "--recipe", str(file)), "mine.json: epochs:")
    file.write_text("{")
    refused(memscore("estimate", "--dataset", "made-up", "--recipe", str(file)), "Invalid JSON")
    refused(memscore("estimate", "--dataset", "made-up", "--recipe", "no.json"), "cannot be read")
    refused(memscore("estimate", "--dataset", "made-up", "--recipe", "nosuch"), "There is no recipe 'nosuch'")
    own = QUICK.model_dump(mode="json", exclude_defaults=True) | {"network": "nowhere.at:all", "hidden": []}
    file.write_text(json.dumps(own))
    outcome = memscore("estimate", "--dataset", "made-up", "--recipe", str(file), "--dry-run")
    refused(outcome, "cannot import nowhere.at")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--trials", "20", "--until-se", "0.1"], "give one of trials, standard_error and settled_at"),
        (["--until-se", "0"], "standard_error: Input should be greater than 0"),
        (["--share", "0.5"], "share and max_trials belong to standard_error or settled_at"),
        (["--until-se", "0.1", "--share", "2"], "share: Input should be less than or equal to 1"),
    ],
)
def test_an_impossible_target_is_one_sentence(memscore, embedded: StoredStudy, options: list[str], sentence: str):
    refused(memscore("estimate", "--dataset", "made-up", *options), sentence)
