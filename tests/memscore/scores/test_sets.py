"""Typical and atypical sets against the paper's definitions, written out in full."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest

from memscore.errors import Damaged, InvalidInput
from memscore.scores.sets import Sets, Thresholds, split
from memscore.scores.table_builder import Provenance, build_tables
from memscore.scores.tables import ATYPICAL, TYPICAL, PairsTable, ScoreTable, is_atypical, is_typical
from memscore.statistics.counts import Counts
from memscore.statistics.similarity import Similarity
from memscore.study.spec import Design
from tests.conftest import build, make_dataset, make_trials
from tests.made_evidence import Planted, planted_evidence, split_evidence

Tables = tuple[ScoreTable, PairsTable]


@pytest.fixture(scope="module")
def tables() -> Tables:
    dataset = make_dataset()
    return build(dataset, make_trials(dataset, Design(), blocks=4), Design(), "a" * 16)


@pytest.mark.parametrize(("atypical", "typical", "accuracy"), [(0.15, 0.02, 0.8), (0.4, 0.3, 0.5), (0.05, 0.05, 0.0)])
def test_sets_follow_the_definitions(tables: Tables, atypical: float, typical: float, accuracy: float):
    scores, pairs = tables
    sets = split(scores, pairs, Thresholds(atypical, typical, accuracy))
    mem = scores["mem"]
    for i in range(len(mem)):
        assert sets.train_atypical[i] == (mem[i] > atypical)
        assert sets.train_typical[i] == (mem[i] < typical)
    rows = list(zip(pairs["train_index"], pairs["test_index"], pairs["infl"], strict=True))
    for j in range(scores.test_samples):
        strong = any(t == j and infl > atypical and mem[i] > atypical for i, t, infl in rows)
        weak = any(t == j and infl > typical and mem[i] > atypical for i, t, infl in rows)
        assert sets.test_atypical[j] == strong
        assert sets.test_typical[j] == (not weak and scores["test_p"][j] >= accuracy)


def test_full_trials_decide_what_is_typical_where_there_are_some(tables: Tables):
    """The paper's Pr[F(x') = y'] is that of models trained on all samples."""
    scores, pairs = tables
    full = (np.arange(scores.test_samples) % 2).astype(np.float32)
    with_full = ScoreTable({**scores.columns, "test_p_full": full}, scores.meta)
    sets, before = split(with_full, pairs, Thresholds(0.9, 0.8)), split(scores, pairs, Thresholds(0.9, 0.8, 0.0))
    np.testing.assert_array_equal(sets.test_typical, before.test_typical & (full == 1))
    np.testing.assert_array_equal(sets.test_atypical, before.test_atypical)
    assert 0 < sets.test_typical.sum() < scores.test_samples


def test_masks_survive_encoding(tables: Tables):
    sets = split(*tables)
    decoded = Sets.decode(sets.encode(digest="x"))
    assert decoded.counts() == sets.counts()
    assert decoded.thresholds == sets.thresholds
    assert all(np.array_equal(mask, sets.masks()[name]) for name, mask in decoded.masks().items())


def test_thresholds_out_of_order_or_below_what_is_kept_are_refused(tables: Tables):
    with pytest.raises(InvalidInput, match="must not exceed"):
        split(*tables, Thresholds(atypical=0.1, typical=0.2))
    with pytest.raises(InvalidInput, match="starts at infl"):
        split(*tables, Thresholds(typical=0.01))


def test_a_value_on_a_threshold_is_in_neither_set():
    """9 of 60 held-out trials wrong is mem 0.15 and 1 of 50 is 0.02, whatever binary fractions make of them."""
    mem = np.array([1 - 51 / 60, 1 - 49 / 50, 0.1501, 0.0199, np.nan]).astype(np.float32)
    assert is_atypical(mem, ATYPICAL).tolist() == [False, False, True, False, False]
    assert is_typical(mem, TYPICAL).tolist() == [False, False, False, True, False]


