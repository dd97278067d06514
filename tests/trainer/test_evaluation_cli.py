"""memscore evaluate and compare-runs: what they print and write, and one sentence for wrong input."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from memscore.datasets.label_noise import flip_labels
from memscore.datasets.storage import save
from memscore.learning.networks import SmallCNN
from memscore.scores.sets import Thresholds, split
from memscore.store import Database, datasets
from tests.command_line import refused
from tests.conftest import StoredStudy
from tests.own_networks import printing
from trainer.config import TrainConfig
from trainer.evaluation import read_samples
from trainer.run import train

pytestmark = pytest.mark.databases("sqlite")  # the embedded database, which the command line uses

QUICK = ("--attacks", "fgsm,pgd-4", "--alarm-samples", "0")


@pytest.fixture
def run(stored_study: StoredStudy, tmp_path: Path) -> Path:
    """The folder of a short run on the stored study's dataset."""
    config = TrainConfig(method="erm", epochs=2, network_options={"width": 4}, evaluation_steps=1)
    train(stored_study.dataset, "made-up", config, None, tmp_path / "run")
    return tmp_path / "run"


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def convolution(shape: tuple[int, int, int], classes: int) -> nn.Module:
    """A network of the user's, without an nn.Linear."""
    return nn.Sequential(nn.Conv2d(shape[0], classes, shape[1]), nn.Flatten())


def test_all_checkpoints_of_a_run_are_reported_together(memscore, run: Path):
    outcome = memscore("evaluate", str(run), *QUICK)
    assert outcome.status == 0, outcome.err
    names = [folder.name for folder in (run / "checkpoints").iterdir()]
    assert {"last", "best-clean", "best-adversarial"} == set(names)
    first: dict[bytes, str] = {}  # by weights: each network is tried once
    for name in ("last", "best-adversarial", "best-clean"):
        twin = first.setdefault((run / "checkpoints" / name / "weights.safetensors").read_bytes(), name)
        if twin == name:
            assert f"{name}: epsilon 0.1" in outcome.out
        else:
            assert f"validation (33.3 %), is the same network as {twin}\n" in outcome.out
        assert (run / "evaluation" / name / "table.csv").is_file()
    assert 1 < len(first) < 3
    assert outcome.out.count("epsilon 0.1") == len(first)
    assert "the last one" in outcome.out
    assert "on validation" in outcome.out
    assert "no scores" in outcome.err
    together = (run / "evaluation" / "checkpoints.csv").read_text().splitlines()
    assert together[0].startswith("checkpoint,epoch,selected_by,selected_on,selected_value,split,group,count,clean,")
    assert len(together) == 1 + 3 * 2


def test_scores_of_a_study_tell_samples_apart(memscore, run: Path, stored_study: StoredStudy, tmp_path: Path):
    checkpoint = str(run / "checkpoints" / "last")
    thresholds = ("--atypical", "0.4", "--typical", "0.3", "--test-accuracy", "0.5")
    found = memscore("evaluate", checkpoint, *QUICK, "--scores", "made-up", *thresholds, "--json").json
    sets = split(stored_study.scores, stored_study.pairs, Thresholds(0.4, 0.3, 0.5))
    counts = {(row["split"], row["group"]): row["count"] for row in found[0]["rows"]}
    assert counts["train", "atypical"] == sets.train_atypical.sum()
    assert counts["test", "typical"] == sets.test_typical.sum()
    samples, meta = read_samples(run / "evaluation" / "last" / "samples.parquet")
    np.testing.assert_array_equal(samples[0]["mem"], stored_study.scores["mem"])
    assert meta["checkpoint"] == "last"
    file = tmp_path / "scores.npz"
    file.write_bytes(stored_study.scores.encode())
    outcome = memscore("evaluate", checkpoint, *QUICK, "--scores", str(file))
    assert "only training samples are separated" in outcome.err


