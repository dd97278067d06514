"""Commands that take things out and bring them in: what they print and write, and one sentence for wrong input."""

import csv
import io
import json
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
from pyarrow import feather, parquet

from memscore.datasets.dataset import Dataset
from memscore.datasets.storage import save
from memscore.exchange.evidence_file import gather, read_evidence
from memscore.scores.quality import quality
from memscore.scores.risk import riskiest
from memscore.scores.sets import split
from memscore.scores.suspects import suspects
from memscore.scores.tables import PairsTable, ScoreTable
from memscore.store import Database, datasets, evidence, open_database, studies, tables
from memscore.store.migrate import upgrade
from memscore.study.spec import Design
from tests.command_line import refused
from tests.conftest import QUICK, StoredStudy, build, make_dataset, make_trials
from tests.made_evidence import with_outputs
from tests.served import served

pytestmark = pytest.mark.databases(
    "sqlite"
)  # the embedded database: what is stored is tested on both kinds in tests/api/routes/test_exchange.py


@pytest.fixture
def weighted(embedded: StoredStudy, database: Database) -> str:
    """A study whose trials recorded margins, and whose pairs have weighted q-values."""
    dataset, design = embedded.dataset, Design(seed=3)
    trials = [with_outputs(one, dataset.y_train, dataset.y_test) for one in make_trials(dataset, design, blocks=5)]
    with database.writing() as connection:
        record = studies.ensure(connection, datasets.by_name(connection, "made-up"), QUICK, design, "weighted")
        evidence.add(connection, record.id, trials)
        tables.add(connection, record.id, *build(dataset, trials, design, record.id, images=True))
    return "weighted"


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Database]:
    """Another machine with nothing stored; commands go there after this fixture's `move`."""
    url = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    opened = open_database(url)
    upgrade(opened)
    yield opened
    opened.close()


def test_scores_are_exported_in_every_format(memscore, embedded: StoredStudy, tmp_path: Path):
    for suffix in ("npz", "csv", "parquet", "arrow", "feather"):
        output = tmp_path / f"scores.{suffix}"
        done = memscore("scores", "export", "made-up", "-o", str(output))
        assert (done.status, done.out) == (0, f"60 training samples written to {output}\n".replace("\n", "\n"))
    mem = embedded.scores["mem"]
    assert ScoreTable.load(tmp_path / "scores.npz").digest == embedded.scores.digest
    np.testing.assert_array_equal(parquet.read_table(tmp_path / "scores.parquet")["mem"].to_numpy(), mem)
    np.testing.assert_array_equal(feather.read_table(tmp_path / "scores.arrow")["mem"].to_numpy(), mem)
    with (tmp_path / "scores.csv").open() as file:
        assert [float(row["mem"]) for row in csv.DictReader(file)] == pytest.approx(mem.tolist())
    test = tmp_path / "test.txt"
    done = memscore("scores", "export", "made-up", "-o", str(test), "--format", "csv", "--rows", "test", "--json")
    assert done.json == {"file": str(test), "format": "csv", "rows": 20}
    assert test.read_text().startswith("index,test_p,")


def test_pairs_are_exported_and_listed(memscore, embedded: StoredStudy, tmp_path: Path):
    output = tmp_path / "pairs.parquet"
    assert memscore("pairs", "export", "made-up", "-o", str(output)).status == 0
    assert parquet.read_table(output).num_rows == len(embedded.pairs)
    assert memscore("pairs", "export", "made-up", "-o", str(tmp_path / "pairs.npz")).status == 0
    assert PairsTable.load(tmp_path / "pairs.npz").digest == embedded.pairs.digest
    listed = memscore("pairs", "list", "made-up", "--limit", "5", "--json").json
    assert [pair["train_index"] for pair in listed] == embedded.pairs["train_index"][:5].tolist()
    index = listed[0]["train_index"]
    of_one = memscore("pairs", "list", "made-up", "--train-index", str(index), "--infl-min", "0.1", "--json").json
    assert {pair["train_index"] for pair in of_one} == {index}
    assert memscore("pairs", "list", "made-up", "--q-max", "0", "--json").json == []
    assert "q-value" in memscore("pairs", "list", "made-up").out


@pytest.mark.parametrize(
    "command", [("pairs", "list"), ("pairs", "list", "--harmful"), ("scores", "list"), ("jobs", "list")]
)
def test_lists_are_at_most_so_long_as_a_machine_can_count(memscore, embedded: StoredStudy, command: tuple[str, ...]):
    del embedded
    study = () if command[0] == "jobs" else ("made-up",)
    done = memscore(*command, *study, "--limit", "9" * 24)
    assert done.status == 2
    assert "2147483647" in done.err
    assert memscore(*command, *study, "--limit", "2147483647", "--json").status == 0


