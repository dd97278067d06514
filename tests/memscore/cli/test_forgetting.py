"""The command that forgets samples, and what commands, reports and Python say of them afterwards."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest

from memscore import Study
from memscore.datasets.dataset import Dataset
from memscore.datasets.npz import load_npz
from memscore.settings import Settings
from memscore.store import Database, forgotten
from memscore.workflows.datasets import register
from tests.command_line import refused
from tests.conftest import StoredStudy, make_dataset

ASKED = ("datasets", "forget", "made-up", "--train", "17", "--train", "4", "--test", "3")
WHAT = "the content of 2 training samples and 1 test sample of dataset made-up; their labels and all scores stay"


@pytest.fixture
def here(database: Database, embedded: StoredStudy, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("MEMSCORE_HOME", str(settings.home))
    return settings


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def known(database: Database, study: StoredStudy) -> int:
    with database.reading() as connection:
        return len(forgotten.of(connection, study.record.fingerprint))


def test_without_confirm_it_says_what_would_go(memscore, database: Database, embedded: StoredStudy, here: Settings):
    said = memscore(*ASKED)
    assert said.status == 1
    assert said.out.startswith(f"This would remove {WHAT}, and nothing more can be trained on the dataset.")
    assert said.out.endswith("Nothing was removed; to remove it, add --yes made-up.\n")
    asked = memscore(*ASKED, "--json")
    assert (asked.status, asked.json["forgotten"], asked.json["train"]) == (1, False, [4, 17])
    refused(memscore(*ASKED, "--yes", "made"), "'made' is not its name, 'made-up'")
    refused(memscore("datasets", "forget", "made-up"), "Name the samples to forget")
    refused(memscore("datasets", "forget", "made-up", "--train", "60"), "no train sample 60; its indices go from 0 to")
    assert known(database, embedded) == 0


@pytest.mark.parametrize(("typed", "status"), [("made-up\n", 0), ("yes\n", 1), ("", 1)])
def test_at_a_terminal_the_name_is_asked_for(
    memscore,
    database: Database,
    embedded: StoredStudy,
    here: Settings,
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
    status: int,
):
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    assert memscore(*ASKED).status == status
    assert known(database, embedded) == (3 if status == 0 else 0)


def test_everything_says_so_afterwards(
    memscore, database: Database, embedded: StoredStudy, here: Settings, tmp_path: Path
):
    assert "removed on request" not in memscore("datasets", "list").out
    done = memscore(*ASKED, "--yes", "made-up")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(f"Removed {WHAT}")
    assert memscore(*ASKED, "--yes", "made-up", "--json").json["before"] == 3
    assert "removed on request" in memscore("datasets", "list").out
    assert memscore("datasets", "list", "--json").json["datasets"][0]["forgotten"] == 3
    shown = memscore("datasets", "show", "made-up").out
    assert "removed on request, train" in shown
    refused(
        memscore("datasets", "image", "made-up", "train", "17", "-o", str(tmp_path / "17.png")), "removed on request"
    )
    assert not (tmp_path / "17.png").exists()
    said = "Nothing more is trained on dataset 'made-up', since 3 of its samples were removed on request"
    refused(memscore("estimate", "--dataset", "made-up", "--recipe", "digits", "--trials", "50"), said)
    refused(memscore("estimate", "--dataset", "made-up", "--recipe", "digits", "--trials", "50", "--dry-run"), said)
    output = str(tmp_path / "run")
    for command in (("train", "--method", "erm"), ("sweep", "--methods", "pgd")):
        refused(memscore(*command, "--dataset", "made-up", "--output", output), said)
    assert memscore("db", "check").status == 0


def test_what_is_written_leaves_them_out(memscore, database: Database, embedded: StoredStudy, here: Settings):
    memscore(*ASKED, "--yes", "made-up")
    file = here.home.parent / "rest.npz"
    written = memscore("datasets", "export", "made-up", "--output", str(file), "--json")
    assert (written.json["relabelled"], written.json["left_out"]) == (0, 3)
    rest, before = load_npz(file), embedded.dataset
    assert np.array_equal(rest.x_train, np.delete(before.x_train, [4, 17], 0))
    assert np.array_equal(rest.x_test, np.delete(before.x_test, [3], 0))
    assert memscore("datasets", "add", "rest", "--from", f"npz:{file}").status == 0


def test_reports_and_python_show_a_sentence(memscore, embedded: StoredStudy, here: Settings, tmp_path: Path):
    memscore("datasets", "forget", "made-up", *(f"--train={index}" for index in range(60)), "--yes", "made-up")
    page = tmp_path / "report.html"
    assert memscore("report", "made-up", "--output", str(page)).status == 0
    assert "This image was removed on request." in page.read_text()
    assert "the content of 60 training samples; labels and scores stay" in page.read_text()
    study = Study.open("made-up")
    assert "This image was removed on request." in study.samples.show("train", 17)
    assert study.samples.image("train", 17) is None
    assert study.samples.image("test", 3) is not None
    assert len(study.duplicates()) == 0


@pytest.mark.databases("sqlite")
@pytest.mark.databases("sqlite")
def test_a_restored_database_is_told_what_it_does_not_know(
    memscore, database: Database, embedded: StoredStudy, here: Settings, tmp_path: Path
):
    memscore("db", "backup", str(tmp_path / "before.zip"))
    memscore(*ASKED, "--yes", "made-up")
    memscore("db", "backup", str(tmp_path / "after.zip"))
    database.close()
    said = memscore("db", "restore", str(tmp_path / "before.zip"), "--overwrite")
    assert "2 training samples and 1 test sample were removed on request after the backup" in said.err
    assert "memscore db check --repair" in said.err
    assert known(database, embedded) == 0
    assert memscore("db", "check", "--repair").status == 0
    assert known(database, embedded) == 3
    database.close()
    assert "on request" not in memscore("db", "restore", str(tmp_path / "after.zip"), "--overwrite").err


def test_the_same_source_is_not_added_again(memscore, database: Database, embedded: StoredStudy, here: Settings):
    file = here.home.parent / "own.npz"
    dataset = make_dataset(seed=8)
    np.savez(file, x_train=dataset.x_train, y_train=dataset.y_train, x_test=dataset.x_test, y_test=dataset.y_test)
    add = ("datasets", "add", "own", "--from", f"npz:{file}")
    assert memscore(*add).status == 0
    assert memscore(*add).status == 0
    memscore("datasets", "forget", "own", "--train", "17", "--yes", "own")
    refused(memscore(*add), "Dataset 'own' is not added again, since 1 sample of it was removed on request")
    refused(memscore(*add, "--name", "other"), "Dataset 'other' is not added again")
    register(database, here, "spare", make_dataset(seed=5))


def test_equal_samples_are_named_before_it_is_confirmed(memscore, copied: Dataset, here: Settings):
    asked = memscore("datasets", "forget", "copied", "--train", "3")
    assert asked.status == 1
    assert "Nothing was removed" in asked.out
    said = "warning: Equal samples stay: train 9 of copied, train 3 of made-up; forget them too if they show the same."
    assert " ".join(asked.err.split()) == said
