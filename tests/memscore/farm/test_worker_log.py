"""What workers print: forwarded, kept by process, without colours."""

import io
from concurrent.futures import ThreadPoolExecutor

from memscore.farm.worker_log import KEPT_LINES, WorkerLines, WorkerLog


def test_lines_are_forwarded_as_they_come_and_noted_when_they_are_whole():
    stream, noted = io.StringIO(), list[str]()
    log = WorkerLog(stream, noted.append)
    for part in ("one\ntw", "o\n\x1b[36mthree", "\x1b[0m\n"):
        assert log.write(part) == len(part)
    assert stream.getvalue() == "one\ntwo\n\x1b[36mthree\x1b[0m\n"
    assert noted == ["one", "two", "three"]


def test_the_last_lines_of_each_worker_are_kept():
    noted: list[str] = []
    lines = WorkerLines(noted.append)
    for number in range(KEPT_LINES + 5):
        lines.note(f"(UnitTrainer pid=17) line {number}")
    lines.note("(UnitTrainer pid=18, ip=10.0.0.2) elsewhere")
    lines.note("of the driver")
    assert lines.of(17) == [f"line {number}" for number in range(5, KEPT_LINES + 5)]
    assert lines.of(18) == ["elsewhere"]
    assert lines.of(19) == []
    assert noted[-1] == "of the driver"
    assert len(noted) == KEPT_LINES + 7


def test_lines_of_several_threads_stay_whole():
    noted: list[str] = []
    stream = WorkerLog(io.StringIO(), noted.append)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: [stream.write(f"line of {number}\n") for _ in range(20_000)], range(4)))
    assert sorted(set(noted)) == [f"line of {number}" for number in range(4)]
    assert len(noted) == 80_000
