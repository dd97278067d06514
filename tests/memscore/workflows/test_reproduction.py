"""Reproduction from Python: a small item from its study and runs, made where they are missing."""

from __future__ import annotations

from pathlib import Path

from memscore.settings import Settings
from memscore.workflows.reproduction.reproduce import ReproductionRequest, cost, opened_reproduction, reproduce
from memscore.workflows.side_by_side import Room

QUICK = ("epochs=2", "keep_every=1", "attack_steps=1", "evaluation_steps=2")


def test_options_are_those_that_make_the_same_items_again(tmp_path: Path):
    request = ReproductionRequest(("fig1",), tmp_path, dataset="made up", trials=210, assignments=("epochs=2",))
    assert request.options() == "--dataset 'made up' --trials 210 --set epochs=2"
    assert ReproductionRequest(("all",), tmp_path, scale="paper").options() == "--scale paper"


def test_an_item_is_made_with_the_study_and_runs_that_it_needs(settings: Settings, tmp_path: Path):
    request = ReproductionRequest(
        ("fig1", "fig6"), tmp_path, dataset="made-up", trials=210, seeds=1, assignments=QUICK, room=Room(slots=2)
    )
    with opened_reproduction(request, settings) as work:
        before = cost(work)
    assert (before.items, before.trials, before.left) == (2, 230, before.runs)
    found = reproduce(request, settings)
    assert (found.refused, found.failed) == ({}, [])
    assert {name for name, _ in found.verdicts} == {"fig1", "fig6"}
    assert (tmp_path / "mini/items/fig1/fig1.svg").is_file()
    with opened_reproduction(request, settings) as work:
        after = cost(work)
    assert (after.trials, after.left, after.runs) == (0, 0, before.runs)
