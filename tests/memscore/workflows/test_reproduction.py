"""Reproduction from Python: what a request costs, and an item made from a study."""

from __future__ import annotations

from pathlib import Path

import pytest

from memscore.settings import Settings
from memscore.store import datasets, evidence, studies, tables
from memscore.study.spec import Design
from memscore.workflows.embedded import opened_database
from memscore.workflows.reproduction.reproduce import (
    ReproductionCost,
    ReproductionRequest,
    cost,
    opened_reproduction,
    reproduce,
)
from tests.conftest import QUICK as RECIPE
from tests.conftest import build, make_dataset, make_trials

QUICK = ("epochs=2", "keep_every=1", "attack_steps=1", "evaluation_steps=2")


def test_options_are_those_that_make_the_same_items_again(tmp_path: Path):
    request = ReproductionRequest(("fig1",), tmp_path, dataset="made up", trials=210, assignments=("epochs=2",))
    assert request.options() == "--dataset 'made up' --trials 210 --set epochs=2"
    assert ReproductionRequest(("all",), tmp_path, scale="paper").options() == "--scale paper"


@pytest.fixture
def study(settings: Settings) -> str:
    """A study of the dataset with as many trials as items ask for."""
    dataset, design = make_dataset(), Design()
    trials = make_trials(dataset, design, blocks=21)
    with opened_database(settings) as database, database.writing() as connection:
        stored = studies.ensure(connection, datasets.by_name(connection, "made-up"), RECIPE, design, "scored")
        evidence.add(connection, stored.id, trials)
        tables.add(connection, stored.id, *build(dataset, trials, design, stored.id))
    return stored.name


def test_an_item_is_made_from_a_study(settings: Settings, study: str, tmp_path: Path):
    request = ReproductionRequest(("fig7",), tmp_path, dataset="made-up", study=study)
    with opened_reproduction(request, settings) as work:
        assert cost(work) == ReproductionCost(1, 0, 0, 0, 0, 0, 0, 0, 0)
    assert list(tmp_path.glob("mini")) == []
    found = reproduce(request, settings)
    assert (found.refused, found.failed) == ({}, [])
    assert {name for name, _ in found.verdicts} == {"fig7"}
    item = tmp_path / "mini/items/fig7"
    assert (item / "fig7.svg").is_file()
    assert f"memscore reproduce fig7 --dataset made-up --study {study}" in (item / "README.md").read_text()


def test_the_cost_counts_the_trials_and_runs_that_are_missing(settings: Settings, tmp_path: Path):
    request = ReproductionRequest(("fig1",), tmp_path, dataset="made-up", trials=210, seeds=2, assignments=QUICK)
    with opened_reproduction(request, settings) as work:
        found = cost(work)
    assert (found.items, found.trials, found.runs, found.left) == (1, 230, 2, 2)
    assert found.seconds == pytest.approx(found.seconds_of_studies + found.seconds_of_runs)
    assert found.seconds_of_studies > 0
    assert found.seconds_of_runs > 0
    assert (found.attacked, found.seconds_of_attacks) == (0, 0)


def test_the_cost_counts_the_attacks_on_networks_that_are_compared(settings: Settings, study: str, tmp_path: Path):
    quick = ("epochs=2", "attack_steps=2", "evaluation_steps=2")
    request = ReproductionRequest(("table4",), tmp_path, dataset="made-up", study=study, seeds=2, assignments=quick)
    with opened_reproduction(request, settings) as work:
        found = cost(work)
    assert (found.runs, found.attacked) == (2 * 8, 2 * 17)
    assert found.seconds == pytest.approx(found.seconds_of_runs + found.seconds_of_attacks)
    assert found.seconds_of_attacks > found.seconds_of_runs, "a hundred steps after few epochs"
