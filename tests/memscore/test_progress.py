"""Progress without a terminal: lines on standard error while something takes long, and none anywhere else."""

import io
import re
import time

import pytest
from rich.console import Console

from memscore import progress as progress_module
from memscore.progress import SHOWN_BYTES, downloads, progress_bar, progress_lines, stage_progress

PIPE = Console(force_terminal=False, file=io.StringIO())


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMSCORE_PROGRESS_SECONDS", "0.2")


def terminal() -> Console:
    return Console(force_terminal=True, width=100, file=io.StringIO())


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "" or err.endswith("\n")
    return err.splitlines()


def test_lines_come_at_once_while_nothing_advances_and_at_the_end(capsys: pytest.CaptureFixture[str]):
    with progress_bar("steps", PIPE) as bar:
        task = bar.add_task("pgd, epoch 3 of 20", total=2000, completed=412)
        time.sleep(1.1)
        still = lines_of(capsys)
        bar.update(task, completed=2000, description="done")
    assert len(still) >= 3
    assert re.fullmatch(r"pgd, epoch 3 of 20: 412 of 2,000 steps, [01] s so far", still[0])
    assert lines_of(capsys) == ["done: 2,000 of 2,000 steps, after 1 s"]


def test_the_time_left_is_told_once_there_is_a_speed(capsys: pytest.CaptureFixture[str]):
    with progress_bar("steps", PIPE) as bar:
        task = bar.add_task("going", total=1000)
        for done in range(1, 9):
            bar.update(task, completed=done)
            time.sleep(0.2)
    first, *_, before, last = lines_of(capsys)
    assert "left" not in first
    assert re.search(r" 0?[0-9]+ s so far, about [3-6] min left$|about [0-9.]+ (s|min) left$", before)
    assert last == "going: 8 of 1,000 steps, after 2 s"


def test_changes_that_come_together_tell_no_pace(monkeypatch: pytest.MonkeyPatch):
    """Two workers that began together end their first blocks together, after 330 s."""
    clock, pace = 0.0, progress_module._Pace(30)
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: clock)
    told: dict[float, float | None] = {}
    for clock, done in ((0.0, 0), (330.0, 10), (341.0, 20), (400.0, 20), (660.0, 30), (671.0, 40), (990.0, 50)):
        pace.note(done, 100)
        told[clock] = pace.seconds(100 - done)
    assert [told[at] for at in (0.0, 330.0, 341.0, 400.0)] == [None] * 4
    for at, left in ((660.0, 1155), (671.0, 990), (990.0, 820)):  # by two workers, 33 s a trial each
        assert told[at] == pytest.approx(left, rel=0.35)


def test_a_count_that_begins_anew_has_no_speed_yet(capsys: pytest.CaptureFixture[str]):
    with stage_progress(PIPE, "done", "train") as show:
        for done in range(4):
            show(done, 10, "training")
            time.sleep(0.25)
        capsys.readouterr()
        show(0, 7, "evaluating")
        time.sleep(0.5)
    told_of = lines_of(capsys)
    assert len(told_of) >= 2
    assert all(line.startswith("evaluating: 0 of 7 done, ") and "left" not in line for line in told_of)


def test_what_precedes_the_first_step_is_told_too_and_a_refusal_stands_alone(capsys: pytest.CaptureFixture[str]):
    with stage_progress(PIPE, "done", "train"):
        time.sleep(0.7)
    assert re.fullmatch(r"train: [01] s so far", lines_of(capsys)[0])
    with pytest.raises(KeyError), stage_progress(PIPE, "done", "train"):
        raise KeyError
    assert lines_of(capsys) == []


def test_what_is_asked_for_as_json_or_shown_on_a_terminal_has_no_lines(capsys: pytest.CaptureFixture[str]):
    for console, lines in ((PIPE, False), (terminal(), True)):
        with progress_bar("steps", console, lines=lines) as bar:
            bar.add_task("going", total=10)
            time.sleep(0.5)
    with progress_lines("reading", lines=False):
        time.sleep(0.5)
    assert lines_of(capsys) == []


def test_a_terminal_that_shows_no_bars_has_lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TERM", "dumb")
    with progress_bar("steps", Console(force_terminal=True, file=io.StringIO())) as bar:
        bar.add_task("going", total=10)
        time.sleep(0.5)
    assert lines_of(capsys)


def test_what_has_no_bar_is_told_of_only_if_it_takes_long(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    with progress_lines("reading"):
        time.sleep(0.5)
    assert re.fullmatch(r"reading: \d s so far", lines_of(capsys)[0])
    monkeypatch.setenv("MEMSCORE_PROGRESS_SECONDS", "30")
    with progress_lines("reading"):
        pass
    assert lines_of(capsys) == []


def test_a_large_download_has_lines_and_a_small_one_none(capsys: pytest.CaptureFixture[str]):
    with downloads(PIPE) as show:
        show("/v1/studies/digits/table", 100, 100)
        show("/v1/studies/imagenet/table", SHOWN_BYTES, 2 * SHOWN_BYTES)
        time.sleep(0.5)
        show("/v1/studies/imagenet/table", 2 * SHOWN_BYTES, 2 * SHOWN_BYTES)
    first, *_, last = lines_of(capsys)
    assert first.startswith("imagenet/table: 4.2 MB of 8.4 MB, ")
    assert last.startswith("imagenet/table: 8.4 MB of 8.4 MB, after ")


def test_a_line_may_say_more_than_a_bar(capsys: pytest.CaptureFixture[str]):
    with progress_bar("runs", PIPE) as bar:
        task = bar.add_task("Ray is starting", total=3)
        bar.update(task, completed=1.7, description="2 running", at_length="2 running (bat-0, pgd-1)")
    assert lines_of(capsys) == ["2 running (bat-0, pgd-1): 1 of 3 runs, after 0 s"]


def test_the_first_line_comes_soon():
    assert progress_module.FIRST_SECONDS <= 5