@pytest.mark.parametrize("payload", [b"", b"no file", b"PK\x05\x06" + bytes(18)])
def test_what_are_no_sets_is_refused_with_a_sentence(payload: bytes):
    with pytest.raises(Damaged, match="not a complete file of sets"):
        Sets.decode(payload)


@pytest.fixture(scope="module")
def planted_tables() -> list[tuple[Planted, ScoreTable, PairsTable]]:
    found: list[tuple[Planted, ScoreTable, PairsTable]] = []
    for seed in range(3):
        planted = planted_evidence(seed)
        counts = Counts.of(planted.evidence, planted.y_train, planted.y_test, planted.design)
        similarity = Similarity.of_images(counts.groups, planted.x_train, planted.x_test)
        found.append((planted, *build_tables(counts, Provenance("a" * 16, "f" * 64, {}, {}), similarity)))
    return found


@pytest.mark.slower
def test_the_posterior_names_the_influenced_test_samples_and_the_raw_rule_mostly_chance(
    planted_tables: list[tuple[Planted, ScoreTable, PairsTable]],
):
    named = right = true = raw = 0
    expected = by_chance = 0.0
    for planted, scores, pairs in planted_tables:
        atypical = (planted.infl > 0.15).any(axis=0)
        sets, literal = split(scores, pairs), split(scores, pairs, Thresholds(rule="raw"))
        assert (sets.rule, literal.rule) == ("posterior", "raw")
        assert not sets.notes
        assert "by chance alone" in literal.notes[0]
        assert sets.expected_false is not None
        assert literal.by_chance is not None
        assert (sets.test_typical == literal.test_typical).all()
        named += int(sets.test_atypical.sum())
        right += int((sets.test_atypical & atypical).sum())
        true += int(atypical.sum())
        raw += int(literal.test_atypical.sum())
        expected += sets.expected_false
        by_chance += literal.by_chance
    assert raw > 4 * true
    assert by_chance == pytest.approx(raw, rel=0.2)
    assert 0.5 <= named / true <= 1.3
    assert right / named >= 0.6
    assert abs(expected - (named - right)) <= 0.2 * named


def test_the_tables_say_what_holds_among_all_pairs_and_survive_encoding(
    planted_tables: list[tuple[Planted, ScoreTable, PairsTable]],
):
    planted, scores, pairs = planted_tables[0]
    assert pairs.weighted
    assert scores.meta["strong"] == pairs.meta["strong"] == 0.15
    assert pairs.meta["pairs_from"] == "margins"
    assert pairs.meta["pairs_tested"] == 2 * 250 * 100
    assert pairs.meta["pairs_found"] == (pairs["q_weighted"] <= 0.05).sum() >= 15, "also those of little infl"
    assert (pairs["q_weighted"][pairs["infl"] < np.float32(0.02)] <= 0.05).all()
    assert (pairs.holding == (pairs["q_weighted"] <= 0.05)).all()
    assert pairs.meta["pairs_expected"] >= pairs["p_strong"].sum() - 1
    assert pairs.meta["placebo"]["weighted"]["placebo"] <= 4
    assert pairs.meta["pair_halves"]["pairs"] >= 1
    infl = planted.infl[pairs["train_index"], pairs["test_index"]]
    true = infl > 0.1
    assert pairs["infl_mean"][true].mean() == pytest.approx(infl[true].mean(), abs=0.1)
    assert np.abs(pairs["infl_soft"] - infl).mean() < np.abs(pairs["infl"] - infl).mean()
    again = PairsTable.decode(pairs.encode())
    assert again.digest == pairs.digest
    assert (again["p_strong"] == pairs["p_strong"]).all()


def test_the_order_of_trials_does_not_change_a_digest():
    planted = planted_evidence()
    about = Provenance("a" * 16, "f" * 64, {}, {})
    digests: set[str] = set()
    for order in ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [7, 2, 9, 0, 1, 8, 3, 6, 5, 4]):
        counts = Counts.empty(planted.y_train, planted.y_test, planted.design)
        for part in split_evidence(planted.evidence, order):
            counts.add(part)
        similarity = Similarity.of_images(counts.groups, planted.x_train, planted.x_test)
        digests.add(build_tables(counts, about, similarity)[1].digest)
    assert len(digests) == 1