def test_a_bound_of_0_is_a_bound_and_holding_holds_for_harmful_pairs(memscore, weighted: str):
    for more in ((), ("--harmful",)):
        found = memscore("pairs", "list", weighted, *more, "--q-max", "0", "--json").json
        assert all(pair["q_value"] == 0 for pair in found)
        held = memscore("pairs", "list", weighted, *more, "--holding", "--limit", "1000", "--json").json
        q = "q_value" if more else "q_weighted"
        assert all(pair[q] <= 0.05 for pair in held)
    shown = " ".join(memscore("pairs", "list", weighted).out.split())
    assert "weighted q" in shown
    assert "q-value" not in shown
    assert "expected infl" in shown


def test_harmful_pairs_are_listed_with_their_scope(memscore, embedded: StoredStudy):
    listed = memscore("pairs", "list", "made-up", "--harmful", "--limit", "5", "--json").json
    assert len(listed) == 5
    assert all(pair["infl"] < 0 for pair in listed)
    assert [pair["infl"] for pair in listed] == sorted(pair["infl"] for pair in listed)
    shown = " ".join(memscore("pairs", "list", "made-up", "--harmful").out.split())
    assert "hold at a false-discovery rate of 5 %" in shown
    assert "Looked for among the pairs of all classes, at most ten of each test sample; q-values are for harm." in shown
    none = " ".join(memscore("pairs", "list", "made-up", "--harmful", "--q-max", "0").out.split())
    assert "No harmful pair meets these conditions." in none
    assert "among the pairs of all classes" in none
    refused(memscore("pairs", "list", "made-up", "--harmful", "--p-min", "0.5"), "Harmful pairs have no weighted q")