def test_selection_on_the_test_samples_is_told(memscore, run: Path):
    description = run / "checkpoints" / "last" / "run.json"
    trained = json.loads(description.read_text())
    trained["selected"] = {"by": "clean accuracy", "on": "test", "value": 0.5}
    description.write_text(json.dumps(trained))
    outcome = memscore("evaluate", str(run / "checkpoints" / "last"), *QUICK)
    assert "by clean accuracy on test (50.0 %)" in outcome.out.replace("\n", " ")
    assert "selected on the test samples: accuracies on them are too high" in outcome.err


def test_what_a_network_prints_is_no_part_of_the_json(memscore, stored_study: StoredStudy, tmp_path: Path):
    module = printing((1, 4, 4), 3)
    save_file(module.state_dict(), tmp_path / "mine.safetensors")
    words = ("--network", "tests.own_networks:printing", "--dataset", "made-up", "--epsilon", "8/255", "--json")
    outcome = memscore("evaluate", str(tmp_path / "mine.safetensors"), *QUICK, *words)
    assert outcome.json[0]["meta"]["epsilon"] == 8 / 255
    assert "forward!" not in outcome.out


def test_scores_of_another_dataset_are_refused(
    memscore, run: Path, database: Database, stored_study: StoredStudy, home
):
    noisy = flip_labels(stored_study.dataset, 0.1, 0)
    save(noisy, home)
    with database.writing() as connection:
        datasets.register(connection, "noisy", noisy)
    before = contents(run)
    refused(memscore("evaluate", str(run), *QUICK, "--dataset", "noisy"), "trained on another dataset")
    assert contents(run) == before


def test_any_network_with_its_weights_is_evaluated(memscore, stored_study: StoredStudy, tmp_path: Path):
    torch.manual_seed(0)
    module = convolution((1, 4, 4), 3)
    weights = tmp_path / "mine.safetensors"
    save_file({f"module.{name}": value for name, value in module.state_dict().items()}, weights)
    mine = ("--network", f"{__name__}:convolution", "--dataset", "made-up", "--epsilon", "8/255")
    found = memscore("evaluate", str(weights), *QUICK, *mine, "--json").json
    assert found[0]["meta"]["epsilon"] == 8 / 255
    assert any("exposes no representation" in note for note in found[0]["notes"])
    assert (tmp_path / "mine-evaluation" / "samples.parquet").is_file()
    built_in = tmp_path / "cnn.safetensors"
    save_file(SmallCNN(1, 3).state_dict(), built_in)
    options = ("--network", "cnn", "--dataset", "made-up", "--epsilon", "0.1", "-o", str(tmp_path / "elsewhere"))
    assert memscore("evaluate", str(built_in), *QUICK, *options).status == 0
    assert (tmp_path / "elsewhere" / "table.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--attacks", "foo"), "There is no attack 'foo'"),
        (("--epsilon", "8/0"), "is not a number"),
        (("--epsilon", "2"), "2 is out of range: pixels lie in [0, 1]; write 2/255"),
        (("--norm", "l1", "--epsilon", "0.1"), "'linf' or 'l2'"),
        (("--norm", "l2"), "Name the radius of the attacks with --epsilon, such as --epsilon 0.5"),
        (("--attacks", "transfer"), "name it with --transfer-from"),
        (("--attacks", "apgd-ce+pgd"), "has no part 'pgd'"),
        (("--splits", "both"), "'train' or 'test'"),
        (("--scores", "nothing"), "no study"),
        (("--output", "/proc/nowhere"), "cannot be"),
    ],
)
def test_wrong_input_is_told_in_one_sentence(memscore, run: Path, arguments: tuple[str, ...], sentence: str):
    before = contents(run)
    refused(memscore("evaluate", str(run), *QUICK, *arguments), sentence)
    assert contents(run) == before


