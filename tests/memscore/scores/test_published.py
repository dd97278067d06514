"""Comparison with published scores: each figure by its definition, and what estimation errors hide is found again."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from memscore.errors import InvalidInput
from memscore.scores.published import PublishedPairs, PublishedScores, compare_published, histogram_distance, kolmogorov
from memscore.scores.tables import PairsTable, ScoreTable
from memscore.statistics.estimates import average_ranks, difference

N = 3000
META = {"study": "s", "trials": 100, "fingerprint": "f" * 64, "held_out_accuracy": 0.7}


def scores_of(p_out: np.ndarray, seed: int, blocks: int = 10) -> ScoreTable:
    """Scores as ten trials a block give them of samples with these chances to be right without training on them."""
    random = np.random.default_rng(seed)

    def counts(part: int) -> tuple[np.ndarray, ...]:
        n_in, n_out = np.full(len(p_out), 7 * part), np.full(len(p_out), 3 * part)
        return random.binomial(n_in, 0.999), n_in, random.binomial(n_out, p_out), n_out

    even, odd = counts(blocks // 2), counts(blocks - blocks // 2)
    mem = difference(*(one + other for one, other in zip(even, odd, strict=True)))
    known = {
        "mem": mem.estimate,
        "se": mem.standard_error,
        "mem_low": mem.low,
        "mem_high": mem.high,
        "p_in": mem.first,
        "p_out": mem.second,
        "mem_even": difference(*even).estimate,
        "mem_odd": difference(*odd).estimate,
    }
    columns = {
        name: known.get(name, np.zeros(4 if name.startswith("test_") else len(p_out))) for name in ScoreTable.dtypes
    }
    return ScoreTable.of(columns, META)


P_OUT = np.random.default_rng(7).beta(0.6, 0.3, N)
SCORES = scores_of(P_OUT, 1)


def published(mem: np.ndarray, pairs: PublishedPairs | None = None) -> PublishedScores:
    return PublishedScores("made up", mem, 0.716, pairs)


def test_figures_are_those_of_their_definitions():
    theirs = 1 - P_OUT
    found = compare_published(SCORES, None, published(theirs))
    mine = SCORES["mem"].astype(float)
    assert found.samples == N
    for one, (reference, _) in (
        (found.pearson, stats.pearsonr(mine, theirs)),
        (found.spearman, stats.spearmanr(mine, theirs)),
    ):
        assert one is not None
        assert one.value == pytest.approx(reference)
        assert one.interval[0] < one.value < one.interval[1]
    assert found.pearson is not None
    assert found.pearson.interval == pytest.approx(tuple(stats.pearsonr(mine, theirs).confidence_interval()))
    assert found.kolmogorov == pytest.approx(stats.ks_2samp(mine, theirs)[0])
    assert found.mean_mem == pytest.approx((mine.mean(), theirs.mean()))
    assert found.held_out_accuracy == (0.7, 0.716)
    assert (found.pairs, found.notes) == (None, [])


@pytest.mark.parametrize("blocks", [4, 10])
def test_the_correction_finds_the_correlation_that_errors_hide(blocks: int):
    """The published mem agrees with the truth to .8; what few trials observe of that is less."""
    random = np.random.default_rng(3)
    truth = 1 - P_OUT
    theirs = truth + random.normal(0, truth.std() * 0.75, N)
    found = compare_published(scores_of(P_OUT, 2, blocks), None, published(theirs))
    for one, x, y in (
        (found.pearson, truth, theirs),
        (found.spearman, average_ranks(truth), average_ranks(theirs)),
    ):
        exact = float(np.corrcoef(x, y)[0, 1])
        assert one is not None
        assert one.corrected is not None
        assert one.corrected_interval is not None
        assert one.corrected == pytest.approx(exact, abs=0.02)
        assert one.value < one.corrected
        assert one.corrected_interval[0] < exact < one.corrected_interval[1]


def test_samples_without_a_published_score_are_left_out_and_said_to_be():
    theirs = np.full(N, np.nan)
    theirs[:5] = [0.1, 0.5, 0.9, 0.2, 0.3]
    found = compare_published(SCORES, None, published(theirs))
    assert found.samples == 5
    assert "Only 5 of 3,000 samples" in found.notes[0]
    theirs[2:] = np.nan
    with pytest.raises(InvalidInput, match="They share 2 samples"):
        compare_published(SCORES, None, published(theirs))


def test_what_is_undefined_is_none():
    without = {name: np.full(N, np.nan) for name in ("se", "mem_low", "mem_high", "mem_even", "mem_odd")}
    imported = ScoreTable.of({**SCORES.columns, **without}, {**META, "held_out_accuracy": None})
    found = compare_published(imported, None, published(1 - P_OUT))
    assert found.pearson is not None
    assert (found.pearson.reliability, found.pearson.corrected) == (None, None)
    assert "no standard errors" in found.notes[0]
    assert found.held_out_accuracy[0] is None
    assert compare_published(SCORES, None, published(np.full(N, 0.5))).pearson is None


def test_published_pairs_are_looked_up_among_the_significant_and_the_strongest():
    columns = {
        "train_index": np.array([5, 5, 9, 9, 7]),
        "test_index": np.array([1, 2, 1, 3, 0]),
        "infl": np.array([0.9, 0.8, 0.7, 0.3, 0.2]),
        "q_value": np.array([0.001, 0.04, 0.06, 0.01, np.nan]),
    }
    columns |= {name: np.zeros(5) for name in PairsTable.dtypes if name not in columns}
    pairs = PairsTable.of(columns, META)
    theirs = PublishedPairs(np.array([5, 9, 9, 8, 5]), np.array([1, 1, 3, 3, 2]), np.array([0.5, 0.3, 0.2, 0.4, 0.1]))
    found = compare_published(SCORES, pairs, published(1 - P_OUT, theirs)).pairs
    assert found is not None
    assert dataclasses.astuple(found)[:4] == (4, 2, 3, 3)  # (5, 2) is weaker than 0.15, (8, 3) is not in the table
    assert found.share_found == 0.5
    of_one_class = (SCORES["label"][:, None] == SCORES["test_label"][None]).sum()
    assert found.by_chance == pytest.approx(4 * 4 / of_one_class)
    weak = dataclasses.replace(theirs, infl=np.full(5, 0.1))
    assert compare_published(SCORES, pairs, published(1 - P_OUT, weak)).pairs is None


def test_the_distance_of_distributions_counts_ties():
    assert kolmogorov(np.array([0.0, 0, 1]), np.array([0.0, 1, 1])) == pytest.approx(1 / 3)
    assert kolmogorov(np.arange(5.0), np.arange(5.0)) == 0
    assert kolmogorov(np.zeros(3), np.ones(2)) == 1


def test_mem_is_compared_with_a_histogram_at_its_inner_edges():
    mem = np.array([-0.2, 0.1, 0.25, 0.5, 0.9, 1.0, np.nan])
    assert histogram_distance(mem, (2, 1, 1, 2)) == pytest.approx(0)  # a bin begins at its edge
    assert histogram_distance(mem, (1, 2, 1, 2)) == pytest.approx(1 / 6)
    assert histogram_distance(mem, (0, 0, 0, 5)) == pytest.approx(4 / 6)
    theirs = dataclasses.replace(published(1 - P_OUT), histogram=(60, 0))
    found = compare_published(SCORES, None, theirs)
    assert found.histogram_kolmogorov == pytest.approx(np.mean(SCORES["mem"] >= 0.5))
    assert compare_published(SCORES, None, published(1 - P_OUT)).histogram_kolmogorov is None
