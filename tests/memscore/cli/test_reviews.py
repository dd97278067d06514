"""`memscore review`: from verdicts at the command line to a corrected dataset."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from api.serving.in_process import in_process
from memscore.client import Client
from memscore.datasets.storage import open_dataset
from memscore.settings import Settings
from memscore.store import Database, datasets, evidence, studies, tables
from memscore.study.spec import Design
from tests.command_line import refused
from tests.conftest import QUICK, StoredStudy, build, make_trials


@pytest.fixture
def here(database: Database, embedded: StoredStudy, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> StoredStudy:
    """The stored study, in the home that the command line is set to."""
    monkeypatch.setenv("MEMSCORE_HOME", str(settings.home))
    return embedded


def test_verdicts_are_given_listed_and_taken_back(memscore, here: StoredStudy):
    names, given = here.dataset.class_names, int(here.dataset.y_train[17])
    right = (given + 1) % here.dataset.classes
    said = memscore("review", "set", "made-up", "17", "error", "--label", names[right], "--reviewer", "ada")
    assert said.out == f"Sample 17 ({names[given]}): error, {names[right]} is right, by ada\n"
    assert memscore("review", "set", "made-up", "18", "fine", "--json").json["verdict"] == "fine"
    assert memscore("review", "set", "made-up", "19", "error").status == 0
    listed = memscore("review", "list", "made-up")
    assert "3 samples reviewed: 1 relabelled, 1 left out, 1 fine" in listed.err
    assert [word in listed.out for word in ("ada", "reviewer", names[right])] == [True] * 3
    assert (
        memscore("review", "set", "made-up", "18", "none").out
        == f"Sample 18 ({names[int(here.dataset.y_train[18])]}): verdict taken back, by reviewer\n"
    )
    found = memscore("review", "list", "made-up", "--json").json
    assert [one["index"] for one in found["reviews"]] == [17, 19]
    assert memscore("review", "list", "made-up", "--reviewer", "nobody", "--json").json["reviews"] == []


def test_agreed_verdicts_make_a_corrected_dataset(
    memscore, here: StoredStudy, database: Database, home: Path, tmp_path: Path
):
    names, labels = here.dataset.class_names, np.array(here.dataset.y_train)
    right = (int(labels[17]) + 1) % len(names)
    memscore("review", "set", "made-up", "17", "error", "--label", str(right), "--reviewer", "ada")
    memscore("review", "set", "made-up", "4", "error", "--reviewer", "ada")
    for reviewer, verdict in (("ada", "error"), ("ben", "fine")):
        memscore("review", "set", "made-up", "9", verdict, "--reviewer", reviewer)
    done = memscore("review", "apply", "made-up", "--name", "better")
    assert done.out == "Dataset better: 1 sample relabelled and 1 left out\n"
    with database.reading() as connection:
        better = open_dataset(home, datasets.by_name(connection, "better").fingerprint)
    expected = labels.copy()
    expected[17] = right
    np.testing.assert_array_equal(better.y_train, np.delete(expected, 4))
    trials, design = make_trials(better, Design(), blocks=4), Design()
    with database.writing() as connection:
        record = datasets.by_name(connection, "better")
        study = studies.ensure(connection, record, QUICK, design, "better")
        evidence.add(connection, study.id, trials)
        tables.add(connection, study.id, *build(better, trials, design, study.id))
    compared = memscore("scores", "compare", "made-up", "better")
    shared = len(labels) - 1
    said = f"{shared} training samples are in both, 1 of which has another label in b; a has 1 other, and b 0."
    assert said in compared.err
    with Client(http=in_process(database, home)) as client:
        found = client.compare("made-up", "better", limit=1000)
    assert (found.shared, found.relabelled) == (shared, 1)
    of = {one.index: one for one in found.disagreements}
    assert 4 not in of
    assert (of[17].label, of[17].label_b, of[17].index_b) == (int(labels[17]), right, 16)
    refused(memscore("scores", "compare", "made-up", "better", "--plot", "plot.svg"), "--plot is for studies")
    again = memscore("datasets", "add", "best", "--from-review", "made-up", "--json").json
    assert (again["dataset"], again["relabelled"], again["left_out"]) == ("best", 1, 1)
    refused(memscore("datasets", "add", "best", "--from-review", "made-up", "--flip-labels", "0.1"), "takes NAME alone")
    changes = tmp_path / "changes.csv"
    assert memscore("review", "export", "made-up", "--output", str(changes)).out == f"2 changes written to {changes}\n"
    assert changes.read_text() == f"index,label\n4,\n17,{names[right]}\n"
    memscore("datasets", "export", "made-up", "--changes", str(changes), "--output", str(tmp_path / "same.npz"))
    assert (
        memscore("datasets", "add", "same", "--from", f"npz:{tmp_path / 'same.npz'}", "--json").json["train_samples"]
        == len(labels) - 1
    )


def test_a_sample_that_was_removed_on_request_is_left_out_whatever_reviewers_say(
    memscore, here: StoredStudy, database: Database, home: Path
):
    labels = np.array(here.dataset.y_train)
    right = (int(labels[17]) + 1) % here.dataset.classes
    memscore("review", "set", "made-up", "17", "error", "--label", str(right))
    memscore("datasets", "forget", "made-up", "--train", "17", "--yes", "made-up")
    refused(memscore("review", "apply", "made-up", "--name", "better"), "change no label")
    memscore("review", "set", "made-up", "4", "error")
    assert memscore("review", "apply", "made-up", "--name", "better").out.endswith(
        "0 samples relabelled and 1 left out\n"
    )
    with database.reading() as connection:
        better = open_dataset(home, datasets.by_name(connection, "better").fingerprint)
    np.testing.assert_array_equal(better.y_train, np.delete(labels, [4, 17]))


def test_what_cannot_be_done_is_one_sentence(memscore, here: StoredStudy, database: Database):
    refused(memscore("review", "apply", "made-up", "--name", "better"), "change no label")
    refused(memscore("review", "apply", "made-up", "--name", "digits"), "is the name of a published dataset")
    refused(memscore("review", "apply", "made-up", "--name", "../x"), "is not a valid name")
    refused(memscore("review", "set", "made-up", "17", "wrong"), "none of error, fine, unsure and none")
    refused(memscore("review", "set", "made-up", "17", "error", "--label", "zebra"), "zebra")
    refused(memscore("review", "set", "made-up", "17", "fine", "--label", "0"), "label is for the verdict error alone")
    refused(memscore("review", "set", "made-up", "600", "fine"), "There is no training sample 600")
    refused(memscore("review", "list", "nothing"), "There is no study 'nothing'")
    memscore("review", "set", "made-up", "17", "error")
    refused(memscore("review", "apply", "made-up", "--name", "made-up"), "made-up")
    with database.reading() as connection:
        assert [one.name for one in datasets.listing(connection)] == ["made-up"]
