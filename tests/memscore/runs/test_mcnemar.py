"""McNemar's test between two runs: golden values, intervals, and refusals of what cannot be compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from memscore.errors import FingerprintMismatch, InvalidInput
from memscore.runs.mcnemar import compare, exact_mcnemar, paired_interval
from memscore.runs.sample_records import SampleRecords, known, unknown
from trainer.evaluation.table import rows_of

META = {"fingerprint": "f" * 64, "epsilon": 0.1, "seed": 0}


def samples(split: str = "test", typical: Any = None, **correct: Any) -> SampleRecords:
    count = len(next(iter(correct.values())))
    groups = {
        "typical": unknown(count, np.bool_) if typical is None else known(np.array(typical, np.bool_)),
        "atypical": unknown(count, np.bool_),
    }
    columns = {"label": known(np.zeros(count, np.int64)), **groups}
    return SampleRecords(split, {**columns, **{f"correct_{name}": value for name, value in correct.items()}})


def flags(text: str) -> Any:
    """A column in which + is right, - is wrong, and ? is not known."""
    return np.ma.masked_array([one == "+" for one in text], mask=[one == "?" for one in text])


@pytest.mark.parametrize(
    ("only_first", "only_second", "p_value"),
    [
        (0, 0, 1.0),
        (1, 0, 1.0),
        (5, 0, 2 / 2**5),
        (1, 9, 2 * (1 + 10) / 2**10),  # 0.021484375
        (3, 3, 1.0),
        (12, 5, 2 * sum(binom.pmf(range(6), 17, 0.5))),  # 0.14346...
    ],
)
def test_p_values_are_those_of_a_fair_coin(only_first: int, only_second: int, p_value: float):
    assert exact_mcnemar(only_first, only_second) == pytest.approx(p_value, rel=1e-12)
    assert exact_mcnemar(only_second, only_first) == pytest.approx(p_value, rel=1e-12)


def test_many_discordant_pairs_come_to_the_chi_squared_test():
    """Agresti's approval ratings, 150 against 86: (|b - c| - 1)^2 / (b + c) = 16.82 has a tail of 4.1e-5."""
    assert exact_mcnemar(150, 86) == pytest.approx(3.7e-5, rel=0.05)


def test_the_interval_is_bonett_and_price():
    """b = 86, c = 150 of 1,600 pairs (Agresti): 0.04 with Wald's interval 0.0214 to 0.0586, hardly moved."""
    low, high = paired_interval(86, 150, 1600)
    assert low == pytest.approx(0.0213, abs=2e-4)
    assert high == pytest.approx(0.0586, abs=2e-4)


@pytest.mark.slower
@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 60))
def test_intervals_hold_the_difference_and_mirror(first: int, second: int, rest: int):
    count = first + second + rest
    low, high = paired_interval(first, second, count)
    assert -1 <= low <= (second - first) / (count + 2) <= high <= 1
    assert paired_interval(second, first, count) == pytest.approx((-high, -low))


def test_rows_are_counted_by_hand():
    first = samples(clean=flags("++++++"), pgd=flags("++--+?"), typical=[1, 1, 1, 0, 0, 0])
    second = samples(clean=flags("+++++-"), pgd=flags("+-+++?"), cw=flags("++++++"))
    rows = {(row.group, row.attack): row for row in compare(([first], META), ([second], META))}
    assert set(rows) == {("all", "clean"), ("all", "pgd"), ("typical", "clean"), ("typical", "pgd")}
    row = rows["all", "pgd"]
    assert (row.count, row.only_first, row.only_second) == (5, 1, 2)
    assert (row.first, row.second, row.difference) == (0.6, 0.8, pytest.approx(0.2))
    assert rows["typical", "pgd"].count == 3
    assert rows["all", "clean"].p_value == 1


def test_what_cannot_be_compared_is_refused():
    one = [samples(clean=flags("++"))]
    with pytest.raises(FingerprintMismatch, match="different datasets"):
        compare((one, META), (one, {**META, "fingerprint": "e" * 64}))
    with pytest.raises(InvalidInput, match="different epsilons"):
        compare((one, META), (one, {**META, "epsilon": 0.2}))
    with pytest.raises(InvalidInput, match="no split and attack in common"):
        compare((one, META), ([samples(split="train", clean=flags("++"))], META))


def test_the_worst_of_different_attacks_is_not_compared():
    first = [samples(clean=flags("+++-"), pgd=flags("++--"), worst=flags("++--"))], META
    second = [samples(clean=flags("++--"), pgd=flags("++--"), cw=flags("+---"), worst=flags("+---"))], META
    assert [row.attack for row in compare(first, second)] == ["clean", "pgd"]
    assert [row.attack for row in compare(first, first)] == ["clean", "pgd", "worst"]


def test_nothing_is_left_of_all_attacks_where_one_leaves_nothing():
    """AutoAttack ran on a part, in which no survivor of the others can be."""
    tried = samples(clean=flags("++--"), pgd=flags("----"), autoattack=flags("??--"), worst=flags("??--"))
    unknowns = {"poisoned": unknown(4, np.bool_), "poisoning_score": unknown(4, np.float32)}
    row = rows_of(SampleRecords("test", tried.columns | unknowns), {})[0]
    assert (row.accuracy["worst"].share, row.accuracy["worst"].count) == (0.0, 4)
