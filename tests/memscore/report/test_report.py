"""A study's page: complete, honest, self-contained, well-formed and of bounded size, for studies of every kind."""

from __future__ import annotations

import base64
import io
import itertools
import re
from collections import defaultdict
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib.patches import Rectangle
from PIL import Image

from memscore.datasets.dataset import Dataset, build_dataset
from memscore.datasets.label_noise import flip_labels
from memscore.errors import FingerprintMismatch
from memscore.exchange.feldman_zhang import FeldmanZhangScores, tables_of
from memscore.messages.studies import StudyMessage, TableSummary
from memscore.report import Making, MethodComparison, Report, charts
from memscore.report.cards import Album, image_uri
from memscore.report.gallery import gallery
from memscore.report.influences import influences
from memscore.report.provenance import commands
from memscore.report.suspected import suspected
from memscore.scores.quality import differences, quality
from memscore.scores.risk import ATTACKER
from memscore.scores.sets import Thresholds
from memscore.scores.suspects import suspects
from memscore.scores.table_builder import Provenance, build_tables
from memscore.scores.tables import PairsTable, ScoreTable
from memscore.statistics.counts import Counts
from memscore.study.evidence import Evidence, Margins, Mistakes
from memscore.study.spec import BLOCK, Design
from memscore.study.subsets import block_membership
from tests.conftest import QUICK, make_dataset

VOID = {"img", "meta", "br", "link", "path", "use", "rect", "circle", "line"}


def evidence_of(dataset: Dataset, design: Design, blocks: int, chance: np.ndarray, seed: int = 0) -> Evidence:
    """Trials without training: right where trained on, else with the sample's chance; test samples half the time."""
    random = np.random.default_rng(seed)
    membership = np.concatenate([block_membership(design, len(chance), block) for block in range(blocks)])
    train = membership | (random.random(membership.shape) < chance)
    test = random.random((len(membership), len(dataset.y_test))) < 0.5
    return Evidence(np.arange(BLOCK * blocks), membership, train, test)


def made(dataset: Dataset, blocks: int = 4, design: Design = Design(), chance: np.ndarray | None = None) -> Report:
    """The report of a study whose samples have these chances (default: of all sizes) to be right when held out."""
    if chance is None:
        chance = np.random.default_rng(1).choice([1.0, 1.0, 0.7, 0.1], len(dataset.y_train))
    counts = Counts.of(evidence_of(dataset, design, blocks, chance), dataset.y_train, dataset.y_test)
    about = Provenance("a" * 16, dataset.fingerprint, QUICK.model_dump(mode="json"), design.model_dump(mode="json"))
    return report_of(dataset, *build_tables(counts, about), design)


def report_of(dataset: Dataset, scores: ScoreTable, pairs: PairsTable, design: Design | None) -> Report:
    study = StudyMessage(
        id="a" * 16,
        name="made-up",
        dataset="made-up",
        fingerprint=dataset.fingerprint,
        recipe=None if design is None else QUICK,
        recipe_name=None,
        design=design,
        trials=scores.trials,
        table=TableSummary.model_validate(scores.meta),
        imported=design is None,
    )
    return Report(study, scores, pairs, dataset)


def imported(dataset: Dataset, mem: np.ndarray) -> Report:
    infl = {
        label: np.full((int((dataset.y_train == label).sum()), int((dataset.y_test == label).sum())), 0.3, np.float32)
        for label in range(dataset.classes)
    }
    published = FeldmanZhangScores(mem.astype(np.float32), dataset.y_train, dataset.y_test, infl)
    return report_of(dataset, *tables_of(published, "a" * 16, dataset.fingerprint), None)


def with_images(shape: tuple[int, ...], classes: int = 3, train: int = 60) -> Dataset:
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (train + 20, *shape), np.uint8)
    y = np.arange(train + 20) % classes
    return build_dataset(x[:train], y[:train], x[train:], y[train:] % classes, source="made up")


def without_scores(which: slice) -> Report:
    report = made(make_dataset())
    columns = {name: report.scores[name].copy() for name in report.scores.dtypes}
    for name in ("mem", "se", "mem_low", "mem_high", "p_out", "mem_even", "mem_odd"):
        columns[name][which] = np.nan
    columns["n_out"][which] = 0
    kept = np.isfinite(columns["mem"][report.pairs["train_index"]])
    pairs = {name: report.pairs[name][kept] for name in report.pairs.dtypes}
    return replace(
        report, scores=ScoreTable.of(columns, report.scores.meta), pairs=PairsTable.of(pairs, report.pairs.meta)
    )


