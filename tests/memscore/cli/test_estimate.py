"""The command line's estimate: plans, recipes and targets."""

import json
from pathlib import Path

import pytest

from memscore.settings import load
from memscore.store import Database
from memscore.study.recipes import RECIPES
from memscore.study.spec import Recipe
from memscore.workflows.datasets import register
from tests.command_line import refused
from tests.conftest import QUICK, StoredStudy


@pytest.fixture
def untimed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans take a trial's duration as given, for tests of what else is in them."""
    from memscore.learning import calibration

    monkeypatch.setattr(calibration, "trial_time", lambda *_: calibration.TrialTime(0.5))


@pytest.mark.databases("sqlite")
def test_a_dry_run_measures_here(memscore, embedded: StoredStudy, database: Database):
    register(database, load(), "made-up", embedded.dataset)
    plan = memscore("estimate", "--dataset", "made-up", "--recipe", "digits", "--dry-run", "--json").json
    assert plan["new_trials"] == 205
    assert 0.001 < plan["seconds_a_trial"] < 60
    assert plan["device_seconds"] == pytest.approx(205 * plan["seconds_a_trial"])


@pytest.mark.usefixtures("untimed")
def test_a_dry_run_queues_nothing(memscore, embedded: StoredStudy, database: Database):
    register(database, load(), "made-up", embedded.dataset)
    shown = memscore("estimate", "--dataset", "made-up", "--recipe", "digits", "--dry-run")
    assert "205 trials" in shown.out
    assert memscore("jobs", "list", "--json").json["jobs"] == []


def test_recipes_are_listed_and_make_recipe_files(memscore, embedded: StoredStudy, tmp_path: Path):
    assert "resnet9 width 24 stem 2" in memscore("recipes").out
    listed = memscore("recipes", "--json").json
    assert {name: Recipe.model_validate(fields) for name, fields in listed.items()} == RECIPES
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({**listed["digits"], "epochs": 0}))
    refused(
        memscore("estimate", "--dataset", "made-up", "--recipe", str(file)),
        "mine.json: epochs must be at least 1, not 0",
    )
    file.write_text(
        json.dumps({"epoch" if name == "epochs" else name: value for name, value in listed["digits"].items()})
    )
    refused(
        memscore("estimate", "--dataset", "made-up", "--recipe", str(file)), "mine.json: epoch: there is no such field"
    )
    file.write_text("{")
    refused(memscore("estimate", "--dataset", "made-up", "--recipe", str(file)), "Invalid JSON")
    refused(memscore("estimate", "--dataset", "made-up", "--recipe", "no.json"), "cannot be read")
    refused(memscore("estimate", "--dataset", "made-up", "--recipe", "nosuch"), "There is no recipe 'nosuch'")
    own = QUICK.model_dump(mode="json", exclude_defaults=True) | {"network": "nowhere.at:all", "hidden": []}
    file.write_text(json.dumps(own))
    for words in (("--dry-run",), ()):
        outcome = memscore("estimate", "--dataset", "made-up", "--recipe", str(file), *words)
        refused(outcome, "cannot import nowhere.at")
    assert memscore("jobs", "list", "--json").json["jobs"] == [], "it is refused before a job is made"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ["--trials", "20", "--until-se", "0.1"],
            "give one of --trials, --until-se, --until-settled and --until-pairs.",
        ),
        (["--until-se", "0"], "--until-se must be above 0"),
        (
            ["--share", "0.5"],
            "--share and --max-trials are for a precision (--until-se, --until-settled or --until-pairs), not for "
            "--trials.",
        ),
        (["--until-se", "0.1", "--share", "2"], "--share must be at most 1"),
    ],
)
def test_an_impossible_target_is_one_sentence(memscore, embedded: StoredStudy, options: list[str], sentence: str):
    refused(memscore("estimate", "--dataset", "made-up", *options), sentence)


@pytest.mark.usefixtures("untimed")
def test_a_precision_is_planned_from_the_scores_there_are(memscore, embedded: StoredStudy, database: Database):
    register(database, load(), "made-up", embedded.dataset)
    recipe = embedded.record.recipe
    assert recipe is not None
    file = load().home / "recipe.json"
    file.write_text(recipe.model_dump_json(exclude_defaults=True))
    options = ["--dataset", "made-up", "--recipe", str(file), "--until-se", "0.05", "--share", "0.9", "--dry-run"]
    plan = memscore("estimate", *options, "--json").json
    assert (plan["at_most"], plan["trials"]) == (True, 2000)
    assert 50 <= plan["expected_trials"] <= 500
    assert [pairs["infl"] for pairs in plan["expected_pairs"]] == [0.15, 0.2, 0.4]
    assert all(0 <= pairs["now"] <= pairs["then"] <= 1 for pairs in plan["expected_pairs"])
    shown = memscore("estimate", *options).out
    assert f"about {plan['expected_trials']}, at most 2000" in shown
    assert "pairs of infl 0.2 found" in shown
    assert not plan["by_margins"]
    assert "judged by correctness" in shown

    options[4:8] = ["--until-pairs", "0.5"]
    more = memscore("estimate", *options, "--json").json
    assert more["at_most"]
    assert 40 < more["expected_trials"] < 2000
    options[4:6] = ["--trials", str(more["expected_trials"])]
    then = memscore("estimate", *options, "--json").json["expected_pairs"][1]["then"]
    assert 0.5 <= then < 0.6


@pytest.mark.usefixtures("margin_scores", "untimed")
def test_a_precision_is_planned_by_margins_where_all_trials_have_them(
    memscore, embedded: StoredStudy, database: Database
):
    register(database, load(), "made-up", embedded.dataset)
    recipe = embedded.record.recipe
    assert recipe is not None
    file = load().home / "recipe.json"
    file.write_text(recipe.model_dump_json(exclude_defaults=True))
    options = ["--dataset", "made-up", "--recipe", str(file), "--until-se", "0.05", "--share", "0.9", "--dry-run"]
    assert memscore("estimate", *options, "--json").json["by_margins"]
    assert "judged by margins" in memscore("estimate", *options).out
    assert not memscore("estimate", *options, "--evidence", "bits", "--json").json["by_margins"]


def test_altered_data_cannot_take_the_name_of_a_published_dataset(memscore, embedded: StoredStudy):
    outcome = memscore("datasets", "add", "digits", "--flip-labels", "0.1", "--name", "digits")
    refused(outcome, "'digits' is the name of a published dataset")
    assert memscore("datasets", "add", "digits").status == 0
