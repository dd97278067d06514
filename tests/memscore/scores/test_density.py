"""Counts over two columns, and bounds of columns: against counting one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from memscore.errors import InvalidInput
from memscore.scores.density import density
from memscore.scores.selection import COLUMNS, ColumnRange, Filters, values_of
from memscore.scores.tables import ScoreTable
from memscore.study.spec import Design
from tests.conftest import build, make_dataset, make_trials

WHOLE = make_dataset()
MADE, _ = build(WHOLE, make_trials(WHOLE, Design(), blocks=4), Design(), "0123456789abcdef")


@pytest.fixture
def scores() -> ScoreTable:
    return MADE


def test_counts_are_those_of_counting_one_by_one(scores: ScoreTable):
    everybody = np.ones(len(scores), np.bool_)
    found = density(scores, everybody, ("p_out", "mem"), 20)
    for i, j in np.ndindex(*found.counts.shape):
        x, y = (
            (values >= edges[at]) & ((values < edges[at + 1]) | ((at == len(edges) - 2) & (values <= edges[at + 1])))
            for values, edges, at in (
                (scores["p_out"].astype(float), found.x_edges, i),
                (scores["mem"].astype(float), found.y_edges, j),
            )
        )
        assert found.counts[i, j] == (x & y).sum()
    assert found.counts.sum() + found.undefined == len(scores)


def test_shares_of_few_trials_lie_in_the_middle_of_bins(scores: ScoreTable):
    found = density(scores, np.ones(len(scores), np.bool_), ("p_out", "p_in"), 7)
    trials = int(scores["n_out"][0])
    assert len(found.x_edges) == trials + 2
    shares = np.unique(scores["p_out"].astype(float))
    places = (shares[:, None] - found.x_edges[:-1]) / np.diff(found.x_edges)
    assert np.isclose(places[(places >= 0) & (places < 1)], 0.5, atol=1e-5).all()


def test_undefined_values_are_counted_apart(scores: ScoreTable):
    columns = {name: column.copy() for name, column in scores.columns.items()}
    columns["p_in"][:5] = np.nan
    changed = ScoreTable.of(columns, dict(scores.meta))
    found = density(changed, np.arange(len(scores)) < 10, ("p_in", "se"), 4)
    assert (found.undefined, found.counts.sum()) == (5, 5)


def test_a_column_without_any_value_has_a_grid(scores: ScoreTable):
    found = density(scores, np.zeros(len(scores), np.bool_), ("risk", "se_margin"), 4)
    assert found.counts.shape == (4, 4)
    assert (found.undefined, found.counts.sum()) == (0, 0)


@given(
    column=st.sampled_from(COLUMNS),
    least=st.none() | st.floats(-2, 70, width=32),
    most=st.none() | st.floats(-2, 70, width=32),
)
def test_bounds_hold_for_exactly_the_samples_within(column: str, least: float | None, most: float | None):
    assume(least is None or most is None or least <= most)
    low, high = ("" if one is None else f"{one:.12f}" for one in (least, most))
    wanted = Filters(ranges=(ColumnRange.parse(f"{column}:{low}:{high}"),)).mask(MADE)
    values = values_of(MADE, ColumnRange.parse(f"{column}::").column).astype(np.float32)
    for index, value in enumerate(values):
        inside = not np.isnan(value)
        inside &= least is None or bool(value >= np.float32(low))
        inside &= most is None or bool(value <= np.float32(high))
        assert wanted[index] == inside


WRONG = """|mem|mem:0|mem:0:1:2|name:0:1|mem:a:1|mem:nan:1|mem::inf|se:1e30:|Mem:0:1|mem:0.5:0.1"""


@pytest.mark.parametrize("text", WRONG.split("|"))
def test_what_is_no_range_is_refused_in_a_sentence(text: str):
    with pytest.raises(InvalidInput, match=r"range: .* (is not a column|is not COLUMN:LEAST:MOST|is empty)"):
        ColumnRange.parse(text)
