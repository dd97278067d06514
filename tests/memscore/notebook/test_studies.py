"""A study in this process: the numbers of the client and the engine, with names, and one sentence for wrong input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import memscore
from memscore.datasets import load_source
from memscore.errors import FingerprintMismatch, InvalidInput, NoSample, NoScoresYet, NotFound
from memscore.notebook.studies import Study
from memscore.report.page import Report
from memscore.scores.label_errors import label_errors
from memscore.scores.quality import quality
from memscore.scores.tables import ATYPICAL
from memscore.settings import Settings
from memscore.store import datasets, studies
from memscore.study.spec import Design, Recipe
from memscore.workflows.embedded import opened_database
from tests.conftest import StoredStudy, make_dataset
from tests.memscore.notebook.conftest import store_study


def test_a_study_has_what_the_client_has(study: Study):
    client, name = study.client, study.name
    assert study.scores().digest == client.table(name).digest
    assert study.pairs().digest == client.pairs_table(name).digest
    assert study.sets().counts() == client.sets(name).counts()
    assert study.histogram(bins=5) == client.histogram(name, bins=5)
    assert study.explain(np.int64(7)).model_dump() == client.explain(name, 7).model_dump()
    assert study.trials == client.table(name).trials == 50
    assert study.quality()["check"].tolist() == [one.name for one in quality(study.scores(), Design())]
    assert study.compare(study).mean_difference == 0
    assert study.compare(study.name).samples == study.compare(study.scores()).samples == 60
    assert [one.id for one in memscore.studies()] == [study.id]
    assert repr(study) == "<memscore.Study made-up: 50 trials>"


def test_suspects_are_those_of_the_engine(study: Study):
    errors = label_errors(study.scores(), 0.5)
    found = study.suspects(precision=0.5)
    assert errors.suspected
    assert found.indices.tolist() == errors.order[: errors.suspected].tolist()
    assert found["suspected"].all()
    assert found["suggested_label"].tolist() == study.scores()["vote_label"][found.indices].tolist()
    assert (found["label_error"] == errors.label_error[found.indices]).all()
    assert found.mask(60).sum() == len(found)
    five = study.suspects(5, precision=0.5)
    assert five.indices.tolist() == errors.order[:5].tolist()
    assert five["suspected"].tolist() == (np.arange(5) < errors.suspected).tolist()
    with pytest.raises(InvalidInput, match=r"precision must be between 0\.5 and 1, not 0\.2\."):
        study.suspects(precision=0.2)


def test_the_sets_have_names(named_study: Study):
    sets, plain = named_study.sets(), named_study.client.sets(named_study.id)
    assert {name: mask.tolist() for name, mask in sets.masks().items()} == {
        name: mask.tolist() for name, mask in plain.masks().items()
    }
    assert repr(sets) == repr(plain) == f"<Sets: {', '.join(f'{n} {s}' for s, n in words(plain.counts()))}>"
    assert sets.names("train_atypical") == [f"train-{index}" for index in np.flatnonzero(sets.train_atypical)]
    assert sets.names("test_typical") == [f"test-{index}" for index in np.flatnonzero(sets.test_typical)]
    frame, dataset = sets.to_pandas(), named_study.dataset
    assert frame.columns.tolist() == ["set", "index", "name", "class"] == sets.to_arrow().column_names
    assert frame["set"].value_counts().to_dict() == {name: n for name, n in sets.counts().items() if n}
    of_train = frame[frame["set"] == "train_atypical"]
    labels = dataset.y_train[of_train["index"].to_numpy()]
    assert of_train["class"].tolist() == [dataset.class_names[label] for label in labels]
    assert of_train["name"].tolist() == sets.names("train_atypical")
    wrong: Any = sets
    with pytest.raises(InvalidInput, match="name must be 'train_atypical', 'train_typical', 'test_atypical' or "):
        wrong.names("typical")


def test_sets_without_names_have_numbers(study: Study):
    sets = study.sets()
    assert sets.names("train_atypical") == [f"train {index}" for index in np.flatnonzero(sets.train_atypical)]


def words(counts: dict[str, int]) -> list[tuple[str, int]]:
    return [(name.replace("_", " "), count) for name, count in counts.items()]


def test_listings_of_no_rows_and_other_types_are_refused(study: Study):
    wrong: Any = study
    for call in (wrong.suspects, wrong.risk):
        for count in (0, -1):
            with pytest.raises(InvalidInput, match=rf"^count must be at least 1, not {count}\.$"):
                call(count)
        with pytest.raises(InvalidInput, match=r"^count must be a whole number, not '3'\.$"):
            call("3")
        assert len(call(1)) == 1
    for alike in (0.5, 3.0, float("nan")):
        with pytest.raises(InvalidInput, match=rf"^alike must be from 0\.9 to 1, not {alike:g}\.$"):
            study.duplicates(alike=alike)
    with pytest.raises(InvalidInput, match=r"^thresholds must be a Thresholds, not 'x'\.$"):
        wrong.sets("x")
    for call in (lambda: study.explain(1, limit=0), lambda: study.histogram(bins=0), lambda: study.more(0)):
        with pytest.raises(InvalidInput, match="must be at least 1, not 0"):
            call()
    for listing, of in ((study.suspects(3), "this listing"), (study.scores(), "the score table")):
        with pytest.raises(KeyError) as refused:
            listing["nope"]
        assert str(refused.value).startswith(f"There is no column 'nope' in {of}; its columns are: ")
    suspects: Any = study.suspects(5)
    with pytest.raises(InvalidInput, match="samples must be the number of all training samples, above 1"):
        suspects.mask(1)
    with pytest.raises(InvalidInput, match="samples must be a whole number, not '60'"):
        suspects.mask("60")
    with pytest.raises(InvalidInput, match="rows must be 'train' or 'test', not 'all'"):
        wrong.scores().to_pandas("all")


def test_samples_have_their_names_everywhere(named_study: Study):
    suspects, risk = named_study.suspects(5), named_study.risk(5)
    for listing in (suspects, risk):
        assert listing["name"].tolist() == [f"train-{index}" for index in listing["index"]]
    assert set(suspects["class"]) <= {"<b>0</b>", "<b>1</b>", "<b>2</b>"}
    frame = named_study.scores().to_pandas()
    assert frame["name"][7] == "train-7"
    assert frame["class"][7] == "<b>1</b>"
    assert named_study.scores().to_pandas("test")["name"][3] == "test-3"
    assert named_study.scores().to_arrow()["name"].to_pylist()[7] == "train-7"
    assert list(named_study.scores().to_arrow().column_names)[:3] == ["index", "name", "class"]
    pairs, dataset = named_study.pairs(), named_study.dataset
    frame, table = pairs.to_pandas(), pairs.to_arrow()
    assert list(frame.columns)[:6] == table.column_names[:6]
    assert frame["test_name"].tolist() == [f"test-{index}" for index in pairs["test_index"]]
    of_train = [dataset.class_names[label] for label in dataset.y_train[pairs["train_index"]]]
    assert frame["train_class"].tolist() == table["train_class"].to_pylist() == of_train
    assert "<th>class</th>" in pairs._repr_html_()
    assert named_study.histogram(label="<b>1</b>").counts == named_study.histogram(label=1).counts
    with pytest.raises(InvalidInput, match="There is no class 'bee'; the first are: <b>0</b>"):
        named_study.histogram(label="bee")


def test_listings_are_columns_rows_and_frames(study: Study):
    risk = study.risk(4)
    assert len(risk) == len(list(risk)) == 4
    assert next(iter(risk))["index"] == risk["index"][0]
    assert risk.to_pandas().shape == (4, 6)
    assert risk.to_arrow().column_names == ["index", "name", "class", "risk", "se_risk", "mem"]
    assert repr(risk) == "<Samples at risk: 4 rows>"


def test_copies_are_found_with_their_part(settings_of_sqlite: Settings):
    dataset = make_dataset()
    x_train, x_test = dataset.x_train.copy(), dataset.x_test.copy()
    x_train[9], x_test[2] = x_train[3], x_train[4]
    copied = store_study(
        settings_of_sqlite,
        type(dataset)(x_train, dataset.y_train, x_test, dataset.y_test, dataset.class_names, "made up"),
        "copies",
    )
    found = copied.duplicates()
    assert [(row["index"], row["split"], row["other"], row["kind"]) for row in found] == [
        (4, "test", 2, "equal"),
        (3, "train", 9, "equal"),
    ]


@pytest.mark.databases("sqlite")
def test_the_report_is_the_command_s(embedded: StoredStudy, tmp_path: Path, memscore):
    written = Study.open(embedded.record.name).report(tmp_path / "mine.html")
    assert memscore("report", embedded.record.name, "--output", str(tmp_path / "its.html")).status == 0
    assert written.read_text() == (tmp_path / "its.html").read_text()
    below = Study.open(embedded.record.name).report(tmp_path / "new" / "folder" / "mine.html")  # as the command does
    assert below.is_file()
    assert memscore("report", embedded.record.name, "--output", str(tmp_path / "its" / "r.html")).status == 0
    assert (tmp_path / "its" / "r.html").is_file()


def test_report_card_and_sets_are_sure_of_the_same_samples(study: Study):
    found = study.client.set_indices(study.id).sure
    assert found is not None
    by_bits = int((study.scores()["mem_low"] > np.float32(ATYPICAL)).sum())
    assert found["train_atypical"] != by_bits, "otherwise this shows nothing"
    page = " ".join(Report(study.message, study.scores(), study.pairs(), study.dataset).html().split())
    assert f"for {found['train_atypical']:,} of them, the whole 95 % interval by margins is above it" in page
    assert f"The whole 95 % interval by margins is above 0.15 for {found['train_atypical']:,} of them" in page
    assert f"The whole 95 % interval by margins is below 0.15 for {found['train_typical']:,} of them" in page
    assert f"; by the 95 % intervals by margins {found['train_atypical']:,} surely" in study._repr_html_()


def test_unknown_and_unfinished_studies_are_refused_in_one_sentence(settings_of_sqlite: Settings, study: Study):
    with pytest.raises(NotFound, match="no study 'nothing'"):
        memscore.Study.open("nothing")
    other = Recipe(network="mlp", hidden=(4,), epochs=1, batch_size=8, learning_rate=0.1)
    with opened_database(settings_of_sqlite) as database, database.writing() as connection:
        record = datasets.by_name(connection, "made-up")
        empty = studies.ensure(connection, record, other, Design(), "empty")
    unfinished = Study.open(empty.id)
    assert (unfinished.trials, unfinished.name) == (0, "empty")
    with pytest.raises(NoScoresYet):
        unfinished.scores()
    assert "none finished yet" in unfinished._repr_html_()
    store_study(settings_of_sqlite, make_dataset(seed=1), "other")
    with pytest.raises(FingerprintMismatch):
        study.compare("other")


def test_studies_of_another_home_are_its_own(study: Study, tmp_path: Path):
    elsewhere = tmp_path / "elsewhere"
    there = store_study(Settings(home=elsewhere), make_dataset(seed=3), "there")
    assert [one.name for one in memscore.studies(elsewhere)] == ["there"]
    with pytest.raises(NotFound):
        Study.open("made-up", elsewhere)
    assert there.client.image("there", "train", 0).startswith(b"\x89PNG")


def test_a_study_without_pairs_is_shown(settings_of_sqlite: Settings):
    lonely = store_study(settings_of_sqlite, make_dataset(), "lonely", pairs=False)
    assert len(lonely.pairs()) == 0
    assert "0 pairs" in lonely.pairs()._repr_html_()
    assert "0 pairs" in lonely._repr_html_()
    with pytest.raises(InvalidInput, match="There is no pair to show"):
        lonely.plot.pairs()


def test_rows_of_a_listing_are_had_by_number(study: Study):
    listing = study.suspects(count=5)
    rows = list(listing)
    assert listing[0] == rows[0]
    assert listing[-1] == rows[-1]
    assert listing[:2] == rows[:2]
    with pytest.raises(NoSample, match="no row 5"):
        listing[5]


def test_reviews_lead_to_a_corrected_dataset(study: Study, tmp_path: Path):
    given = int(study.dataset.y_train[3])
    other = study.dataset.class_names[(given + 1) % 3]
    assert study.review(3, "error", label=other, reviewer="ada").label == (given + 1) % 3
    study.review(5, "error", reviewer="ada")
    study.review(7, "fine", reviewer="ada")
    study.review(9, "error", label=other if study.dataset.y_train[9] != (given + 1) % 3 else given, reviewer="ada")
    study.review(9, "fine", reviewer="bob")
    assert study.reviews().counts.disputed == 1
    written = load_source(f"npz:{study.corrected(study.reviews(), tmp_path / 'better.npz')}")
    assert len(written.y_train) == 59
    wanted = np.delete(study.dataset.y_train.copy(), 5)
    wanted[3] = (given + 1) % 3
    np.testing.assert_array_equal(written.y_train, wanted)
    with pytest.raises(InvalidInput, match="no class 'nothing'"):
        study.review(3, "error", label="nothing")
    study.review(3, None, reviewer="ada")
    assert study.reviews().counts.relabel == 0


def test_corrected_labels_are_written_and_read_again(study: Study, tmp_path: Path):
    suspects = study.suspects(3, precision=0.5)
    path = study.corrected(suspects, tmp_path / "better.npz")
    better = load_source(f"npz:{path}")
    expected = np.array(study.dataset.y_train)
    voted = suspects["suggested_label"] >= 0
    expected[suspects.indices[voted]] = suspects["suggested_label"][voted]
    kept = np.ones(len(expected), np.bool_)
    kept[suspects.indices[~voted]] = False
    assert (better.y_train == expected[kept]).all()
    fewer = load_source(f"npz:{study.corrected(suspects, tmp_path / 'fewer.npz', drop=True)}")
    assert len(fewer.y_train) == len(expected) - 3
    own = load_source(f"npz:{study.corrected({0: '2', 5: 1, 6: None}, tmp_path / 'own.npz')}")
    assert own.y_train[:6].tolist() == [2, 1, 2, 0, 1, 1]
    assert len(own.y_train) == len(expected) - 1


def test_imported_scores_cannot_grow(study: Study, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(InvalidInput, match="trials must be at least 1"):
        study.more(0)
    imported = study.message.model_copy(update={"recipe": None})
    monkeypatch.setattr(Study, "message", property(lambda _: imported))
    with pytest.raises(InvalidInput, match="were imported"):
        study.more(10)


def test_public_names_are_few_and_import_on_first_use():
    assert dir(memscore) == sorted(memscore.__all__)
    for name in memscore.__all__:
        assert getattr(memscore, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        memscore.Nothing  # noqa: B018
