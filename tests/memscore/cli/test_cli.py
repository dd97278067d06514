"""The command line: what it prints, and one clear sentence with status 1 for every wrong input."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from memscore.scores.sets import Sets, Thresholds, split
from memscore.store import Database
from memscore.study.spec import Target, Wanted
from tests.command_line import refused
from tests.conftest import StoredStudy


def test_scores_are_shown(memscore, embedded: StoredStudy):
    score = memscore("scores", "show", "made-up", "3", "--json").json
    assert score["mem"] == pytest.approx(float(embedded.scores["mem"][3]))
    assert "interval" in memscore("scores", "show", "made-up", "3").out
    top = memscore("scores", "top", "made-up", "-n", "5", "--json").json
    mem = embedded.scores["mem"]
    assert [row["index"] for row in top] == sorted(range(60), key=lambda i: (-mem[i], i))[:5]
    assert "95 % interval" in memscore("scores", "top", "made-up").out


def test_sets_are_counted_and_written(memscore, embedded: StoredStudy, tmp_path: Path):
    counts = memscore("sets", "made-up", "--json").json["counts"]
    output = tmp_path / "sets.npz"
    assert memscore("sets", "made-up", "-o", str(output)).status == 0
    assert Sets.decode(output.read_bytes()).counts() == counts
    refused(memscore("sets", "made-up", "-o", "/proc/nowhere/sets.npz"), "cannot be written")


def test_datasets_are_added_and_listed(memscore, tmp_path: Path):
    noisy = memscore(
        "datasets", "add", "digits", "--flip-labels", "0.1", "--seed", "0", "--name", "digits-noisy", "--json"
    )
    assert len(noisy.json["flipped"]) == 144
    assert memscore("datasets", "add", "digits").status == 0
    assert memscore("datasets", "add", "digits").status == 0
    np.savez(
        tmp_path / "mine.npz",
        x_train=np.zeros((12, 4, 4), np.uint8),
        y_train=np.arange(12) % 3,
        x_test=np.zeros((3, 4, 4), np.uint8),
        y_test=np.arange(3),
    )
    assert memscore("datasets", "add", f"npz:{tmp_path / 'mine.npz'}").status == 0
    assert memscore("datasets", "add", "other", "--from", f"npz:{tmp_path / 'mine.npz'}").status == 0
    listed = memscore("datasets", "list", "--json").json["datasets"]
    assert [one["name"] for one in listed] == ["digits", "digits-noisy", "mine", "other"]
    assert [one["flipped"] for one in listed] == [0, 144, 0, 0]
    assert "labels flipped on purpose" in " ".join(memscore("datasets", "list").out.split())
    assert "labels flipped on purpose  144" in memscore("datasets", "show", "digits-noisy").out
    assert "flipped" not in memscore("datasets", "show", "mine").out, "of a dataset that has none"
    assert memscore("datasets", "show", "digits-noisy", "--json").json["flipped_indices"] == noisy.json["flipped"]


def test_jobs_are_listed_shown_and_cancelled(memscore, embedded: StoredStudy, database: Database):
    from memscore.store import jobs

    with database.writing() as connection:
        job, _ = jobs.submit(connection, embedded.record.id, Wanted(target=Target(trials=50)), 40)
    assert memscore("jobs", "list", "--json").json["jobs"][0]["id"] == job.id
    assert "queued" in memscore("jobs", "list").out
    assert memscore("jobs", "show", job.id, "--json").json["state"] == "queued"
    assert memscore("jobs", "cancel", job.id, "--json").json["state"] == "cancelled"
    watched = memscore("jobs", "watch", job.id)
    assert watched.status == 1
    assert watched.err.endswith(f"error: Job {job.id} cancelled.\n")
    refused(memscore("jobs", "show", "nothing"), "There is no job 'nothing'")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("scores", "show", "nothing", "0"), "There is no study 'nothing'"),
        (("scores", "show", "made-up", "60"), "indices go from 0 to 59"),
        (("scores", "top", "nothing"), "There is no study 'nothing'"),
        (("sets", "nothing"), "There is no study 'nothing'"),
        (("sets", "made-up", "--typical", "0.9"), "must not exceed"),
        (("estimate", "--dataset", "nothing"), "There is no dataset 'nothing'"),
        (("estimate", "--dataset", "made-up", "--recipe", "nothing"), "There is no recipe 'nothing'"),
        (("estimate", "--dataset", "made-up", "--ratio", "1"), "--ratio must be below 1, not 1"),
        (("estimate", "--dataset", "made-up", "--ratio", "0"), "--ratio must be above 0, not 0"),
        (("estimate", "--dataset", "made-up", "--study-name", "a b"), "study_name must start with a letter or digit"),
        (("datasets", "add", "imagenet"), "There is no dataset source 'imagenet'"),
        (("datasets", "add", "digits", "--name", "../x"), "is not a valid name"),
        (("datasets", "add", "digits", "--flip-labels", "1"), "between 0 and 1"),
        (("datasets", "add", "npz:/nowhere.npz"), "There is no file"),
        (("datasets", "add", "digits", "--name", "made-up"), "already belongs to another dataset"),
        (("train", "--method", "sgd", "--dataset", "made-up"), "there is no method 'sgd'; the methods are"),
        (("train", "--method", "bat", "--dataset", "made-up"), "needs memorization scores"),
        (("train", "--method", "bat", "--dataset", "digits", "--scores", "made-up"), "different dataset from 'digits'"),
        (("train", "--method", "bat", "--dataset", "made-up", "--epsilon", "9"), "epsilon"),
        (("train", "--method", "pgd", "--dataset", "made-up", "--output", "/proc/x"), "cannot be written"),
        (("train", "--method", "bat", "--dataset", "made-up", "--scores", "no.npz"), "There is no table file no.npz"),
        (("train", "--method", "bat", "--dataset", "made-up", "--scores", "http://x"), "http://x#STUDY"),
        (("estimate", "--dataset", "[red]x"), "There is no dataset '[red]x'"),
        (("datasets", "add", "npz:[bold]x.npz"), "There is no file [bold]x.npz"),
        (("sets", "made-up", "-o", "/dev/full"), "not a regular file"),
        (("report", "nothing"), "There is no study"),
        (("jobs", "list", "--url", "http://127.0.0.1:1"), "does not answer"),
        (("jobs", "list", "--url", "somewhere"), "must begin with http"),
    ],
)
def test_wrong_input_is_one_sentence(memscore, embedded: StoredStudy, arguments: tuple[str, ...], sentence: str):
    refused(memscore(*arguments), sentence)


def test_a_home_that_cannot_be_written_is_named(memscore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MEMSCORE_HOME", "/proc/nowhere")
    refused(memscore("datasets", "add", "digits"), "set MEMSCORE_HOME to a folder that you can write to")


def test_an_impossible_setting_is_named(memscore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MEMSCORE_SLOTS", "none")
    refused(memscore("datasets", "list"), "MEMSCORE_SLOTS")


def test_db_upgrade_makes_a_database_ready(memscore, database_url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MEMSCORE_DATABASE_URL", database_url)
    if database_url.startswith("postgresql"):
        refused(memscore("datasets", "list"), "run: memscore db upgrade")
    assert memscore("db", "upgrade", "--json").json == {"before": None, "after": "0011"}
    assert memscore("db", "upgrade").status == 0
    assert memscore("datasets", "list").status == 0


def test_a_port_in_use_and_an_open_address_are_refused(memscore):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        refused(memscore("serve", "--port", str(taken.getsockname()[1])), "choose another with --port")
    refused(memscore("serve", "--host", "0.0.0.0"), "needs a key, and none exists yet")


def test_a_report_is_written_with_the_device_of_the_trials(memscore, embedded: StoredStudy, tmp_path: Path):
    output = tmp_path / "report.html"
    assert memscore("report", "made-up", "-o", str(output)).status == 0
    page = output.read_text()
    assert embedded.scores.digest in page
    assert "trained on</dt><dd>cpu" in page


def test_training_prints_accuracies_and_keeps_the_network(memscore, embedded: StoredStudy, tmp_path: Path):
    kept = memscore(
        "train", "--method", "bat", "--dataset", "made-up", "--scores", "made-up", "--epochs", "1",
        "--output", str(tmp_path / "run"), "--json",
    ).json  # fmt: skip
    assert [one["name"] for one in kept] == ["last", "best-adversarial", "best-clean"]
    groups = [(row["split"], row["group"]) for row in kept[0]["rows"]]
    assert groups[:3] == [("train", "all"), ("train", "typical"), ("train", "atypical")]
    for one in kept:
        folder = tmp_path / "run" / "checkpoints" / one["name"]
        assert {path.name for path in folder.iterdir()} == {"run.json", "weights.safetensors"}
    sets = split(embedded.scores, embedded.pairs, Thresholds(0.4, 0.3))
    others = memscore(
        "train", "--method", "pgd", "--dataset", "made-up", "--scores", "made-up", "--epochs", "1",
        "--set", "atypical=0.4", "--set", "typical=0.3", "--json",
    ).json  # fmt: skip
    counts = {(row["split"], row["group"]): row["count"] for row in others[0]["rows"]}
    assert counts["train", "atypical"] == sets.train_atypical.sum() != embedded.scores.atypical(0.15).sum()
    assert counts["test", "typical"] == sets.test_typical.sum()
    table = tmp_path / "scores.npz"
    table.write_bytes(embedded.scores.encode())
    plain = memscore("train", "--method", "pgd", "--dataset", "made-up", "--scores", str(table), "--epochs", "1")
    assert "test all" in plain.out


def test_the_version_is_printed(memscore):
    assert memscore("--version").out == "memscore 0.2.0\n"


def test_the_installed_command_answers(tmp_path: Path):
    command = Path(sys.executable).parent / "memscore"
    done = subprocess.run([command, "--help"], capture_output=True, text=True, env={**os.environ, "COLUMNS": "100"})
    assert done.returncode == 0
    for name in ("serve", "dispatch", "db", "datasets", "estimate", "jobs", "scores", "sets", "train", "demo"):
        assert name in done.stdout
