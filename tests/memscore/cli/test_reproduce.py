"""The command reproduce: it refuses before any work, prints its plan, and resumes after an interruption."""

from __future__ import annotations

import fcntl
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from memscore import settings as settings_module
from memscore.cli import app
from memscore.errors import Conflict, InvalidInput, NotFound
from memscore.workflows.datasets import register
from memscore.workflows.embedded import opened_database
from tests.conftest import make_dataset

TINY = ("--dataset", "made-up", "--seeds", "1", "--trials", "210")
QUICK = ("--set", "epochs=2", "--set", "keep_every=1", "--set", "attack_steps=1", "--set", "evaluation_steps=2")


@pytest.fixture
def _made_up() -> None:
    settings = settings_module.load()
    with opened_database(settings) as database:
        register(database, settings, "made-up", make_dataset())


def reproduce(*words: str) -> str:
    """What the command prints."""
    result = CliRunner().invoke(app, ("reproduce", *words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_items_are_listed():
    listed = reproduce("list")
    assert "fig1 " in listed
    assert "table7" in listed


@pytest.mark.usefixtures("_made_up")
@pytest.mark.parametrize(
    ("words", "kind", "said"),
    [
        (("fig99",), InvalidInput, "no item 'fig99'; the items are: fig6"),
        (("fig1", "--scale", "large"), InvalidInput, "no scale 'large'; the scales are: mini, paper"),
        (("fig1", *TINY, "--model", "resnet1000"), InvalidInput, "no model 'resnet1000'"),
        (("fig1", "--dataset", "nothing"), NotFound, "no dataset 'nothing'"),
        (
            ("fig1", *TINY, "--trials", "50"),
            InvalidInput,
            "fig1 needs a study of at least 210 trials.*160 more than the 50 asked for",
        ),
        (("fig1", *TINY, "--study", "nothing"), NotFound, "no study 'nothing'"),
        (
            ("fig1", *TINY, "--set", "epoch=1"),
            InvalidInput,
            "epoch is neither a field of the configuration nor an option",
        ),
        (("fig1", *TINY, "--set", "seed=1"), InvalidInput, "seed is set by each item"),
        (("fig1", *TINY, "--set", "epochs=0"), ValueError, "epochs"),
        (("fig1", *TINY, "--set", "nonsense"), InvalidInput, "'nonsense' is not an assignment"),
    ],
)
def test_what_cannot_be_made_is_refused_before_any_work(
    tmp_path: Path, words: tuple[str, ...], kind: type[Exception], said: str
):
    with pytest.raises(kind, match=said):
        reproduce(*words, "--output", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("_made_up")
def test_a_dry_run_says_what_it_would_take_and_leaves_nothing_behind(tmp_path: Path):
    words = ("fig2", "fig1", *TINY, *QUICK, "--dry-run", "--json", "--output", str(tmp_path / "out"))
    found = json.loads(reproduce(*words))
    assert (found["items"], found["runs"], found["left"]) == (2, 5, 5)
    assert found["trials"] == 230  # 20 of them on all samples
    assert 0 < found["seconds"] < 3600
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("_made_up")
def test_two_reproductions_do_not_work_in_one_folder(tmp_path: Path):
    folder = tmp_path / "out/mini"
    folder.mkdir(parents=True)
    with (folder / "reproduce.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Conflict, match="Another reproduction is using"):
            reproduce("fig1", *TINY, "--output", str(tmp_path / "out"))


@pytest.mark.slow
@pytest.mark.usefixtures("_made_up")
def test_what_is_killed_goes_on_and_ends_with_the_same_numbers(tmp_path: Path):
    words = ("fig2", "fig7", *TINY, *QUICK, "--slots", "1")
    reproduce(*words, "--output", str(tmp_path / "whole"))
    command = (sys.executable, "-m", "memscore.cli", "reproduce", *words, "--output", str(tmp_path / "killed"))
    runs = tmp_path / "killed/mini/runs"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 300
        while not any(runs.glob("*/*/*/finished.json")) and time.monotonic() < deadline:
            time.sleep(0.2)
        process.send_signal(signal.SIGKILL)
    finished = {path: path.stat().st_mtime_ns for path in runs.glob("*/*/*/finished.json")}
    assert 0 < len(finished) < 4
    while True:
        try:
            reproduce(*words, "--output", str(tmp_path / "killed"))
            break
        except Conflict:  # until what the killed one ran has ended
            time.sleep(0.5)
    assert all(path.stat().st_mtime_ns == moment for path, moment in finished.items())
    for name in ("fig2/numbers.csv", "fig2/verdicts.json", "fig7/numbers.csv", "fig2/fig2.svg"):
        whole, killed = (tmp_path / which / "mini/items" / name for which in ("whole", "killed"))
        assert whole.read_bytes() == killed.read_bytes(), name