def test_the_posterior_answers_any_threshold_as_if_it_had_been_fitted_for_it(
    planted_tables: list[tuple[Planted, ScoreTable, PairsTable]], monkeypatch: pytest.MonkeyPatch
):
    planted, scores, pairs = planted_tables[0]
    monkeypatch.setattr("memscore.scores.pairs_builder.ATYPICAL", 0.3)
    counts = Counts.of(planted.evidence, planted.y_train, planted.y_test, planted.design)
    similarity = Similarity.of_images(counts.groups, planted.x_train, planted.x_test)
    _, fitted = build_tables(counts, Provenance("a" * 16, "f" * 64, {}, {}), similarity)
    above = pairs.above(0.3)
    assert above is not None
    np.testing.assert_allclose(above, fitted["p_strong"], atol=1.01e-4)
    assert (above <= pairs["p_strong"]).all()
    assert (pairs.above(0.15) == pairs["p_strong"]).all()
    sets = split(scores, pairs, Thresholds(atypical=0.3))
    assert (sets.rule, sets.notes) == ("posterior", ())
    assert sets.test_atypical.sum() < split(scores, pairs).test_atypical.sum()


def test_as_many_typical_samples_are_influenced_as_are_expected_to_be(
    planted_tables: list[tuple[Planted, ScoreTable, PairsTable]],
):
    expected = found = named = 0.0
    for planted, scores, pairs in planted_tables:
        sets = split(scores, pairs)
        named += sets.test_typical.sum()
        assert sets.typical_false is not None
        influenced = (planted.infl[sets.train_atypical] > 0.02).any(axis=0)
        expected += sets.typical_false
        found += int((sets.test_typical & influenced).sum())
        assert split(scores, pairs, Thresholds(atypical=0.2)).typical_false is None
        assert f"{sets.typical_false:,.1f} of the {sets.test_typical.sum()} typical" in " ".join(sets.worth())
        assert Sets.decode(sets.encode(digest=scores.digest)).typical_false == sets.typical_false
    assert abs(expected - found) <= 0.3 * named


def test_tables_without_margins_fall_back_to_the_raw_rule_at_other_thresholds_and_say_so(
    tables: Tables, planted_tables: list[tuple[Planted, ScoreTable, PairsTable]]
):
    sets = split(*tables)
    assert sets.rule == "raw"
    assert sets.expected_false is None
    assert "have no posterior" in sets.notes[0]
    _, scores, pairs = planted_tables[0]
    pairs = replace(pairs, meta={name: value for name, value in pairs.meta.items() if name != "mixing"})
    assert "known at 0.15 only" in split(scores, pairs, Thresholds(atypical=0.2)).notes[0]


def test_what_chance_names_is_what_shuffled_trials_name(planted_tables: list[tuple[Planted, ScoreTable, PairsTable]]):
    planted, scores, pairs = planted_tables[0]
    expected = split(scores, pairs, Thresholds(rule="raw")).by_chance
    order = np.random.default_rng(0).permutation(100)
    shuffled = replace(planted.evidence, test_correct=planted.evidence.test_correct[order], margins=None)
    counts = Counts.of(shuffled, planted.y_train, planted.y_test)
    named = split(*build_tables(counts, Provenance("a" * 16, "f" * 64, {}, {}))).test_atypical.sum()
    assert expected == pytest.approx(named, rel=0.1)


def test_sets_of_older_versions_were_chosen_by_the_raw_rule(tables: Tables):
    sets = split(*tables)
    buffer = io.BytesIO()
    meta = {"thresholds": {"atypical": 0.15, "typical": 0.02, "test_accuracy": 0.8}, "digest": "x"}
    np.savez(buffer, allow_pickle=False, meta=np.array(json.dumps(meta)), **sets.masks())
    old = Sets.decode(buffer.getvalue())
    assert (old.rule, old.thresholds.rule, old.by_chance) == ("raw", "raw", None)
