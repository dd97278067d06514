"""Sweeps: which runs a request makes, under names that last, and a record that only grows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from memscore.errors import Damaged, InvalidInput
from memscore.runs.layout import SWEEP
from trainer.sweep import (
    SweepRequest,
    SweptRun,
    assignments,
    expand,
    expand_all,
    grid,
    read_requests,
    record_requests,
)


def request_of(*methods: str, seeds: int = 1, dataset: str = "digits", **more: Any) -> SweepRequest:
    return SweepRequest.model_validate({"methods": methods, "seeds": seeds, "dataset": dataset, **more})


def names(request: SweepRequest, first: SweepRequest | None = None) -> list[str]:
    return [run.name for run in expand(request, first or request)]


def test_a_grid_multiplies_the_runs_of_methods_that_have_its_options_alone():
    request = request_of("pgd", "bat", seeds=2, grid={"alpha": ("1", "2"), "beta": ("0", "0.2")})
    assert names(request) == [
        *("pgd-seed=0", "pgd-seed=1"),
        *("bat-alpha=1-beta=0-seed=0", "bat-alpha=1-beta=0-seed=1"),
        *("bat-alpha=1-beta=0.2-seed=0", "bat-alpha=1-beta=0.2-seed=1"),
        *("bat-alpha=2-beta=0-seed=0", "bat-alpha=2-beta=0-seed=1"),
        *("bat-alpha=2-beta=0.2-seed=0", "bat-alpha=2-beta=0.2-seed=1"),
    ]


def test_a_field_of_the_configuration_is_for_all_methods_and_an_option_with_a_method_for_it_alone():
    request = request_of(
        "trades", "bat", grid={"epochs": ("2", "4"), "trades.beta": ("5", "6")}, settings={"beta": "1"}
    )
    with pytest.raises(InvalidInput, match="beta of trades is given twice"):
        expand(request, request)
    request = request_of("trades", "bat", grid={"epochs": ("2", "4"), "trades.beta": ("5", "6")})
    assert names(request) == [
        *("trades-beta=5-epochs=2-seed=0", "trades-beta=6-epochs=2-seed=0"),
        *("trades-beta=5-epochs=4-seed=0", "trades-beta=6-epochs=4-seed=0"),
        *("bat-epochs=2-seed=0", "bat-epochs=4-seed=0"),
    ]


def test_a_run_is_the_same_whether_its_options_were_set_or_varied():
    fixed = request_of("bat", settings=assignments(["alpha=2.0", "epochs=1e1"], "--set"))
    varied = request_of("bat", grid=grid(["epochs=10,20", "alpha=1,2"]))
    assert names(fixed) == ["bat-alpha=2-epochs=10-seed=0"]
    assert set(names(fixed)) < set(names(varied))
    assert len(expand_all([fixed, varied])) == 4


def test_runs_on_other_data_scores_or_presets_have_names_of_their_own():
    first = request_of("pgd", scores="digits")
    assert names(request_of("pgd", dataset="mnist", scores="digits"), first) == ["pgd-dataset=mnist-seed=0"]
    assert names(request_of("pgd"), first) == ["pgd-scores=none-seed=0"]
    assert names(request_of("pgd", scores="digits", preset="paper"), first) == ["pgd-preset=paper-seed=0"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"grid": {"alhpa": ("1",)}}, "alhpa is neither a field of the configuration nor an option of pgd or bat"),
        ({"grid": {"trades.beta": ("1",)}}, "trades.beta is neither"),
        ({"grid": {"bat.epochs": ("1",)}}, "bat.epochs is neither"),
        ({"settings": {"seed": "1"}}, "use --seeds"),
        ({"settings": {"alpha": "1"}, "grid": {"alpha": ("1",)}}, "alpha of bat is given twice"),
    ],
)
def test_what_no_method_has_is_refused(more: dict[str, Any], said: str):
    request = request_of("pgd", "bat", **more)
    with pytest.raises(InvalidInput, match=said):
        expand(request, request)


def test_unknown_methods_and_attacks_are_refused():
    with pytest.raises(ValidationError, match="there is no method 'sgd'"):
        request_of("sgd")
    with pytest.raises(InvalidInput, match="There is no attack 'pdg'"):
        request_of("pgd", attacks=("pdg",))


@pytest.mark.parametrize("text", ["alpha", "=1", "alpha=", "alpha= "])
def test_what_is_no_assignment_is_refused(text: str):
    with pytest.raises(InvalidInput, match="write it as NAME=VALUE"):
        assignments([text], "--set")
    with pytest.raises(InvalidInput, match="--set sets alpha twice"):
        assignments(["alpha=1", "alpha=2"], "--set")


def test_a_number_has_one_spelling():
    spelled = grid(["alpha=1,1.0,1e0,0.10,1e30,8/255,true,1e-3"])["alpha"]
    assert spelled == ("1", "0.1", "1e+30", "8/255", "true", "0.001")


def test_lists_in_a_grid_are_values():
    assert grid(["milestones=[0.5, 0.75],[0.6]", "weight-decay=1e-3,0.001"]) == {
        "milestones": ("[0.5, 0.75]", "[0.6]"),
        "weight_decay": ("0.001",),
    }


@pytest.mark.slower
@given(st.dictionaries(st.sampled_from(("network", "epsilon", "milestones")), st.text(min_size=1), min_size=1))
def test_names_are_safe_short_and_differ_with_what_they_are_of(settings: dict[str, str]):
    def run(seed: int, values: dict[str, str]) -> SweptRun:
        point = tuple(sorted(values.items()))
        return SweptRun("pgd", seed, point, point, "digits", None, "small")

    name = run(0, settings).name
    assert name.isascii()
    assert len(name) < 130
    assert not set(name) & set('/\\:*?"<>| \n\0')
    others = {run(1, settings).name} | {run(0, {**settings, key: value + "x"}).name for key, value in settings.items()}
    assert name not in others


def test_a_record_is_read_as_it_was_written(tmp_path: Path):
    assert read_requests(tmp_path) == ()
    requests = (
        request_of("bat", "pgd", seeds=3, scores="digits", settings={"epochs": "2"}, grid={"alpha": ("1", "2")}),
        request_of("trades", attacks=("cw",), preset="paper"),
    )
    record_requests(tmp_path, requests)
    assert read_requests(tmp_path) == requests
    (tmp_path / SWEEP).write_text('{"requests": [{}]}')
    with pytest.raises(Damaged, match=r"sweep.json cannot be read \(requests.0.methods: this field is missing\)"):
        read_requests(tmp_path)
