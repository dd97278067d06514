"""Comparing two tables: each figure against its definition, and undefined figures are reported as such."""

import dataclasses

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import cohen_kappa_score, jaccard_score

from memscore.errors import FingerprintMismatch, InvalidInput
from memscore.report.scatter import scatter
from memscore.scores.comparison import RANKS, at_threshold, compare, density, disagreements, fisher, kappa, kappa_ends
from memscore.scores.tables import ScoreTable
from memscore.statistics.estimates import average_ranks, difference

N_IN, N_OUT = 70, 30


def table(p_out: np.ndarray, seed: int, trials: int = 100, fingerprint: str = "f" * 64) -> ScoreTable:
    """Scores as `trials` trials give them of samples with these chances to be right without training on them."""
    random = np.random.default_rng(seed)
    n_in = np.full(len(p_out), trials * 7 // 10)
    n_out = trials - n_in
    mem = difference(random.binomial(n_in, 0.998), n_in, random.binomial(n_out, p_out), n_out)
    known = {
        "mem": mem.estimate,
        "se": mem.standard_error,
        "mem_low": mem.low,
        "mem_high": mem.high,
        "p_in": mem.first,
        "p_out": mem.second,
    }
    columns = {
        name: known.get(name, np.zeros(4 if name.startswith("test_") else len(p_out))) for name in ScoreTable.dtypes
    }
    return ScoreTable.of(columns, {"study": f"study-{seed}", "trials": trials, "fingerprint": fingerprint})


def without(scores: ScoreTable, *columns: str) -> ScoreTable:
    empty = {name: np.full(len(scores), np.nan) for name in columns}
    return ScoreTable.of({**scores.columns, **empty}, scores.meta)


@pytest.fixture(scope="module")
def pair() -> tuple[ScoreTable, ScoreTable]:
    p_out = np.random.default_rng(7).beta(0.6, 0.3, 2000)
    return table(p_out, 1), table(p_out, 2)


def test_figures_are_those_of_their_definitions(pair: tuple[ScoreTable, ScoreTable]):
    a, b = pair
    found = compare(a, b)
    x, y = a["mem"].astype(float), b["mem"].astype(float)
    high_a, high_b = a["mem"] > np.float32(0.15), b["mem"] > np.float32(0.15)
    assert found.samples == 2000
    assert found.pearson == pytest.approx(stats.pearsonr(x, y)[0])
    assert found.spearman == pytest.approx(stats.spearmanr(x, y)[0])
    assert found.jaccard == pytest.approx(jaccard_score(high_a, high_b))
    assert found.kappa == pytest.approx(cohen_kappa_score(high_a, high_b))
    assert (found.both, found.only_a) == ((high_a & high_b).sum(), (high_a & ~high_b).sum())
    assert found.both + found.only_a + found.only_b + found.neither == 2000
    assert found.mean_difference == pytest.approx((x - y).mean())
    outside = (a["mem"] < b["mem_low"]) | (a["mem"] > b["mem_high"])
    assert found.a_outside_b == pytest.approx(outside.mean())
    assert found.notes == []


def test_the_corrected_correlation_sees_through_errors_of_estimation():
    p_out = np.random.default_rng(7).uniform(0.3, 0.9, 20_000)
    few = compare(table(p_out, 1, trials=50), table(p_out, 2, trials=50))
    assert few.pearson is not None
    assert few.corrected is not None
    assert few.pearson < 0.8
    assert few.corrected == pytest.approx(1, abs=0.02)
    mixed = compare(table(p_out, 1, trials=50), table(p_out, 2, trials=1000))
    assert mixed.corrected == pytest.approx(1, abs=0.02)
    assert mixed.reliability_a is not None
    assert mixed.reliability_b is not None
    assert mixed.reliability_a < mixed.reliability_b
    true = np.var(1 - p_out)
    assert mixed.reliability_a == pytest.approx(true / np.var(table(p_out, 1, trials=50)["mem"]), abs=0.02)


def test_a_threshold_splits_elsewhere(pair: tuple[ScoreTable, ScoreTable]):
    found = compare(*pair, threshold=0.5)
    assert found.both + found.only_a == (pair[0]["mem"] > 0.5).sum()


def test_another_threshold_gives_what_a_new_comparison_would(pair: tuple[ScoreTable, ScoreTable]):
    mem = pair[0]["mem"].copy()
    mem[::7] = np.nan
    a, b = ScoreTable.of({**pair[0].columns, "mem": mem}, pair[0].meta), pair[1]
    found = compare(a, b)
    assert found.only_b < compare(*pair).only_b
    for threshold in (0.0, 0.02, 0.5, 1.0):
        assert at_threshold(found, a, b, threshold) == compare(a, b, threshold)
    assert at_threshold(found, a, b, 0.5) != found


@pytest.mark.parametrize("bins", [1, 7, 50, 200])
def test_bins_are_those_of_a_histogram(pair: tuple[ScoreTable, ScoreTable], bins: int):
    on_edges = pair[0]["mem"].copy()
    on_edges[:202] = [*np.linspace(0, 1, 201), np.nan]
    a, b = ScoreTable.of({**pair[0].columns, "mem": on_edges}, pair[0].meta), pair[1]
    for one, other in ((a, b), (b, a), (a, a)):
        edges, counts = density(one, other, bins)
        defined = np.isfinite(one["mem"]) & np.isfinite(other["mem"])
        x, y = one["mem"][defined].astype(float), other["mem"][defined].astype(float)
        np.testing.assert_array_equal(counts, np.histogram2d(x, y, (edges, edges))[0])
        assert edges[0] == min(0, x.min(), y.min())
        assert edges[-1] == 1


def test_the_largest_disagreements_come_first_and_ties_by_index(pair: tuple[ScoreTable, ScoreTable]):
    a = pair[0]
    mem = np.where(np.arange(2000) % 5 == 0, a["mem"] - np.float32(0.25), a["mem"])
    mem[[3, 1500]] -= 1
    mem[9] = np.nan
    b = ScoreTable.of({**a.columns, "mem": mem}, pair[1].meta)
    differences = np.abs(a["mem"].astype(float) - b["mem"])
    expected = sorted(set(range(2000)) - {9}, key=lambda index: (-differences[index], index))
    assert sorted(expected[:2]) == [3, 1500]
    for count in (0, 1, 2, 3, 50, 1998, 1999, 5000):
        assert disagreements(a, b, count).tolist() == expected[:count]


def test_imported_scores_have_no_corrected_correlation(pair: tuple[ScoreTable, ScoreTable]):
    found = compare(pair[0], without(pair[1], "se", "mem_low", "mem_high"))
    assert found.corrected is None
    assert found.reliability_b is None
    assert found.reliability_a is not None
    assert found.a_outside_b is None
    assert found.b_outside_a is not None
    assert ["second table has no standard errors" in note for note in found.notes] == [True]


def test_undefined_scores_are_left_out_and_counted(pair: tuple[ScoreTable, ScoreTable]):
    mem = pair[0]["mem"].copy()
    mem[:10] = np.nan
    found = compare(ScoreTable.of({**pair[0].columns, "mem": mem}, pair[0].meta), pair[1])
    assert found.samples == 1990
    assert "tables: 10 samples" in found.notes[0]
    with pytest.raises(InvalidInput, match="The tables share 0 samples"):
        compare(without(pair[0], "mem"), pair[1])


def test_scores_of_different_datasets_are_not_compared(pair: tuple[ScoreTable, ScoreTable]):
    other = table(np.full(2000, 0.5), 3, fingerprint="e" * 64)
    with pytest.raises(FingerprintMismatch, match="different datasets"):
        compare(pair[0], other)


def test_what_does_not_vary_does_not_correlate(pair: tuple[ScoreTable, ScoreTable]):
    flat = ScoreTable.of({**pair[0].columns, "mem": np.zeros(2000)}, pair[0].meta)
    found = compare(flat, pair[1])
    assert (found.pearson, found.spearman, found.corrected) == (None, None, None)
    assert "mem is the same for all samples" in found.notes[0]
    assert compare(flat, flat).kappa is None
    assert compare(flat, flat).jaccard is None


def test_a_study_compared_with_its_own_earlier_scores_is_marked(pair: tuple[ScoreTable, ScoreTable]):
    later = ScoreTable.of(pair[1].columns, {**pair[1].meta, "study": pair[0].meta["study"], "trials": 200})
    assert "share trials" in compare(pair[0], later).notes[0]
    assert compare(pair[0], later).corrected is None


def test_noise_alone_has_no_reliability():
    a, b = table(np.full(500, 0.5), 1), table(np.full(500, 0.5), 2)
    wide = [ScoreTable.of({**one.columns, "se": np.full(500, 0.5)}, one.meta) for one in (a, b)]
    found = compare(wide[0], wide[1])
    assert found.reliability_a == 0
    assert found.corrected is None
    assert "explain all of its variance" in found.notes[0]


def test_average_ranks_and_kappa():
    np.testing.assert_array_equal(average_ranks(np.array([3.0, 1.0, 3.0, 2.0])), [3.5, 1, 3.5, 2])
    assert kappa(20, 5, 10, 15) == pytest.approx(0.4)  # the example of Cohen's kappa with 50 judgements


@pytest.mark.slower
@pytest.mark.parametrize(("samples", "form", "start"), [(200, "svg", b"<?xml"), (4000, "png", b"\x89PNG")])
def test_a_plot_is_drawn_of_few_and_of_many_samples(samples: int, form: str, start: bytes):
    p_out = np.random.default_rng(7).beta(0.6, 0.3, samples)
    a, b = table(p_out, 1), table(p_out, 2)
    found = compare(a, b)
    assert scatter(a, b, found, ("a", "b"), form).startswith(start)
    assert scatter(a, b, dataclasses.replace(found, corrected=None), ("a", "b"), form)


@pytest.mark.parametrize("truth", [0.0, 0.6, 0.9])
def test_intervals_of_correlations_cover_what_many_samples_show(truth: float):
    """400 draws of 60 samples: .95 within three standard errors of 400 draws, and a little more for ranks."""
    random = np.random.default_rng(0)
    cover = np.array([[truth, 1], [1, truth]]) @ np.array([[0, 1], [1, 0]])
    ranks = 6 / np.pi * np.arcsin(truth / 2)  # Spearman's rho of a normal distribution
    hits = np.zeros(2)
    for _ in range(400):
        x, y = random.multivariate_normal([0, 0], cover, 60).T
        pearson = fisher(float(np.corrcoef(x, y)[0, 1]), 60)
        spearman = fisher(float(np.corrcoef(average_ranks(x), average_ranks(y))[0, 1]), 60, RANKS)
        assert pearson is not None
        assert spearman is not None
        hits += [pearson[0] <= truth <= pearson[1], spearman[0] <= ranks <= spearman[1]]
    assert (np.abs(hits / 400 - 0.95) < 0.035).all()


def test_intervals_of_kappa_cover_what_many_samples_show():
    random = np.random.default_rng(0)
    shares = np.array([0.3, 0.1, 0.1, 0.5])  # both, only a, only b, neither
    truth = kappa(*(1000 * shares).astype(int).tolist())
    assert truth is not None
    hits = 0
    for _ in range(400):
        ends = kappa_ends(*random.multinomial(80, shares).tolist())
        assert ends is not None
        hits += ends[0] <= truth <= ends[1]
    assert 0.92 <= hits / 400 <= 0.985
    ends = kappa_ends(20, 0, 0, 40)
    assert ends is not None
    assert ends[0] < 0.95  # even of full agreement
    assert ends[1] == 1


def test_few_samples_and_equal_tables_have_no_interval():
    assert fisher(0.5, 3) is None
    assert fisher(1.0, 100) is None
    assert fisher(None, 100) is None
