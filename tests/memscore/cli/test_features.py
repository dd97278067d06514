"""Commands on a study of features, with and without a test part: names in place of images, a sentence for each gap."""

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from memscore.cli import naming
from memscore.datasets.columns import SampleColumns
from memscore.datasets.dataset import Dataset, build_dataset
from memscore.datasets.storage import save
from memscore.learning.data import DeviceData
from memscore.learning.unit import prepare, train_unit
from memscore.scores.tables import NO_TEST_PART, PairsTable, ScoreTable
from memscore.store import Database, datasets, evidence, studies
from memscore.store.rebuilding import count_study, rebuild_tables, similarity_of
from memscore.study.evidence import Trial
from memscore.study.spec import Design, Recipe
from memscore.study.subsets import units
from tests.command_line import Outcome, refused

RECIPE = Recipe(network="mlp", hidden=(32,), epochs=20, batch_size=32, learning_rate=0.1)
TRIALS = 60
Memscore = Callable[..., Outcome]


def features(*, tested: bool) -> Dataset:
    """120 sentences as 20 features of three classes, eight of them mislabelled, the last two copies of each other."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 120)
    x = random.normal(size=(3, 20))[labels] + 1.2 * random.normal(size=(120, 20))
    labels[:8] = (labels[:8] + 1) % 3
    x[119], labels[119] = x[118], labels[118]
    columns = SampleColumns(
        {
            "id": np.array([f"s{i:03}" for i in range(120)]),
            "text": np.array([f"sentence <b>{i}</b>" for i in range(120)]),
            "length": random.normal(size=120),
        }
    )
    names = np.array(["ant", "bee", "cat"])[labels]
    return build_dataset(x, names, source="made up", columns=columns, test_share=0.2 if tested else None)


@cache
def trained(*, tested: bool) -> tuple[Dataset, list[Trial]]:
    threads = torch.get_num_threads()
    prepare(torch.device("cpu"))
    dataset = features(tested=tested)
    data = DeviceData.of(dataset, torch.device("cpu"))
    wanted = units(RECIPE, TRIALS) + units(RECIPE, 5, full=True)
    trials = [trial for unit in wanted for trial in train_unit(data, RECIPE, Design(), unit)]
    torch.set_num_threads(threads)
    return dataset, trials


@dataclass(frozen=True)
class Made:
    """A study of features in the database that the command line is set to."""

    dataset: Dataset
    scores: ScoreTable
    pairs: PairsTable


@pytest.fixture(params=[True, False], ids=["tested", "untested"])
def made(
    request: pytest.FixtureRequest, database: Database, database_url: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> Made:
    monkeypatch.setenv("MEMSCORE_DATABASE_URL", database_url)
    dataset, trials = trained(tested=request.param)
    save(dataset, home)
    with database.writing() as connection:
        record = datasets.register(connection, "sentences", dataset)
        study = studies.ensure(connection, record, RECIPE, Design(), "sentences")
        for full in (False, True):
            evidence.add(connection, study.id, [trial for trial in trials if trial.full == full])
    with database.reading() as connection:
        counts = count_study(connection, study, dataset.y_train, dataset.y_test)
    built = rebuild_tables(database, study, counts, lambda: similarity_of(dataset, counts))
    assert built is not None
    return Made(dataset, *built)


@pytest.mark.databases("sqlite")
def test_a_study_of_features_is_scored_and_every_command_names_its_samples(
    made: Made, memscore: Memscore, tmp_path: Path
):
    tested = len(made.dataset.y_test) > 0
    assert made.scores.meta["in_sample_accuracy"] > 0.98
    assert (made.scores.meta["test_accuracy"] is not None) == tested
    assert len(made.pairs) > 0 if tested else len(made.pairs) == 0
    assert made.pairs.weighted == tested

    top = json.loads(memscore("scores", "top", "sentences", "--json").out)
    assert all(row["name"] == made.dataset.columns.name_of("train", row["index"]) for row in top)
    suspects = memscore("scores", "suspects", "sentences", "--csv").out
    rows = list(csv.DictReader(suspects.splitlines()))
    assert all(row["name"] == made.dataset.columns.name_of("train", int(row["index"])) for row in rows)
    assert "name" in memscore("scores", "risk", "sentences").out
    assert made.dataset.columns.name_of("train", 3) in memscore("scores", "lookup", "sentences", "3").out
    assert json.loads(memscore("scores", "show", "sentences", "3", "--json").out)["name"] is not None

    exported = tmp_path / "scores.csv"
    assert memscore("scores", "export", "sentences", "-o", str(exported)).status == 0
    lines = exported.read_text().splitlines()
    assert lines[0].startswith("index,name,mem,")
    assert lines[1].split(",")[1].strip('"') == made.dataset.columns.name_of("train", 0)

    copies = json.loads(memscore("pairs", "duplicates", "sentences", "--json").out)["pixels"]
    assert [one["kind"] for one in copies] == ["equal"]

    page = tmp_path / "report.html"
    assert memscore("report", "sentences", "-o", str(page)).status == 0
    html = page.read_text()
    assert "sentence &lt;b&gt;" in html
    assert "<b>3</b>" not in html
    assert "training images" not in html

    assert memscore("db", "check").status == 0


@pytest.mark.databases("sqlite")
def test_classes_and_samples_are_named_in_every_table(made: Made, memscore: Memscore, tmp_path: Path):
    columns, classes = made.dataset.columns, np.array(made.dataset.class_names)
    groups = tmp_path / "groups.csv"
    groups.write_text("index,group\n3,a\n5,a\n")
    influential = int(made.pairs["train_index"][0]) if len(made.pairs) else 3
    study = "sentences"
    shown = {
        "list": memscore("scores", "list", study, "--limit", "5"),
        "top": memscore("scores", "top", study, "-n", "5"),
        "lookup": memscore("scores", "lookup", study, "3", "5"),
        "show": memscore("scores", "show", study, "3"),
        "suspects": memscore("scores", "suspects", study),
        "risk": memscore("scores", "risk", study),
        "groups": memscore("scores", "groups", study, "--groups", str(groups)),
        "explain": memscore("scores", "explain", study, str(influential)),
        "duplicates": memscore("pairs", "duplicates", study),
        "sets": memscore("sets", study),
    }
    if len(made.pairs):
        shown["pairs"] = memscore("pairs", "list", study)
        shown["test"] = memscore("scores", "test", study, str(made.pairs["test_index"][0]))
    for command, outcome in shown.items():
        assert outcome.status == 0, outcome.err
        assert any(name in outcome.out for name in classes), command
        assert any(name in outcome.out for name in columns.train["id"].tolist()), command

    row = memscore("scores", "list", study, "--limit", "1", "--json").json[0]
    assert row["class_name"] == classes[row["label"]]
    assert {one["label"] for one in memscore("scores", "list", study, "--label", "bee", "--json").json} == {1}
    by_name, by_number = (memscore("scores", "histogram", study, "--label", one).out for one in ("bee", "1"))
    assert by_name == by_number != memscore("scores", "histogram", study).out
    refused(memscore("scores", "list", study, "--label", "wasp"), "There is no class 'wasp'; the first are: ant, bee")
    refused(memscore("scores", "histogram", study, "--label", "3"), "no class 3; they are numbered from 0 to 2")
    rows = list(csv.DictReader(memscore("scores", "suspects", study, "--csv").out.splitlines()))
    for one in rows:
        assert one["class_name"] == classes[int(one["label"])]
        assert one["suggested_name"] == (classes[int(one["suggested"])] if one["suggested"] else "")
    (copy,) = memscore("pairs", "duplicates", study, "--json").json["pixels"]
    assert copy["name"] == columns.name_of("train", copy["index"])
    assert copy["other_name"] == columns.name_of(copy["split"], copy["other"])
    assert copy["class_name"] == copy["other_class_name"] == classes[copy["label"]]
    (group,) = memscore("scores", "groups", study, "--groups", str(groups), "--json").json["groups"]
    assert [one["name"] for one in group["members"]] == [columns.name_of("train", index) for index in (3, 5)]
    looked_up = memscore("scores", "lookup", study, "3", "--json").json
    assert looked_up["class_name"] == [classes[made.dataset.y_train[3]]]
    assert looked_up["name"] == [columns.name_of("train", 3)]
    sets = memscore("sets", study, "--json").json
    assert sets["counts"]["train_atypical"] > 0
    for name, indices in sets["indices"].items():
        split = "train" if name.startswith("train") else "test"
        labels = made.dataset.y_train if split == "train" else made.dataset.y_test
        assert sets["class_names"][name] == classes[labels[indices]].tolist()
        assert sets["names"].get(name, []) == [columns.name_of(split, index) for index in indices]
    first = sets["names"]["train_atypical"][0]
    assert f" {first} (" in " ".join(shown["sets"].out.split())
    for pair in memscore("pairs", "list", study, "--json").json:
        assert pair["train_class_name"] == classes[made.dataset.y_train[pair["train_index"]]]
        assert pair["test_name"] == columns.name_of("test", pair["test_index"])


@pytest.mark.databases("sqlite")
def test_names_of_many_samples_are_asked_for_at_once(made: Made, memscore: Memscore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(naming, "MANY", 1)
    found = memscore("scores", "lookup", "sentences", "5", "3", "3", "--json").json
    assert found["name"] == [made.dataset.columns.name_of("train", index) for index in (5, 3, 3)]
    sets = memscore("sets", "sentences", "--json").json
    atypical = sets["indices"]["train_atypical"]
    assert sets["names"]["train_atypical"] == [made.dataset.columns.name_of("train", index) for index in atypical]
    assert len(sets["class_names"]["train_atypical"]) == len(atypical) > 0


@pytest.mark.databases("sqlite")
def test_what_needs_a_test_part_says_so_in_one_sentence(made: Made, memscore: Memscore, tmp_path: Path):
    tested = len(made.dataset.y_test) > 0
    for command in (("pairs", "list"), ("pairs", "duplicates"), ("sets",), ("scores", "explain")):
        arguments = (*command, "sentences", *(["3"] if command[-1] == "explain" else []))
        outcome = memscore(*arguments)
        assert outcome.status == 0, outcome.err
        assert (NO_TEST_PART in " ".join((outcome.out + outcome.err).split())) != tested, command
    for name, *options in (("t.csv", "--rows", "test"), ("fz.npz", "--format", "feldman-zhang")):
        outcome = memscore("scores", "export", "sentences", *options, "-o", str(tmp_path / name))
        assert (outcome.status == 0) == tested
        assert (NO_TEST_PART in " ".join(outcome.err.split())) != tested
        assert (tmp_path / name).exists() == tested
    checks = memscore("scores", "quality", "sentences", "--json").out
    assert ("Placebo pairs" in checks) == tested


@pytest.mark.databases("sqlite")
def test_evidence_of_a_study_without_a_test_part_moves_to_another_machine(
    made: Made, memscore: Memscore, tmp_path: Path
):
    file = str(tmp_path / "evidence.npz")
    assert memscore("evidence", "export", "sentences", "-o", file).status == 0
    merged = memscore("evidence", "import", file, "--dataset", "sentences", "--json")
    assert merged.status == 0, merged.err


@pytest.mark.databases("sqlite")
def test_images_of_features_and_networks_for_images_are_refused(made: Made, memscore: Memscore, tmp_path: Path):
    image = memscore("datasets", "image", "sentences", "train", "3", "-o", str(tmp_path / "i.png"))
    assert image.status == 1
    assert "has features, not images" in image.err
    assert not (tmp_path / "i.png").exists()
    planned = memscore("estimate", "--dataset", "sentences", "--recipe", "cifar-small", "--dry-run")
    assert planned.status == 1
    assert "The network resnet9 needs images, and these samples are features" in " ".join(planned.err.split())
    trained = memscore("train", "--method", "erm", "--dataset", "sentences", "--output", str(tmp_path / "run"))
    assert trained.status == 1
    assert "Adversarial training needs images" in trained.err
