"""Durations: what people write, and what is none."""

import pytest

from memscore.durations import seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("45s", 45), ("90m", 5400), ("2h30m", 9000), ("1d12h", 129_600), ("2w", 1_209_600), ("0s", 0), ("1w1s", 604_801)],
)
def test_units_are_added_up(text: str, seconds: int):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "d", "90", "-1d", "1.5h", "1y", "30m2h", "1d 2h", "1h1h", "9999999999s"])
def test_other_forms_are_none(text: str):
    assert seconds_of(text) is None


def test_numbers_may_have_so_many_digits_and_no_more():
    assert seconds_of("99999d", most_digits=5) == 99_999 * 86_400
    assert seconds_of("100000d", most_digits=5) is None
