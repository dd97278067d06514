"""What notebooks show: names, pictures and warnings; every text is escaped, and nothing runs a script."""

from __future__ import annotations

import os
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from memscore.datasets.columns import SampleColumns
from memscore.datasets.dataset import build_dataset
from memscore.notebook.listings import Listing
from memscore.notebook.samples import Samples
from memscore.notebook.studies import Study
from memscore.scores.html import Html, cell, table_of
from memscore.scores.tables import PairsTable, ScoreTable
from tests.memscore.notebook.conftest import HOSTILE


class Tags(HTMLParser):
    """The elements and the text of a page; fails on unbalanced ones."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def explained(study: Study) -> int:
    """The training sample of the strongest pair, which has influences to explain."""
    return int(study.pairs()["train_index"][0])


def displays(study: Study) -> dict[str, str]:
    shown = {
        "study": study,
        "scores": study.scores(),
        "pairs": study.pairs(),
        "suspects": study.suspects(5, precision=0.5),
        "risk": study.risk(),
        "duplicates": study.duplicates(alike=0.9),
        "quality": study.quality(),
        "sets": study.sets(),
        "explanation": study.explain(explained(study)),
    }
    return {name: one._repr_html_() for name, one in shown.items()}


def test_displays_are_well_formed_and_run_nothing(named_study: Study):
    for name, page in displays(named_study).items():
        tags = Tags(page)
        assert not {"script", "link", "iframe", "b"} & {tag for tag, _ in tags.found} - {"b"}, name
        assert "<script" not in page
        for tag, attributes in tags.found:
            assert not any(one.startswith("on") for one in attributes), name
            if tag == "img":
                assert (attributes["src"] or "").startswith("data:image/"), name
    assert "<b>1</b>" in Tags(displays(named_study)["suspects"]).text, "class names are shown as they are written"


def test_images_come_before_texts_and_texts_before_values(named_study: Study):
    assert displays(named_study)["scores"].count("<img") == 10
    random = np.random.default_rng(0)
    x, y = random.normal(size=(20, 6)), np.arange(20) % 2
    plain = Samples(build_dataset(x, y, source="made up"))
    assert plain.show("train", 3).startswith("<span")
    assert "," in plain.words("train", 3)
    texts = SampleColumns({"text": np.array([HOSTILE] * 20)})
    with_text = Samples(build_dataset(x, y, source="made up", columns=texts))
    assert "&lt;script&gt;" in with_text.show("train", 3)
    assert "<script" not in with_text.show("train", 3)


def test_an_explanation_shows_its_samples(named_study: Study):
    index = explained(named_study)
    found = named_study.explain(index, limit=3)
    assert found.influences
    assert found.rivals
    page = found._repr_html_()
    tags = Tags(page)
    titles = {attributes["title"] for tag, attributes in tags.found if tag == "img"}
    tests, rivals = (
        (f"test-{one.test_index}" for one in found.influences),
        (f"train-{one.index}" for one in found.rivals),
    )
    others = {f"train-{other.train_index}" for one in found.influences for other in one.others[:3]}
    assert titles == {f"train-{index}", *tests, *rivals, *others}
    assert found.sentence in tags.text
    assert named_study.dataset.class_names[int(named_study.dataset.y_test[found.influences[0].test_index])] in tags.text
    assert repr(found) == f"<Explanation of train {index}: {found.sentence}>"
    alone = next(one for one in range(60) if not named_study.explain(one).influences)
    text = Tags(named_study.explain(alone)._repr_html_()).text
    assert "It influences no test sample by 0.02 or more." in text
    assert "No other training sample influences the same test samples." in text


def test_the_sets_show_their_first_samples(named_study: Study):
    sets = named_study.sets()
    page = Tags(sets._repr_html_())
    shown = [attributes["title"] for tag, attributes in page.found if tag == "img"]
    expected = [name for one in sets.masks() for name in sets.names(one)[:5]]  # pyright: ignore[reportArgumentType]
    assert shown == expected
    assert ", ".join(sets.names("train_atypical")[:5]) in page.text
    assert sets.worth()[0] in page.text


def test_thumbnails_below_the_working_folder_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    for file in (here / "a.png", tmp_path / "elsewhere.png"):
        Image.new("RGB", (1200, 800), "red").save(file)
    (here / "b.png").write_text("not a picture")
    (here / "link.png").symlink_to(tmp_path / "elsewhere.png")
    os.mkfifo(here / "pipe.png")
    shown = ("a.png", str(here / "a.png"))
    others = ("b.png", "link.png", "pipe.png", "../elsewhere.png", str(tmp_path / "elsewhere.png"), "", ".", "none.png")
    others += ("https://example.com/a.png", "file:///etc/a.png", "a\0.png")
    paths = np.array([*shown, *others, *["a.png"] * (20 - len(shown) - len(others))])
    dataset = build_dataset(
        np.random.default_rng(0).normal(size=(20, 3)),
        np.arange(20) % 2,
        source="made up",
        columns=SampleColumns({"thumbnail": paths}),
    )
    samples = Samples(dataset)
    for place in range(20):
        expected = "<span" if paths[place] in others else '<img src="data:image/'
        assert samples.show("train", place).startswith(expected), paths[place]
    picture = samples.image("train", 0)
    assert picture is not None
    assert picture.shape == (75, 112, 3)


def test_without_the_dataset_samples_are_numbers():
    nothing = Samples(None)
    assert nothing.name("test", 3) == "test 3"
    assert nothing.class_names([2, -1]) == ["2", ""]
    assert nothing.show("train", 7) == '<span style="white-space:normal">train 7</span>'


def test_tables_of_a_client_are_shown_too(study: Study):
    scores, pairs = study.client.table(study.name), study.client.pairs_table(study.name)
    assert type(scores) is ScoreTable
    assert type(pairs) is PairsTable
    assert repr(scores) == "<ScoreTable: 60 training and 20 test samples, 50 trials>"
    for table in (scores, pairs):
        Tags(table._repr_html_())
    best = int(np.nanargmax(scores["mem"]))
    assert f"<tr><td>{best}</td>" in scores._repr_html_()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (float("nan"), "–"),
        (None, "–"),
        (np.float32(0.12345), "0.123"),
        (np.int64(1234), "1,234"),
        (np.bool_(True), "yes"),
        ("<i>", "&lt;i&gt;"),
        (Html("<i>x</i>"), "<i>x</i>"),
        ("x" * 500, "x" * 119 + "…"),
    ],
)
def test_cells(value: object, shown: str):
    assert cell(value) == shown


def test_long_listings_say_how_many_rows_are_left_out():
    listing = Listing("Many", {"index": np.arange(31)}, note="a <note>", warnings=("a <warning>",))
    page = listing._repr_html_()
    assert "11 more rows." in page
    assert "a &lt;note&gt;" in page
    assert "a &lt;warning&gt;" in page
    assert Listing("None", {})._repr_html_() == table_of({}, title="None")
