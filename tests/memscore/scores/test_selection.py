"""Orders, filters and cursors of training samples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memscore.errors import InvalidInput
from memscore.scores.selection import COLUMNS, Column, Filters, Order, values_of
from memscore.scores.tables import Columns, ScoreTable

MEM = st.one_of(st.just(float("nan")), st.sampled_from([-0.5, 0.0, 0.1, 0.15, 0.5, 1.0]))


def table_of(mem: list[float], label: list[int] | None = None) -> ScoreTable:
    columns: Columns = {name: np.zeros(len(mem)) for name in ScoreTable.dtypes}
    columns["mem"] = np.array(mem)
    columns["label"] = np.array(label or [0] * len(mem))
    columns["n_in"] = np.arange(len(mem))[::-1]
    return ScoreTable.of(columns, {"study": "s", "trials": 10, "fingerprint": "f"})


@given(st.lists(MEM, min_size=1, max_size=12), st.booleans(), st.sampled_from(["mem", "index", "n_in", "label"]))
def test_an_order_is_that_of_pythons_sort_with_undefined_values_last(mem: list[float], down: bool, column: Column):
    table = table_of(mem)
    order = Order(column, down)
    values = values_of(table, column)

    def key(index: int) -> tuple[bool, float, int]:
        value = float(values[index])
        return (value != value, (-value if down else value) if value == value else 0.0, index)

    assert order.of(table).tolist() == sorted(range(len(mem)), key=key)


@given(st.lists(MEM, min_size=1, max_size=12), st.booleans(), st.integers(0, 11))
def test_what_comes_after_a_sample_is_the_rest_of_the_order(mem: list[float], down: bool, place: int):
    table = table_of(mem)
    order = Order("mem", down)
    samples = order.of(table)
    last = samples[place % len(mem)]
    value = float(table["mem"][last])
    after = order.after(table, None if value != value else value, int(last))
    assert set(np.flatnonzero(after)) == set(samples[place % len(mem) + 1 :])


def test_every_column_sorts_and_another_is_refused():
    for column in COLUMNS:
        assert Order.parse(f"-{column}") == Order(column, descending=True)
    with pytest.raises(InvalidInput, match="'mem_prob' is not a column; use one of index, label, mem"):
        Order.parse("mem_prob")
    with pytest.raises(InvalidInput, match="is not a column"):
        Order.parse("--mem")


def test_filters_combine_and_compare_in_single_precision():
    mem = [1 - 51 / 60, 0.5, float("nan"), 0.0, 0.5]
    table = table_of(mem, [0, 0, 0, 1, 1])
    assert Filters().mask(table).all()
    assert Filters(set="atypical").mask(table).tolist() == [False, True, False, False, True]
    assert Filters(set="typical").mask(table).tolist() == [False, False, False, True, False]
    assert Filters(mem_min=0.15).mask(table).tolist() == [True, True, False, False, True]
    assert Filters(mem_max=0.15).mask(table).tolist() == [True, False, False, True, False]
    assert Filters(label=0, mem_min=0.2, mem_max=0.5).mask(table).tolist() == [False, True, False, False, False]
