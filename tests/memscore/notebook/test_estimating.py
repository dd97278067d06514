"""memscore.estimate: from arrays, sources and torch datasets to a study, from a script, a thread and after a stop."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch.utils.data import TensorDataset

import memscore
from memscore.client import Client
from memscore.errors import Conflict, InvalidDataset, InvalidInput, MemscoreError, NotFound, StoreError
from memscore.messages.jobs import JobMessage
from memscore.notebook.application import application, exists
from memscore.study.spec import Design, Target
from memscore.workflows import estimation
from tests.conftest import QUICK, make_dataset

MADE = make_dataset()
X, Y = MADE.x_train, MADE.y_train
TEST = (MADE.x_test, MADE.y_test)


def quick(data: Any = X, labels: Any = Y, **wanted: Any) -> memscore.Study:
    """20 quick trials, with a test part unless the data or the caller bring one."""
    brought = data is not X or "test_share" in wanted
    usual = {"recipe": QUICK, "trials": 20, "full_trials": 0, "progress": False, "test": None if brought else TEST}
    return memscore.estimate(data, labels, **{**usual, **wanted})


def test_arrays_become_a_study_that_the_same_call_finds_again(train_here: list[int]):
    study = quick(test=MADE.x_test, test_labels=MADE.y_test, name="mine")
    assert (study.name, study.trials, train_here) == ("mine", 20, list(range(20)))
    assert study.dataset.fingerprint == MADE.fingerprint
    assert quick(name="mine").id == study.id
    assert train_here == list(range(20)), "nothing is trained twice"
    assert quick(name="mine", trials=30).trials == 30
    assert study.more(10, progress=False).trials == 40
    assert train_here == list(range(40))


def test_data_without_a_name_are_named_by_what_they_are(train_here: list[int]):
    study = quick()
    assert study.name == f"data-{MADE.fingerprint[:8]}"
    other = quick(subset_ratio=0.5, seed=3)
    assert other.message.design == Design(subset_ratio=0.5, seed=3)
    assert (other.id != study.id, other.message.dataset) == (True, study.message.dataset)


def test_torch_datasets_and_datasets_are_read(train_here: list[int]):
    study = quick()
    images, labels = torch.from_numpy(X), torch.from_numpy(Y.astype(np.int64))
    test = TensorDataset(torch.from_numpy(MADE.x_test), torch.from_numpy(MADE.y_test.astype(np.int64)))
    assert quick(TensorDataset(images, labels), None, test=test).id == study.id
    assert quick(images, labels, test=TEST).id == study.id, "tensors are arrays"
    assert quick(MADE, None).id == study.id

    with pytest.raises(InvalidInput, match="data is a Dataset, which has its own: leave out labels"):
        quick(MADE, Y)


def test_features_have_a_recipe_and_no_need_of_a_test_part(train_here: list[int], tmp_path: Path):
    random = np.random.default_rng(0)
    features = random.normal(size=(60, 20)) + Y[:, None]
    study = memscore.estimate(features, Y, trials=10, full_trials=0, progress=False)
    assert study.message.recipe_name == "features-mlp"
    assert (len(study.dataset.y_test), len(study.pairs())) == (0, 0)
    for shown in (study, study.scores(), study.pairs(), study.suspects(3), study.risk(), study.duplicates()):
        assert "<table>" in shown._repr_html_()
    better = study.corrected({0: "1", 3: None}, tmp_path / "better.csv")
    assert len(memscore.datasets.load_source(f"csv:{better}").y_train) == 59


def test_tables_name_their_columns(train_here: list[int]):
    table = {"review": [f"sample {place}" for place in range(60)], "verdict": np.where(Y == 0, "bad", "good")}
    flat = {f"f{column}": X.reshape(60, -1)[:, column].astype(float) for column in range(16)}
    study = quick(table | flat, "verdict", roles={"text": "review"}, test_share=0.2)
    assert study.dataset.class_names == ("bad", "good")
    assert (study.samples.text("train", 0) or "").startswith("sample ")
    with pytest.raises(InvalidInput, match="roles has 'picture'; a column can be: label, split"):
        quick(table | flat, "verdict", roles={"picture": "review"})


def test_a_frame_and_a_file_come_back_with_corrected_labels(train_here: list[int], tmp_path: Path):
    frame = pandas.DataFrame(X.reshape(60, -1)[:, :8].astype(float)).add_prefix("f").assign(kind=Y)
    study = quick(frame, "kind", test_share=0.2)
    assert study.dataset.places is None, "where samples were read from is not stored"
    fixed = study.corrected_frame({0: 2, 1: None}, frame, "kind", test_share=0.2)
    assert len(fixed) == 59
    changed = fixed.index[fixed["kind"] != frame["kind"].loc[fixed.index]]
    assert fixed["kind"].loc[changed].tolist() == [2]
    for other in (frame.assign(f0=0.0), frame.iloc[::-1]):
        with pytest.raises(InvalidInput, match="does not make this study's dataset"):
            study.corrected_frame({0: 2}, other, "kind", test_share=0.2)
    with pytest.raises(InvalidInput, match="frame must be a pandas DataFrame, not ndarray"):
        study.corrected_frame({0: 2}, X, "kind")

    frame.to_csv(tmp_path / "some.csv", index=False)
    study = quick(f"csv:{tmp_path / 'some.csv'}", "kind")
    path = study.corrected({3: 1}, tmp_path / "fixed.csv", like=f"csv:{tmp_path / 'some.csv'}", labels="kind")
    lines = (tmp_path / "some.csv").read_text().splitlines()
    assert [one for one in path.read_text().splitlines() if one not in lines] == [f"{lines[4].rpartition(',')[0]},1"]
    numbered = frame.assign(kind=Y + 1)
    study = quick(numbered, "kind")
    with pytest.raises(InvalidInput, match="named 1, 2, 3, so 2 may be a name or a place; write the name as text"):
        study.corrected_frame({0: 2}, numbered, "kind")
    fixed = study.corrected_frame({0: "2", 1: "02"}, numbered, "kind")
    assert fixed["kind"].tolist()[:2] == [2, 2]
    pair = (numbered.iloc[:40].reset_index(drop=True), numbered.iloc[40:].reset_index(drop=True))
    study = quick(pair, "kind")
    train, test = study.corrected_frame({0: "2", 5: None}, pair, "kind")
    assert (len(train), train["kind"].iloc[0], test.equals(pair[1])) == (39, 2, True)
    with pytest.raises(InvalidInput, match="needs both, as a pair"):
        study.corrected_frame({0: "2"}, pair[0], "kind")
    with pytest.raises(InvalidInput, match="like must be text, not a DataFrame"):
        study.corrected({3: "1"}, tmp_path / "again.csv", like=frame)  # pyright: ignore[reportArgumentType] -- wrong on purpose
    with pytest.raises(InvalidInput, match="say how like is read"):
        study.corrected({3: 1}, tmp_path / "again.csv", labels="kind")


def test_a_pair_of_frames_has_a_test_part(train_here: list[int]):
    frame = pandas.DataFrame(X.reshape(60, -1)).add_prefix("f").assign(label=Y)
    train, test = frame.iloc[:40].reset_index(drop=True), frame.iloc[40:].reset_index(drop=True)
    study = quick((train, test), "label")
    assert (len(study.dataset.y_train), len(study.dataset.y_test)) == (40, 20)
    assert quick((train, test), None).id == quick(train, "label", test=test).id == study.id
    assert quick((X, Y), None, test=TEST).id == quick().id


def test_changes_are_numbers_lists_and_texts(train_here: list[int]):
    study = quick(changes={"learning_rate": np.float32(0.01), "hidden": (8, np.int64(4)), "schedule": "constant"})
    recipe = study.message.recipe
    assert recipe is not None
    assert (recipe.learning_rate, recipe.hidden, recipe.schedule) == (0.01, (8, 4), "constant")


def test_an_error_of_the_settings_folder_names_the_setting(monkeypatch: pytest.MonkeyPatch):
    """The keyword is named only to those who gave it."""
    monkeypatch.setenv("MEMSCORE_HOME", "/proc/nowhere")
    with pytest.raises(StoreError, match="; set MEMSCORE_HOME to a folder that you can write to"):
        quick()
    for call in (memscore.studies, lambda home: memscore.Study.open("mine", home)):
        with pytest.raises(StoreError, match="; give as home the one you mean, or make one"):
            call("/proc/elsewhere")


def test_a_share_for_testing_and_columns(train_here: list[int]):
    ids = [f"picture {place}" for place in range(len(X))]
    study = quick(test_share=0.25, columns={"id": ids}, class_names=["cat", "dog", "owl"])
    assert len(study.dataset.y_test) == 15
    assert study.suspects(1)["name"][0].startswith("picture ")
    assert study.dataset.class_names == ("cat", "dog", "owl")


def test_sources_and_registered_names(train_here: list[int], tmp_path: Path):
    file = tmp_path / "some.npz"
    np.savez(file, x_train=X, y_train=Y, x_test=MADE.x_test, y_test=MADE.y_test)
    study = quick(f"npz:{file}", None)
    assert study.name == "some"
    assert quick("some", None).id == study.id
    with pytest.raises(InvalidInput, match="data names the source some, which has its own: leave out labels"):
        quick("some", Y)
    with pytest.raises(NotFound, match=r"There is no dataset 'nothing': give arrays, the name of .* \(some\)"):
        quick("nothing", None)


@pytest.mark.parametrize(
    ("wanted", "kind", "said"),
    [
        ({"labels": None, "test": None}, InvalidDataset, "There are samples but no labels"),
        ({"labels": Y[:-1]}, InvalidDataset, "60 samples but 59 labels"),
        ({"test": MADE.x_test}, InvalidInput, "test_labels is missing"),
        ({"trials": 0}, InvalidInput, "^trials must be at least 1"),
        ({"trials": "20"}, InvalidInput, "^trials must be a whole number, not '20'\\.$"),
        ({"trials": 20.0}, InvalidInput, "^trials must be a whole number, not 20\\.0\\.$"),
        ({"trials": True}, InvalidInput, "^trials must be a whole number, not True\\.$"),
        ({"until_se": 0.1}, InvalidInput, "^give one of trials, until_se, until_settled and until_pairs\\.$"),
        ({"trials": None, "until_se": 2.0}, InvalidInput, "^until_se must be below 0\\.5, not 2\\.$"),
        ({"share": 0.5}, InvalidInput, "^share and max_trials are for a precision \\(until_se, "),
        ({"seed": X}, InvalidInput, "^seed must be a whole number, not an array\\.$"),
        ({"name": 7}, InvalidInput, "^name must be text, not 7\\.$"),
        ({"recipe": 7}, InvalidInput, "^recipe must be text or a Recipe, not 7\\.$"),
        ({"pairs": "some"}, InvalidInput, "^pairs must be 'same_class' or 'all', not 'some'\\.$"),
        ({"columns": 7}, InvalidInput, "^columns must be a SampleColumns or a mapping, not 7\\.$"),
        ({"class_names": "ab"}, InvalidInput, "^class_names must be a list, not 'ab'\\.$"),
        ({"labels": 7}, InvalidDataset, "^The labels are a single int; give a list or an array of them\\.$"),
        ({"data": 7.5}, InvalidDataset, "^The samples are a single float; give a list"),
        ({"data": 7, "labels": None, "test": None}, InvalidDataset, "^The type int is no dataset; give arrays"),
        ({"recipe": "cifar-small", "data": X.reshape(60, -1), "test": None}, InvalidInput, "resnet9 needs images"),
        ({"changes": {"epoch": 3}}, InvalidInput, "^changes: a recipe has no field epoch; did you mean epochs"),
        ({"test": None, "test_share": 2}, InvalidInput, "^test_share must be between 0 and 1"),
        ({"resize": 8}, InvalidDataset, "resize is for image files"),
        ({"data": "csv:none.csv", "labels": None, "test": None}, InvalidDataset, "none.csv"),
        ({"name": "a b"}, InvalidInput, "'a b' is not a valid name"),
        ({"subset_ratio": 1.5}, InvalidInput, "subset_ratio"),
        ({"recipe": "nothing"}, NotFound, "There is no recipe 'nothing'"),
        ({"estimator": LogisticRegression()}, InvalidInput, "recipe and estimator exclude each other"),
        ({"columns": {"id": ["a"]}}, InvalidDataset, "The column 'id'"),
        ({"columns": {"id": [[1], [2, 3]]}}, InvalidDataset, "The column 'id' has rows of different lengths; give it"),
        ({"columns": {3: ["a"] * 60}}, InvalidInput, "^The keys of columns must be texts, not 3\\.$"),
        ({"roles": {"text": 3}}, InvalidInput, "^The values of roles must be texts, not 3\\.$"),
        ({"class_names": [1, 2, 3]}, InvalidInput, "^The items of class_names must be texts, not 1\\.$"),
        ({"changes": {"epochs": "1"}}, InvalidInput, "^changes: give epochs as 1, not as the text '1'\\.$"),
        ({"changes": {"hidden": "[16]"}}, InvalidInput, "^changes: give hidden as \\[16\\], not as the text"),
        ({"changes": {"epochs": object}}, InvalidInput, "^changes: epochs must be a number, a text or a list of these"),
        ({"changes": {"epochs": float("nan")}}, InvalidInput, "^changes: epochs must be a whole number"),
        (
            {"estimator": LogisticRegression, "recipe": None},
            InvalidInput,
            "^estimator is the class LogisticRegression; ",
        ),
        (
            {"labels": np.where(Y == 1, np.nan, Y)},
            InvalidDataset,
            "^y_train has no label \\(None or NaN\\) for 20 samples",
        ),
        ({"data": (X, X), "labels": (Y, Y), "test": None}, InvalidInput, "^data and labels are both tuples: give the "),
        ({"home": " "}, InvalidInput, "^home is empty; name a folder, or leave it out"),
        (
            {"home": "/proc/nowhere"},
            StoreError,
            "^The home folder /proc/nowhere cannot .*; give as home a folder that you",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_wrong_input_is_one_sentence_and_leaves_nothing(
    train_here: list[int], wanted: dict[str, Any], kind: type[MemscoreError], said: str
):
    with pytest.raises(kind, match=said) as raised:
        quick(**{"data": X, "labels": Y, **wanted})
    assert "\n" not in str(raised.value)
    assert "--" not in str(raised.value)
    assert raised.value._render_traceback_() == [f"{kind.__name__}: {raised.value}"]
    assert memscore.studies() == []
    if exists():
        assert application(None).client.datasets().datasets == []


def test_a_refused_call_leaves_a_dataset_that_was_there(train_here: list[int]):
    kept = quick(trials=10, name="mine")
    with pytest.raises(Conflict, match="The name 'mine' belongs to another study"):
        quick(trials=10, name="mine", recipe="cifar-small")
    assert [study.id for study in memscore.studies()] == [kept.id]
    assert quick(trials=10, name="mine").id == kept.id


@pytest.mark.parametrize("named", [True, False])
def test_a_refused_call_leaves_the_names_of_samples_that_were_there(train_here: list[int], named: bool):
    columns = {"id": [f"a-{i}" for i in range(len(Y))]} if named else None
    other = {"id": [f"b-{i}" for i in range(len(Y))]}
    first = quick(trials=10, name="mine", columns=columns)
    before = [first.samples.names("train", [0, 7]), first.dataset.notes]
    with pytest.raises(Conflict, match="under the name 'mine'"):
        quick(trials=10, name="other", columns=other)
    again = memscore.Study.open("mine")
    assert [again.samples.names("train", [0, 7]), again.dataset.notes] == before


def test_a_name_is_free_again_after_a_refused_call(train_here: list[int]):
    with pytest.raises(NotFound, match="There is no recipe"):
        quick(name="mine", recipe="nothing")
    with pytest.raises(InvalidInput, match="has no field epoch"):
        quick(name="mine", changes={"epoch": 3})
    assert quick(X[:-1], Y[:-1], test=TEST, name="mine").name == "mine"


def test_a_home_that_is_not_there_is_not_made_by_reading(tmp_path: Path):
    missing = tmp_path / "mistyped"
    for read in (lambda: memscore.Study.open("digits", home=missing), lambda: memscore.studies(home=missing)):
        with pytest.raises(StoreError, match=r"There is no database .*mistyped.*; give as home the one you mean"):
            read()
    assert not missing.exists()


def test_without_a_home_there_are_no_studies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("MEMSCORE_HOME", str(tmp_path / "none yet"))
    assert memscore.studies() == []
    assert not (tmp_path / "none yet").exists()


def test_a_precision_is_aimed_at_as_on_the_command_line(
    train_here: list[int], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    study = quick(trials=None, until_se=0.4, share=0.5, max_trials=np.int64(20), progress=True)
    (job,) = study.client.jobs().jobs
    assert job.wanted.target == Target(standard_error=0.4, share=0.5, max_trials=20)
    assert study.trials == len(train_here) == 20
    capsys.readouterr()
    changed = quick(trials=None, recipe="digits", changes={"epochs": 2}, until_pairs=0.5, max_trials=10, progress=True)
    assert changed.message.recipe is not None
    assert changed.message.recipe.epochs == 2


def test_a_name_belongs_to_one_dataset(train_here: list[int]):
    quick(name="mine")
    with pytest.raises(Conflict, match="The name 'mine' belongs to another dataset; give another name, or none"):
        quick(X[:-1], Y[:-1], test=TEST, name="mine")


def test_an_interrupted_call_continues_where_it_stopped(
    train_here: list[int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    with monkeypatch.context() as patched:

        def stopped(client: Client, *_: object, **__: object) -> JobMessage:
            raise KeyboardInterrupt

        patched.setattr(Client, "wait", stopped)
        with pytest.raises(KeyboardInterrupt):
            quick(progress=True, name="mine")
    assert "paused; the finished trials of study mine are stored" in capsys.readouterr().err
    assert memscore.Study.open("mine").trials == 20
    assert quick(trials=30, name="mine").trials == 30
    assert train_here == list(range(30))


def test_threads_share_the_machine(train_here: list[int], monkeypatch: pytest.MonkeyPatch):
    running, most = 0, 0
    run_job = estimation.run_job

    def counted(*given: Any, **named: Any) -> JobMessage:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            return run_job(*given, **named)
        finally:
            running -= 1

    monkeypatch.setattr(estimation, "run_job", counted)
    found: list[memscore.Study] = []
    threads = [threading.Thread(target=lambda seed=seed: found.append(quick(seed=seed))) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({study.id for study in found}) == 3
    assert all(study.trials == 20 for study in found)
    assert most == 1


SCRIPT = """
import numpy as np
import memscore
from sklearn.naive_bayes import GaussianNB

x = np.arange(40 * 16, dtype=np.uint8).reshape(40, 4, 4)
y = np.repeat(["low", "high"], 20)
study = memscore.estimate(x, y, test_share=0.25, trials=10, full_trials=0, estimator=GaussianNB(), name="from-a-script")
print(study, len(study.suspects(3)))
"""


def test_a_plain_script_needs_no_guard(tmp_path: Path, home: Path):
    """Ray is started and stopped by the call; the script has no `if __name__ == "__main__"`."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "MEMSCORE_HOME": str(home), "PYTHONPATH": str(Path(memscore.__file__).parents[1])}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment, timeout=500)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "<memscore.Study from-a-script: 10 trials> 3\n"
    assert "succeeded: 10 of 10 trials" in done.stderr
    study = memscore.Study.open("from-a-script")
    assert study.dataset.class_names == ("high", "low")
    assert study.message.recipe is not None
    assert study.message.recipe.network == "estimator"