def test_a_run_is_tried_in_an_l2_ball_and_with_images_of_another_network(memscore, run: Path):
    refused(memscore("evaluate", str(run), *QUICK, "--transfer-from", str(run)), "holds several checkpoints")
    last = str(run / "checkpoints" / "last")
    others = ("--norm", "l2", "--epsilon", "2", "--transfer-from", last, "-o", str(run / "l2"))
    outcome = memscore("evaluate", last, *QUICK, *others)
    assert "epsilon 2 (l2)" in outcome.out
    (found,) = memscore("evaluate", last, *QUICK, "--attacks", "fgsm,transfer", *others, "--json").json
    assert {"clean", "transfer", "worst"} <= set(found["rows"][0]["accuracy"])
    assert found["meta"]["norm"] == "l2"
    assert found["meta"]["source"] == found["meta"]["weights"]


def test_what_is_no_checkpoint_is_told_in_one_sentence(memscore, run: Path, stored_study: StoredStudy, tmp_path: Path):
    weights = str(run / "checkpoints" / "last" / "weights.safetensors")
    refused(memscore("evaluate", str(tmp_path)), "holds no checkpoint")
    refused(memscore("evaluate", weights), "name it with --network")
    refused(memscore("evaluate", weights, "--network", "cnn"), "--epsilon")
    refused(memscore("evaluate", weights, "--network", "cnn", "--epsilon", "0.1"), "name it with --dataset")
    given = ("--epsilon", "0.1", "--dataset", "made-up")
    refused(memscore("evaluate", weights, *given, "--network", "resnet9"), "names are in only one of them")
    for name, sentence in (("a.safetensors", "is not a .safetensors file"), ("a.pt", "is not a file that torch.save")):
        (tmp_path / name).write_bytes(b"")
        refused(memscore("evaluate", str(tmp_path / name), *given, "--network", "cnn"), sentence)


def test_two_checkpoints_are_compared_sample_by_sample(memscore, run: Path, tmp_path: Path):
    refused(memscore("compare-runs", str(run), str(tmp_path)), "holds no evaluation")
    assert memscore("evaluate", str(run), *QUICK).status == 0
    found = memscore("compare-runs", str(run), str(run / "checkpoints" / "best-clean"), "--json").json
    assert {row["attack"] for row in found} == {"clean", "fgsm", "pgd-4", "worst"}
    for row in found:
        assert row["difference"] == pytest.approx((row["only_second"] - row["only_first"]) / row["count"])
    outcome = memscore("compare-runs", str(run), str(run / "evaluation" / "best-clean"))
    assert "only one right" in outcome.out
    assert "one run of each tells two networks apart, not two methods" in outcome.err
    assert "selected differently: last, and clean accuracy on validation" in outcome.err
    table: Any = json.loads((run / "evaluation" / "last" / "table.json").read_text())
    row = next(row for row in table["rows"] if row["split"] == "test")
    assert row["accuracy"]["pgd-4"]["share"] == next(
        row["first"] for row in found if (row["split"], row["attack"]) == ("test", "pgd-4")
    )


def test_methods_are_compared_by_several_seeds_in_pairs(memscore, run: Path, tmp_path: Path):
    assert memscore("evaluate", str(run), *QUICK).status == 0
    other = tmp_path / "other"
    shutil.copytree(run, other)
    last, best = (str(run / "evaluation" / name) for name in ("last", "best-clean"))
    again = [str(other / "evaluation" / name) for name in ("last", "best-clean")]
    outcome = memscore("compare-runs", last, best, *again)
    assert "2 seeds of each; intervals are over seeds and samples." in outcome.out
    assert "one run of each" not in outcome.err
    found = memscore("compare-runs", last, best, *again, "--json").json
    alone = memscore("compare-runs", last, best, "--json").json
    for row, single in zip(found, alone, strict=True):
        assert row["seeds"] == 2
        assert {name: row[name] for name in ("split", "group", "attack", "count", "first", "second")} == {
            name: single[name] for name in ("split", "group", "attack", "count", "first", "second")
        }
        assert row["deviation"] == 0
    refused(memscore("compare-runs", last, best, again[0]), "Runs come in pairs, one of each method; there are 3")
    refused(memscore("compare-runs", last, best, last, again[1]), f"{last} is named twice; name each run once")