def without_pairs() -> Report:
    report = made(make_dataset())
    none = {name: report.pairs[name][:0] for name in report.pairs.dtypes}
    return replace(report, pairs=PairsTable.of(none, report.pairs.meta))


COMPARISON = MethodComparison(
    ["test all", "test <atypical>"], [20, 0], {name: [(0.9, 0.5), (None, None)] for name in ("PGD", "BAT")}, "a note"
)

KINDS = {
    "an ordinary one": lambda: made(make_dataset(), blocks=10),
    "one block": lambda: made(make_dataset(), blocks=1),
    "uniform design, planted errors": lambda: made(
        flip_labels(make_dataset(train=300), 0.1, 0), design=Design(kind="uniform", subset_ratio=0.5)
    ),
    "nothing memorized": lambda: made(make_dataset(), chance=np.ones(60)),
    "all memorized": lambda: made(make_dataset(), chance=np.zeros(60)),
    "imported, some without a score": lambda: imported(make_dataset(), np.where(np.arange(60) % 7, 0.5, np.nan)),
    "a class without a score": lambda: without_scores(slice(0, 60, 3)),
    "no sample with a score": lambda: without_scores(slice(0, 60)),
    "no pairs, a comparison": lambda: replace(without_pairs(), comparison=COMPARISON),
    "200 classes in colour": lambda: made(with_images((8, 8, 3), classes=200, train=600), blocks=1),
    "one pixel, two channels": lambda: made(with_images((1, 1, 2))),
    "long images, four channels": lambda: made(with_images((3, 90, 4))),
    "odd labels": lambda: made(replace(make_dataset(), class_names=("<script>x</script>", "\x00\ud800 \x1b", "  "))),
}


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return {kind: make().html() for kind, make in KINDS.items()}