def test_more_pairs_than_a_page_holds_are_listed(memscore, embedded: StoredStudy, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("memscore.cli.pairs.MOST_A_PAGE", 7)
    listed = memscore("pairs", "list", "made-up", "--limit", "30", "--json").json
    found = [(pair["train_index"], pair["test_index"]) for pair in listed]
    expected = zip(embedded.pairs["train_index"][:30], embedded.pairs["test_index"][:30], strict=True)
    assert found == list(expected)


def test_published_scores_go_out_and_come_in(memscore, embedded: StoredStudy, tmp_path: Path):
    output = tmp_path / "published.npz"
    arguments = ("scores", "export", "made-up", "-o", str(output), "--format", "feldman-zhang")
    assert memscore(*arguments).status == 0
    with np.load(output, allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["tr_mem"], embedded.scores["mem"])
    done = memscore("scores", "import", str(output), "--dataset", "made-up", "--name", "published")
    assert done.status == 0
    assert "imported scores of dataset made-up" in done.out
    assert "without standard errors" in done.err.replace("\n", " ")
    again = memscore("scores", "import", str(output), "--dataset", "made-up", "--json").json
    assert again["name"] == "published"
    sets = memscore("sets", "published", "--json").json
    assert sets["counts"] == split(embedded.scores, embedded.pairs).counts() | {"test_typical": 0}
    assert "no test sample counts as typical" in sets["warnings"][0]
    assert "no test sample counts as typical" in memscore("sets", "published").err.replace("\n", " ")
    assert memscore("scores", "top", "published").status == 0
    assert memscore("scores", "show", "published", "3", "--json").json["se"] is None
    assert memscore("scores", "suspects", "published", "--json").json[0]["mem_low"] is None
    assert "none was tested: imported influences have no q-values" in " ".join(
        memscore("pairs", "list", "published").out.split()
    )
    refused(memscore("pairs", "list", "published", "--harmful"), "has imported scores")
    report = tmp_path / "report.html"
    assert memscore("report", "published", "-o", str(report)).status == 0
    assert "imported without the underlying model outputs" in report.read_text()
    assert " nan" not in report.read_text()
    compared = memscore("scores", "compare", "made-up", "published", "--json").json
    assert compared["pearson"] == pytest.approx(1)
    assert compared["corrected"] is None
    other = tmp_path / "again.npz"
    refused(memscore(*arguments[:2], "published", "-o", str(other), *arguments[5:]), "therefore no evidence")
    assert not other.exists()


def test_tables_are_compared(memscore, embedded: StoredStudy, tmp_path: Path):
    file = tmp_path / "scores.npz"
    file.write_bytes(embedded.scores.encode())
    for suffix, start in ((".svg", b"<?xml"), (".png", b"\x89PNG")):
        plot = tmp_path / f"plot{suffix}"
        done = memscore("scores", "compare", "made-up", str(file), "--plot", str(plot))
        assert done.status == 0
        assert plot.read_bytes().startswith(start)
    assert "Cohen's kappa" in done.out
    found = memscore("scores", "compare", "made-up", str(file), "--threshold", "0.5", "--json").json
    assert found["samples"] == 60
    assert found["kappa"] == 1
    assert found["both"] == (embedded.scores["mem"] > 0.5).sum()


def test_risks_are_listed(memscore, embedded: StoredStudy, margin_scores: ScoreTable):
    expected = riskiest(margin_scores, 5).tolist()
    found = memscore("scores", "risk", "made-up", "--top", "5", "--json").json
    assert [row["index"] for row in found["samples"]] == expected
    assert set(found["samples"][0]) == {"index", "label", "class_name", "risk", "se_risk", "mem"}
    assert found["privacy"]["targets"] == 20
    shown = memscore("scores", "risk", "made-up")
    assert "The attacker knows the recipe" in shown.err.replace("\n", " ")
    assert "false alarms" in shown.out
    assert "AUC" in shown.out


def test_a_study_of_bits_has_no_risks_to_list(memscore, embedded: StoredStudy):
    assert memscore("scores", "risk", "made-up", "--json").json["samples"] == []
    shown = memscore("scores", "risk", "made-up")
    assert "No trial of this study recorded margins" in shown.err.replace("\n", " ")


def test_quality_shows_each_check_and_what_to_do(memscore, embedded: StoredStudy):
    checks = quality(embedded.scores, Design())
    found = memscore("scores", "quality", "made-up", "--json").json
    assert [(one["key"], one["verdict"]) for one in found] == [(check.key, check.verdict) for check in checks]
    shown = memscore("scores", "quality", "made-up")
    assert all(check.name in shown.out for check in checks)
    wanting = [check for check in checks if check.verdict != "pass"]
    assert wanting
    assert all(f"{check.name}: {check.advice}" in shown.err.replace("\n", " ") for check in wanting)


def test_suspects_are_listed(memscore, embedded: StoredStudy):
    expected = suspects(embedded.scores, 5).tolist()
    assert [row["index"] for row in memscore("scores", "suspects", "made-up", "-n", "5", "--json").json] == expected
    shown = memscore("scores", "suspects", "made-up")
    assert "A wrong label is one reason" in shown.err.replace("\n", " ")
    assert "95 % interval" in shown.out
    lines = list(csv.DictReader(io.StringIO(memscore("scores", "suspects", "made-up", "-n", "5", "--csv").out)))
    assert [int(line["index"]) for line in lines] == expected
    assert set(lines[0]) == {"index", "label", "class_name", "mem", "mem_low", "mem_high", "p_in", "p_out"} | {
        "label_error",
        "suggested",
        "suggested_name",
        "share",
        "suspected",
    }


def test_duplicates_of_a_dataset_elsewhere_are_asked_of_the_service(
    memscore,
    embedded: StoredStudy,
    copied: Dataset,
    database: Database,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    arguments = ("pairs", "duplicates", "copied", "--alike", "0.98", "--json")
    here = memscore(*arguments).json["pixels"]
    assert len(here) == 3
    monkeypatch.setenv("MEMSCORE_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setattr("memscore.cli.pairs.MOST_A_PAGE", 2)
    with served(database, home) as url:
        found = memscore(*arguments, "--url", url).json["pixels"]
        assert [one | {"mem": None, "infl": None} for one in found] == [
            one | {"mem": None, "infl": None} for one in here
        ]
        for ours, theirs in zip(here, found, strict=True):
            assert theirs["mem"] == pytest.approx(ours["mem"], rel=1e-6)
    with served(database, tmp_path / "elsewhere") as url:
        outcome = memscore(*arguments, "--url", url)
        assert outcome.json["pixels"] is None
        assert "Samples were not compared" in outcome.err


def test_duplicates_are_listed(memscore, embedded: StoredStudy):
    pairs = embedded.pairs
    found = memscore("pairs", "duplicates", "made-up", "--infl-min", "0.3", "--mem-min", "0.3", "--json").json
    assert found["pixels"] == []
    expected = (pairs["infl"] >= np.float32(0.3)) & (pairs["mem"] >= np.float32(0.3))
    assert [row["test_index"] for row in found["influence"]] == pairs["test_index"][expected].tolist()
    shown = memscore("pairs", "duplicates", "made-up")
    assert "cropped or rotated are not found" in shown.err.replace("\n", " ")
    assert "By pixels: no copies, neither in the test set" in shown.out


def test_scores_are_compared_with_published_ones(memscore, embedded: StoredStudy, tmp_path: Path):
    dataset, cscores, matrix = embedded.dataset, tmp_path / "c.npz", tmp_path / "fz.npz"
    np.savez(cscores, labels=dataset.y_train, scores=embedded.scores["p_out"])
    assert memscore("scores", "export", "made-up", "--format", "feldman-zhang", "-o", str(matrix)).status == 0
    found = memscore("scores", "compare", "made-up", "--with", "feldman-zhang", str(matrix), "--json").json
    assert found["pearson"]["value"] == pytest.approx(1)
    assert found["kolmogorov"] == 0
    assert found["pairs"]["published"] == int((embedded.pairs["infl"] >= np.float32(0.15)).sum())
    shown = memscore("scores", "compare", "made-up", "--with", "cscores", str(cscores)).out
    assert "held-out accuracy" in shown
    assert "without our estimation errors" in shown
    for words, sentence in (
        (("made-up",), "Name what to compare with"),
        (("made-up", "made-up", "--with", "cscores", str(cscores)), "Name what to compare with"),
        (("made-up", "--with", "nobody", str(cscores)), "must be one of feldman-zhang, cscores"),
        (("made-up", "--with", "cscores", "no.npz"), "There is no file no.npz"),
        (("made-up", "--with", "cscores", str(cscores), "--plot", "x.png"), "--plot is for two studies"),
    ):
        refused(memscore("scores", "compare", *words), sentence)


def test_groups_are_scored(memscore, embedded: StoredStudy, tmp_path: Path):
    file = tmp_path / "groups.csv"
    rows = ["index,group", "3,twins", "33,twins", *(f"{index},many" for index in range(30))]
    file.write_text("\n".join(rows))
    found = memscore("scores", "groups", "made-up", "--groups", str(file), "--json").json
    twins, many = found["groups"]
    assert [member["index"] for member in twins["members"]] == [3, 33]
    assert twins["n_all"] + twins["n_none"] <= 40
    assert twins["expected_all"] == pytest.approx(0.49)
    assert many["members"][0]["mem"] is None
    assert many["together"]["estimate"] is None
    assert many["mean_mem"]["low"] < many["mean_mem"]["estimate"] < many["mean_mem"]["high"]
    assert twins["together"]["estimate"] == pytest.approx(sum(one["mem"] for one in twins["members"]) / 2)
    assert "Group 'many': no trial trained on" in found["warnings"][0]
    shown = memscore("scores", "groups", "made-up", "--groups", str(file))
    assert "group mem" in shown.out
    assert "memorized together" in shown.out
    assert "Group 'many'" in shown.err
    refused(memscore("scores", "groups", "made-up", "--groups", str(tmp_path / "no.csv")), "cannot be read")


def test_evidence_goes_to_another_machine_and_back(
    memscore, embedded: StoredStudy, elsewhere: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    output = tmp_path / "evidence.npz"
    assert memscore("evidence", "export", "made-up", "-o", str(output), "--json").json["rows"] == 40
    assert list(read_evidence(output).trials) == embedded.trials
    there = memscore("evidence", "import", str(output), "--json").json
    assert (there["added"], there["present"], there["differing"]) == (0, 40, 0)
    monkeypatch.setenv("MEMSCORE_DATABASE_URL", str(elsewhere.engine.url))
    refused(memscore("evidence", "import", str(output)), "No dataset with the fingerprint")
    with elsewhere.writing() as connection:
        datasets.register(connection, "copy", embedded.dataset)
    done = memscore("evidence", "import", str(output), "--dataset", "copy")
    assert done.status == 0, done.err
    assert "new: 40 trials added, 0 already stored; the study now has 40 trials" in done.out
    assert memscore("scores", "top", "copy", "--json").json[0]["mem"] == float(embedded.scores["mem"].max())


def test_evidence_with_other_results_is_counted(memscore, embedded: StoredStudy, tmp_path: Path):
    parts = {"recipe": QUICK, "design": Design()}
    trials = make_trials(embedded.dataset, Design(), blocks=5, seed=1)
    file = tmp_path / "other.npz"
    fingerprint = embedded.dataset.fingerprint
    file.write_bytes(gather(trials, fingerprint=fingerprint, train_samples=60, test_samples=20, **parts).encode())
    done = memscore("evidence", "import", str(file), "--json")
    assert done.json["differing"] == 40
    assert "Of 40 trials, other results are already stored here" in done.err.replace("\n", " ")
    assert memscore("scores", "show", "made-up", "0", "--json").json["trials"] == 50


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("scores", "export", "made-up", "-o", "scores.txt"),
            "is not a known format: use one of .npz, .csv",
        ),
        (("scores", "export", "nothing", "-o", "scores.csv"), "There is no study 'nothing'"),
        (("scores", "export", "made-up", "-o", "/proc/x/scores.csv"), "cannot be written"),
        (("scores", "export", "made-up", "-o", "/dev/null", "--format", "csv"), "not a regular file"),
        (("scores", "import", "no.npz", "--dataset", "made-up"), "no.npz cannot be read (No such file"),
        (("scores", "import", "/dev/null", "--dataset", "made-up"), "not a usable Feldman-Zhang score file"),
        (("scores", "import", "/dev/null", "--dataset", "nothing"), "There is no dataset 'nothing'"),
        (("scores", "compare", "made-up", "nothing"), "There is no study 'nothing'"),
        (("scores", "compare", "made-up", "no.npz"), "There is no table file no.npz"),
        (("scores", "compare", "made-up", "http://127.0.0.1:1#x"), "does not answer"),
        (("scores", "compare", "made-up", "made-up", "--plot", "plot.gif"), "must be .svg, .png or .pdf"),
        (("scores", "suspects", "nothing"), "There is no study 'nothing'"),
        (("scores", "groups", "nothing", "--groups", "x.csv"), "There is no study 'nothing'"),
        (("pairs", "duplicates", "nothing"), "There is no study 'nothing'"),
        (("pairs", "export", "made-up", "-o", "pairs"), "has no suffix that names a format"),
        (("evidence", "export", "nothing", "-o", "x.npz"), "There is no study 'nothing'"),
        (("evidence", "import", "no.npz"), "no.npz cannot be read"),
        (("evidence", "import", "/dev/null"), "not a usable memscore evidence file"),
    ],
)
def test_wrong_input_is_one_sentence(
    memscore, embedded: StoredStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments, sentence: str
):
    monkeypatch.chdir(tmp_path)
    refused(memscore(*arguments), sentence)


def test_scores_of_another_dataset_are_not_compared(memscore, embedded: StoredStudy, home: Path, tmp_path: Path):
    save(make_dataset(seed=3), home)
    meta = {**embedded.scores.meta, "fingerprint": "0" * 64}
    file = tmp_path / "other.npz"
    file.write_bytes(ScoreTable.of(embedded.scores.columns, meta).encode())
    refused(memscore("scores", "compare", "made-up", str(file)), "different datasets")
    assert json.loads(memscore("scores", "compare", "made-up", "made-up", "--json").out)["pearson"] == pytest.approx(1)


@pytest.mark.parametrize(
    "words",
    [
        ("pairs", "list", "made-up", "--q-max", "7"),
        ("sets", "made-up", "--atypical", "7"),
        ("pairs", "duplicates", "made-up", "--alike", "7"),
    ],
)
def test_an_option_out_of_range_is_named_with_its_bound(memscore, embedded: StoredStudy, words: tuple[str, ...]):
    outcome = memscore(*words)
    assert (outcome.status, outcome.out) == (2, "")
    assert words[-2] in outcome.err
    assert "must be at most 1, not 7" in " ".join(outcome.err.split())


def test_a_test_sample_s_strongest_influence_says_whether_it_is_chance(memscore, embedded: StoredStudy):
    for index, (infl, train) in enumerate(
        zip(embedded.scores["test_infl_max"], embedded.scores["test_infl_index"], strict=True)
    ):
        row = next(
            one
            for one in embedded.pairs.of_test(index)
            if embedded.pairs["train_index"][one] == train and embedded.pairs["infl"][one] == infl
        )
        q = float(embedded.pairs["q_value"][row])
        assert memscore("scores", "test", "made-up", str(index), "--json").json["infl_q"] == pytest.approx(q)
        said = " ".join(memscore("scores", "test", "made-up", str(index)).err.split())
        assert ("cannot be told from chance" in said) == (q > 0.05)
        if index == 5:
            break
