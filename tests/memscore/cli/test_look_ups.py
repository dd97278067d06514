"""Commands that look scores up, show events and images: what they print, and what they refuse."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from memscore.messages.scores import Histogram
from memscore.progress import SHOWN_BYTES, downloads
from memscore.store import Database, jobs
from memscore.study.spec import Wanted
from tests.command_line import refused
from tests.conftest import StoredStudy
from tests.served import served


def test_scores_are_listed(memscore, embedded: StoredStudy):
    scores = embedded.scores
    listed = memscore("scores", "list", "made-up", "--label", "1", "--sort=mem", "--limit", "5", "--json").json
    ones = np.flatnonzero(scores["label"] == 1)
    assert [one["index"] for one in listed] == sorted(ones, key=lambda index: (scores["mem"][index], index))[:5]
    typical = memscore("scores", "list", "made-up", "--set", "typical", "--limit", "100", "--json").json
    assert len(typical) == scores.typical().sum()
    assert "typical" in memscore("scores", "list", "made-up", "--mem-max", "0", "--mem-min", "0").out


def test_scores_are_looked_up(memscore, embedded: StoredStudy, tmp_path: Path):
    file = tmp_path / "indices.txt"
    file.write_text("7, 5\n5\n")
    found = memscore("scores", "lookup", "made-up", "3", "--indices-file", str(file), "--json").json
    assert found["index"] == [3, 7, 5, 5]
    np.testing.assert_allclose(found["mem"], embedded.scores["mem"][[3, 7, 5, 5]], rtol=1e-6)
    assert "│ 28   │ 12    │" in memscore("scores", "lookup", "made-up", "3").out
    assert memscore("scores", "test", "made-up", "3", "--json").json["index"] == 3


def test_a_histogram_has_bars_as_long_as_its_counts(memscore, embedded: StoredStudy):
    histogram = Histogram.model_validate(memscore("scores", "histogram", "made-up", "--bins", "8", "--json").json)
    lines = memscore("scores", "histogram", "made-up", "--bins", "8").out.splitlines()
    assert lines[0] == "mem of 60 training samples, 40 trials"
    counts = [int(line.split()[-1]) for line in lines[1:]]
    assert counts == [count for count in histogram.counts if count]
    bars = [line.count("█") for line in lines[1:]]
    assert max(bars) == 50
    assert all(abs(bar - 50 * count / max(counts)) <= 1 for bar, count in zip(bars, counts, strict=True))


def test_an_explanation_is_shown(memscore, embedded: StoredStudy):
    shown = memscore("scores", "explain", "made-up", "5", "--limit", "2").out
    assert memscore("scores", "explain", "made-up", "5", "--limit", "2", "--json").json["sentence"] in shown
    assert "Test samples that it influences" in shown


def test_an_image_is_written(memscore, embedded: StoredStudy, tmp_path: Path):
    file = tmp_path / "image.png"
    assert memscore("datasets", "image", "made-up", "train", "3", "-o", str(file), "--scale", "2").status == 0
    assert file.read_bytes().startswith(b"\x89PNG")


def test_events_of_a_job_are_printed_from_here_and_from_a_service(memscore, embedded: StoredStudy, database: Database):
    with database.writing() as connection:
        job, _ = jobs.submit(connection, embedded.record.id, Wanted(), 40)
        jobs.cancel(connection, job.id)
    assert [line.split()[2] for line in memscore("jobs", "events", job.id).out.splitlines()] == ["queued", "cancelled"]
    with served(database) as url:
        lines = memscore("jobs", "events", job.id, "--follow", "--json", "--url", url).out.splitlines()
        assert [json.loads(line)["state"] for line in lines] == ["queued", "cancelled"]
    assert [one["id"] for one in memscore("jobs", "list", "--state", "cancelled", "--json").json["jobs"]] == [job.id]
    assert memscore("jobs", "list", "--state", "running", "--json").json["jobs"] == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("scores", "list", "made-up", "--sort", "size"), "is not a column"),
        (("scores", "lookup", "made-up"), "Name the samples"),
        (("scores", "lookup", "made-up", "60"), "no training sample 60"),
        (("scores", "lookup", "made-up", "--indices-file", "no.txt"), "no.txt cannot be read"),
        (("scores", "lookup", "made-up", "--indices-file", __file__), "which is not an index"),
        (("scores", "test", "made-up", "20"), "no test sample 20"),
        (("scores", "explain", "nothing", "1"), "There is no study 'nothing'"),
        (("datasets", "image", "made-up", "train", "60", "-o", "x.png"), "60"),
        (("jobs", "events", "0123456789abcdef"), "There is no job"),
    ],
)
def test_wrong_input_is_one_sentence(
    memscore, embedded: StoredStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments, sentence: str
):
    monkeypatch.chdir(tmp_path)
    refused(memscore(*arguments), sentence)


def test_a_large_download_shows_a_bar_where_somebody_looks():
    terminal = Console(force_terminal=True, width=100, record=True, file=io.StringIO())
    with downloads(terminal) as show:
        assert show is not None
        show("/v1/studies/digits/table", 100, 100)
        show("/v1/studies/imagenet/table", SHOWN_BYTES, 2 * SHOWN_BYTES)
        show("/v1/studies/imagenet/table", 2 * SHOWN_BYTES, 2 * SHOWN_BYTES)
    printed = terminal.export_text()
    assert "imagenet/table" in printed
    assert "digits" not in printed