class Parsed(HTMLParser):
    """What a page is made of; closing tags are checked as they come."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join("".join(self.text).split())


@pytest.mark.parametrize("kind", KINDS)
class TestEveryPage:
    def test_loads_nothing_and_runs_nothing(self, pages: dict[str, str], kind: str):
        parsed = Parsed(pages[kind])
        for tag, attributes in parsed.tags:
            assert tag not in ("script", "link", "iframe", "object", "embed", "base", "audio", "video", "form")
            assert not [name for name in attributes if name.startswith("on")]
            assert (attributes.get("src") or "data:").startswith("data:")
            assert not {"srcset", "poster", "data"} & set(attributes)
            for name in ("href", "xlink:href"):
                target = attributes.get(name)
                allowed = {"a": "https://", "image": "data:"}.get(tag, "#")
                assert target is None or target.startswith(("#", allowed))
        assert "@import" not in pages[kind]
        assert not re.search(r"url\((?!#)", pages[kind])

    def test_is_well_formed_and_its_links_lead_somewhere(self, pages: dict[str, str], kind: str):
        parsed = Parsed(pages[kind])
        ids = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
        assert len(ids) == len(set(ids))
        for _, attributes in parsed.tags:
            for name in ("href", "xlink:href"):
                target = attributes.get(name) or ""
                assert not target.startswith("#") or target[1:] in ids
        for reference in re.findall(r"url\(#([^)]*)\)", pages[kind]):
            assert reference in ids

    def test_can_be_read_without_seeing(self, pages: dict[str, str], kind: str):
        parsed = Parsed(pages[kind])
        levels = [int(tag[1]) for tag, _ in parsed.tags if re.fullmatch("h[1-6]", tag)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
        assert all(attributes.get("alt") for tag, attributes in parsed.tags if tag == "img")
        assert all(attributes.get("aria-label") for _, attributes in parsed.tags if attributes.get("role") == "img")
        found = [tag for tag, _ in parsed.tags]
        assert {"header", "nav", "main", "footer"} <= set(found)
        assert ("html", {"lang": "en"}) in parsed.tags

    def test_says_nothing_undefined(self, pages: dict[str, str], kind: str):
        words = Parsed(pages[kind]).words
        assert not re.search(r"\bnan\b|\bNone\b|\binf\b", words)
        for heading in ("Distribution", "Gallery by class", "Suspected label errors", "Influence", "Quality checks"):
            assert heading in words
        pages[kind].encode()


def test_labels_are_text_whatever_they_hold(pages: dict[str, str]):
    page = pages["odd labels"]
    assert "<script>" not in page
    assert "&lt;script&gt;x&lt;/script&gt;" in page
    assert "\x00" not in page
    assert "class 2" in Parsed(page).words


def test_a_page_of_many_classes_of_large_images_is_of_bounded_size():
    report = made(with_images((64, 64, 3), classes=250, train=750), blocks=1)
    page = report.html()
    assert len(page) < 8_000_000  # of noise, which compresses worst
    found = gallery(Album(report.dataset, report.scores))
    assert len(found.classes) == 200
    assert all(1 <= len(one.most) + len(one.least) <= 3 for one in found.classes)
    assert min(one.share for one in found.classes) >= 0
    assert (
        "Only the 200 classes with the largest share of atypical images are shown; 50 are left out."
        in Parsed(page).words
    )
    assert len(image_uri(np.random.default_rng(0).integers(0, 256, (500, 500, 3), np.uint8))) < 30_000


def test_small_images_keep_every_pixel():
    image = np.random.default_rng(0).integers(0, 256, (28, 28, 1), np.uint8)
    data = base64.b64decode(image_uri(image).partition(",")[2])
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), image[:, :, 0])


def test_scores_of_another_dataset_are_refused():
    with pytest.raises(FingerprintMismatch):
        replace(made(make_dataset()), dataset=make_dataset(seed=1)).html()


def test_the_gallery_shows_the_most_memorized_of_each_class_and_typical_ones():
    report = made(make_dataset(train=90), blocks=10)
    mem, labels = report.scores["mem"], report.scores["label"]
    for one in gallery(Album(report.dataset, report.scores)).classes:
        members = np.flatnonzero(labels == one.number)
        highest = members[np.argsort(-mem[members], kind="stable")][:8]
        assert [card.index for card in one.most] == highest.tolist()
        assert one.atypical == (mem[members] > np.float32(0.15)).sum()
        assert len(one.least) == 4
        assert one.least_typical == all(mem[card.index] < np.float32(0.02) for card in one.least)
        assert not {card.index for card in one.most} & {card.index for card in one.least}


def test_the_first_look_has_the_most_memorized_of_each_class_in_turn():
    report = made(make_dataset(train=90), blocks=10)
    found = gallery(Album(report.dataset, report.scores))
    labels = [card.label for card in found.first]
    assert len(labels) == 10
    assert labels[:3] == labels[3:6] == [one.name for one in found.by_share]
    assert all(card.atypical for card in found.first)


def test_suspects_come_in_the_order_of_the_command_and_equal_ones_by_the_vote():
    report = made(make_dataset(train=90), blocks=10)
    shown = [one.card.index for one in suspected(Album(report.dataset, report.scores)).suspects]
    ranked = suspects(report.scores, len(report.scores)).tolist()
    key = [(report.scores["mem_low"][index], report.scores["p_out"][index]) for index in shown]
    assert key == [(report.scores["mem_low"][index], report.scores["p_out"][index]) for index in ranked[: len(shown)]]


def separable(noise: float) -> Dataset:
    """Three classes of images that pixels tell apart if there is little noise, and a tenth of the labels wrong."""
    random = np.random.default_rng(0)
    centres = random.integers(0, 256, (3, 6, 6)) * 1.0
    y = np.arange(600) % 3
    x = np.clip(centres[y] + random.normal(0, noise, (600, 6, 6)), 0, 255).astype(np.uint8)
    if noise > 255:
        x = random.integers(0, 256, x.shape).astype(np.uint8)
    return flip_labels(build_dataset(x[:400], y[:400], x[400:], y[400:], source="made up"), 0.1, 0)


def test_planted_errors_are_suspected_and_their_labels_suggested():
    dataset = separable(noise=10)
    report = made(dataset, blocks=10, chance=np.where(dataset.flipped, 0.0, 1.0))
    found = suspected(Album(dataset, report.scores))
    assert found.hints
    assert found.accuracy == 1
    assert found.auroc == 1
    assert found.planted_shown == len(found.suspects) == found.suggestions_right == 24
    assert found.candidates == found.planted == found.tied == 40
    words = Parsed(report.html()).words
    assert "24 of them among the 24 images below. 24 of these have a suggested label, 24 the correct one." in words
    assert "correct 0 of 30 times without it, 70 of 70 with it" in words
    assert "These are the first 24 of 40 atypical images" in words
    assert "40 images tie in the ranking" in words


def test_predictions_of_held_out_trials_suggest_labels_where_pixels_do_not():
    dataset = separable(noise=256)
    evidence = evidence_of(dataset, Design(), 10, np.where(dataset.flipped, 0.0, 1.0))
    assert dataset.clean_labels is not None
    random = np.random.default_rng(2)
    sizes = [random.normal(70, 8, correct.shape) for correct in (evidence.train_correct, evidence.test_correct)]
    codes = [
        np.where(correct, size, -size).clip(-127, 127).astype(np.int8)
        for correct, size in zip((evidence.train_correct, evidence.test_correct), sizes, strict=True)
    ]
    trial, sample = np.nonzero(~evidence.train_correct)
    mistakes = Mistakes(trial, sample, dataset.clean_labels[sample].astype(np.int64))
    trial, sample = np.nonzero(~evidence.test_correct)
    others = Mistakes(trial, sample, (dataset.y_test[sample].astype(np.int64) + 1) % 3)
    recorded = replace(evidence, margins=Margins(codes[0], codes[1], mistakes, others))
    counts = Counts.of(recorded, dataset.y_train, dataset.y_test)
    about = Provenance("a" * 16, dataset.fingerprint, QUICK.model_dump(mode="json"), Design().model_dump(mode="json"))
    report = report_of(dataset, *build_tables(counts, about), Design())
    found = suspected(Album(dataset, report.scores))
    assert found.predicted
    assert found.auroc == 1
    assert found.candidates == found.planted == 40
    assert found.planted_shown == len(found.suspects) == found.suggestions_right == 24
    words = Parsed(report.html()).words
    assert "40 samples look mislabelled" in words
    assert "These are the first 24 of 40 suspected images" in words
    assert "without it, 100" in words


def test_no_label_is_suggested_where_pixels_do_not_tell_classes_apart():
    dataset = separable(noise=256)
    report = made(dataset, blocks=10, chance=np.where(dataset.flipped, 0.0, 1.0))
    found = suspected(Album(dataset, report.scores))
    assert not found.hints
    assert all(one.suggested is None for one in found.suspects)
    assert "No labels are suggested" in Parsed(report.html()).words


def test_pairs_of_chance_are_called_that():
    report = made(make_dataset(), blocks=4)
    found = influences(Album(report.dataset, report.scores), report.pairs)
    assert found.strong > 0
    assert found.significant == 0
    words = Parsed(report.html()).words
    assert "No pair is significant yet." in words
    assert words.count("may be due to chance") == len(found.pairs) == 6


def test_significant_pairs_come_first_and_once_for_each_test_image():
    report = made(make_dataset())
    columns = {name: report.pairs[name].copy() for name in report.pairs.dtypes}
    columns["q_value"] = np.where(np.arange(len(report.pairs)) % 2, 0.01, 0.5)
    columns["infl"][1], columns["mem"][1] = 0.95, 0.9
    pairs = PairsTable.of(columns, report.pairs.meta)
    found = influences(Album(report.dataset, report.scores), pairs)
    assert found.proven
    assert all(pair.q_value == pytest.approx(0.01) for pair in found.pairs)
    assert len({pair.test.index for pair in found.pairs}) == len(found.pairs)
    assert [pair.duplicate for pair in found.pairs[:2]] == [True, False]
    words = Parsed(replace(report, pairs=pairs).html()).words
    assert "are significant at a false-discovery rate of 5 %" in words
    assert (
        f"Of {found.strong:,} pairs with an estimate above 0.15, {found.strong_significant:,} are significant;" in words
    )


def test_weighted_q_values_go_first_and_sets_follow_posteriors_where_there_are_any():
    report = made(make_dataset(train=300), blocks=4)
    columns = {name: report.pairs[name].copy() for name in report.pairs.dtypes}
    likely = np.arange(len(report.pairs)) < 5
    columns["q_weighted"], columns["p_strong"] = np.where(likely, 0.01, 0.7), np.where(likely, 0.9, 0.1)
    known = {"strong": 0.15, "pairs_from": "margins", "pairs_expected": 7.4}
    told = replace(report, pairs=PairsTable.of(columns, {**report.pairs.meta, **known}))
    found = influences(Album(told.dataset, told.scores), told.pairs)
    assert (found.weighted, found.significant, found.chance) == (True, 5, len(told.pairs) - 5)
    assert all(pair.q_value == pytest.approx(0.01) and pair.judged for pair in found.pairs)
    words = Parsed(told.html()).words
    assert "5 pairs are significant at a weighted false-discovery rate of 5 %" in words
    assert f"{found.chance:,} are within chance" in words
    assert "Pairs expected to have an infl above 0.15: 7." in words
    assert "(rule posterior). Expected not to be atypical: " in words
    old = Parsed(report.html()).words
    assert "weighted" not in old
    assert "(rule raw). By chance alone" in old
    assert "These tables have no posterior of influence" in old


def verdicts(report: Report, **meta: object) -> dict[str, str]:
    changed = replace(report.scores, meta={**report.scores.meta, **meta})
    return {check.key: check.verdict for check in quality(changed, report.study.design)}


def test_each_check_passes_or_says_what_to_do():
    report = made(make_dataset(train=300), blocks=20)
    of_pairs = {"placebo", "pair-halves"}  # which need the images
    assert {verdict for key, verdict in verdicts(report).items() if key not in of_pairs} == {"pass"}
    checks = report.scores.meta["checks"]
    assert verdicts(report, in_sample_accuracy=0.97)["fit"] == "look at it"
    almost = replace(report.scores, meta={**report.scores.meta, "in_sample_accuracy": 0.97996})
    assert quality(almost, report.study.design)[0].value == "0.979"
    assert verdicts(report, checks={**checks, "split_half_reliability": 0.8})["reliability"] == "look at it"
    assert verdicts(report, checks={**checks, "split_half_ratio": 1.6})["calibration"] == "look at it"
    assert verdicts(report, checks={**checks, "zero_sum": 0.1})["zero-sum"] == "look at it"
    assert verdicts(without_scores(slice(0, 7)))["defined"] == "look at it"
    for ratio, trials, verdict in ((1.1, 200, "pass"), (1.3, 200, "look at it"), (1.3, 90, "cannot be told")):
        found = verdicts(report, checks={**checks, "margin_ratio": ratio}, margin_trials=trials)
        assert found["margins"] == verdict
    share = {"real": 90, "placebo": 2, "share": 0.04}
    placebo: dict[str, object] = {"pairs": 1000, "level": 0.05, "exact": share, "weighted": share}
    halves = {"pairs": 50, "predicted": 0.3, "found": 0.27, "error": 0.02}
    good = verdicts(report, placebo=placebo, pair_halves=halves)
    assert {good[key] for key in of_pairs} == {"pass"}
    bad = {**placebo, "weighted": {"real": 90, "placebo": 12, "share": 0.24}}
    assert verdicts(report, placebo=bad)["placebo"] == "look at it"
    assert verdicts(report, pair_halves={**halves, "found": 0.15})["pair-halves"] == "look at it"
    for check in quality(report.scores, report.study.design):
        assert check.meaning


def test_privacy_is_told_where_it_is_known():
    report = made(make_dataset(train=300), blocks=2)
    privacy = {"targets": 20, "tpr_at_0.001": [0.25, 0.2, 0.3], "tpr_at_0.01": [0.4, 0.3, 0.5], "auc": [0.9, 0.8, 1.0]}
    told = replace(report, scores=replace(report.scores, meta={**report.scores.meta, "privacy": privacy}))
    words = Parsed(told.html()).words
    assert "recognizes 25.0 % of the images that a model was trained on" in words
    assert "recognizes 25.0 % (20.0 to 30.0 %) at 0.1 % false alarms" in words
    assert ATTACKER in words
    assert "An attacker who knows the recipe" not in Parsed(report.html()).words


def test_what_cannot_be_told_is_called_that():
    few = verdicts(made(make_dataset(), blocks=1))
    assert few["calibration"] == "cannot be told"
    assert verdicts(made(make_dataset(), blocks=4))["calibration"] == "cannot be told"
    unknown = verdicts(imported(make_dataset(), np.linspace(0, 1, 60)))
    assert [unknown[key] for key in ("fit", "reliability", "calibration", "zero-sum")] == ["cannot be told"] * 4
    uniform = made(make_dataset(), design=Design(kind="uniform", subset_ratio=0.5))
    assert verdicts(uniform)["zero-sum"] == "cannot be told"


def test_trials_for_a_reliability_are_those_of_spearman_and_brown():
    report = made(make_dataset(), blocks=10)
    meta = {**report.scores.meta, "checks": {"split_half_reliability": 0.6}}
    advice = {check.key: check.advice for check in quality(replace(report.scores, meta=meta), report.study.design)}
    assert "About 600 trials would reach 0.9" in advice["reliability"]  # 100 * 0.9 * 0.4 / (0.6 * 0.1)


@pytest.mark.parametrize("blocks", [10, 11])
def test_the_calibration_chart_shows_the_ratio_that_is_checked(blocks: int):
    report = made(make_dataset(train=600), blocks=blocks)
    found = differences(report.scores)
    ratio = np.sqrt(np.mean(found.observed**2) / np.mean(found.predicted**2))
    assert ratio == pytest.approx(report.scores.meta["checks"]["split_half_ratio"], rel=0.05)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("made-up", "# add the dataset with the fingerprint above as made-up; its source: made-up"),
        ("digits", "memscore datasets add digits --name made-up"),
        ("npz:my file.npz", "memscore datasets add 'npz:my file.npz' --name made-up"),
        (
            "cifar100, first 10 classes, resized to 16x16, 0.1 of the labels flipped with seed 3",
            "memscore datasets add cifar100 --name made-up --classes 10 --resize 16 --flip-labels 0.1 --seed 3",
        ),
        (
            "folder:pets, 0.2 of each class as the test set",
            "memscore datasets add folder:pets --name made-up --test-share 0.2",
        ),
    ],
)
def test_commands_add_the_dataset_as_it_was(source: str, expected: str):
    report = made(make_dataset())
    dataset = replace(report.dataset, source=source)
    assert commands(report.study, report.scores, report.pairs, dataset).splitlines()[0] == expected


def test_commands_make_the_study_again():
    report = made(make_dataset(), design=Design(subset_ratio=0.5, seed=3))
    study = report.study.model_copy(update={"name": "half", "recipe_name": "digits"})
    assert commands(study, report.scores, report.pairs, report.dataset).splitlines()[1:] == [
        "memscore estimate --dataset made-up --recipe digits --trials 40 --ratio 0.5 --seed 3 --full-trials 0 "
        "--evidence bits --study-name half",
        "memscore report half --output report.html",
    ]
    own = commands(report.study, report.scores, report.pairs, report.dataset).splitlines()
    assert own[1:4] == ["cat > recipe.json <<'END'", QUICK.model_dump_json(exclude_defaults=True), "END"]


def test_the_page_says_how_it_was_made_and_what_to_cite():
    report = replace(made(make_dataset()), making=Making({"cpu": 30, "NVIDIA H100": 10}, {"0.1.0": 40}, 7200.0))
    words = Parsed(report.html()).words
    for said in (
        report.study.fingerprint,
        report.scores.digest,
        report.pairs.digest,
        "cpu (30 trials), NVIDIA H100 (10 trials)",
        "2 h in total, on one worker",
        "@inproceedings{feldman2020what,",
        "arXiv preprint arXiv:2106.04794",
        "@software{memscore,",
        "mlp 8, 2 epochs",
    ):
        assert said in words


def test_a_comparison_is_shown_with_its_numbers(pages: dict[str, str]):
    words = Parsed(pages["no pairs, a comparison"]).words
    assert "Adversarial training on these scores" in words
    assert "a note" in words
    assert "90.0" in words
    assert "Adversarial training on these scores" not in Parsed(pages["an ordinary one"]).words


@pytest.mark.parametrize("held_out", [0, 3, 30, 60, 599])
def test_each_bar_of_the_histogram_covers_as_many_attainable_values(held_out: int):
    steps = held_out or 40
    mem = (np.arange(-2, steps + 1) / steps).astype(np.float32)  # each value once
    heights: dict[float, int] = defaultdict(int)
    for bar in charts.histogram(mem, Thresholds(), held_out, 8).axes[0].patches:
        assert isinstance(bar, Rectangle)
        heights[round(bar.get_x(), 6)] += int(bar.get_height())
    shown = [heights[left] for left in sorted(heights) if heights[left]]
    assert sum(shown) == len(mem)
    assert len(set(shown[1:-1])) == 1
