"""Durations: what people write, and what is none; times as tables show them."""

import logging
import time
from datetime import UTC, datetime

import pytest

from memscore.durations import local_time, readable, seconds_of


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


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.0004, "under 0.01 s"),
        (0.0312, "0.031 s"),
        (3.14, "3.1 s"),
        (9.96, "10 s"),
        (89, "89 s"),
        (100, "2 min"),
        (3570, "1 h"),
        (9480, "2 h 38 min"),
        (172_790, "2.0 days"),
        (570_000, "6.6 days"),
        (864_000, "10 days"),
        (10**9, "11,574 days"),
    ],
)
def test_durations_are_shown_in_the_units_that_people_use(seconds: float, words: str):
    assert readable(seconds) == words


def test_times_of_tables_are_those_of_the_log(monkeypatch: pytest.MonkeyPatch):
    noon = datetime(2026, 11, 29, 12, 0, 5, tzinfo=UTC)
    try:
        for zone, expected in (("Asia/Tokyo", "21:00:05"), ("UTC", "12:00:05"), ("America/St_Johns", "08:30:05")):
            monkeypatch.setenv("TZ", zone)
            time.tzset()
            assert local_time(noon) == f"2026-11-29 {expected}"
            logged = logging.Formatter("%(asctime)s", "%Y-%m-%d %H:%M:%S")
            record = logging.makeLogRecord({"created": noon.timestamp()})
            assert logged.format(record) == local_time(noon)
    finally:
        monkeypatch.undo()
        time.tzset()
