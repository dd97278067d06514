"""Influence at size: against a loop over all pairs, the same bits in blocks of any size, within its memory."""

import tracemalloc
from fractions import Fraction
from math import comb
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memscore.errors import InvalidInput
from memscore.learning.matmul import torch_matmul
from memscore.scores.table_builder import Provenance, build_tables
from memscore.scores.tables import PAIRS_FLOOR
from memscore.statistics.counts import Counts, class_groups
from memscore.statistics.estimates import SufficientStatistics, memorization
from memscore.statistics.influence import PackedEvidence, find_pairs, influence_matrix, strongest_first
from memscore.statistics.significance import PairTest, benjamini_hochberg
from memscore.study.evidence import Evidence
from memscore.study.spec import Design
from tests.made_evidence import influence, joint_counts, labels, made_evidence

N, Q = 60, 30
BALANCED = made_evidence(N, Q, 8)
UNIFORM = made_evidence(N, Q, 2, design=Design(kind="uniform", subset_ratio=0.8))  # some are in every subset


def pack(evidence: Evidence) -> tuple[PackedEvidence, np.ndarray]:
    return PackedEvidence.of(evidence), memorization(SufficientStatistics.of(evidence)).estimate


def matrix(evidence: Evidence, memory: int = 1 << 30) -> np.ndarray:
    packed = PackedEvidence.of(evidence)
    out = np.full((packed.samples, packed.test_samples), -9, np.float32)
    influence_matrix(packed, out, memory=memory)
    return out


@pytest.mark.parametrize("evidence", [BALANCED, UNIFORM])
def test_the_matrix_equals_brute_force(evidence: Evidence):
    infl = matrix(evidence)
    for i in range(N):
        inside = evidence.membership[:, i]
        if inside.all():
            assert np.isnan(infl[i]).all()
            continue
        expected = evidence.test_correct[inside].mean(axis=0) - evidence.test_correct[~inside].mean(axis=0)
        np.testing.assert_allclose(infl[i], expected, atol=1e-7)
    assert np.isnan(matrix(UNIFORM)).any()


@pytest.mark.parametrize("evidence", [BALANCED, UNIFORM])
def test_the_matrix_has_the_bits_of_the_statistics(evidence: Evidence):
    statistics = SufficientStatistics.of(evidence)
    joint = joint_counts(evidence.membership, evidence.test_correct)
    expected = influence(joint, statistics.n_in, statistics.test_correct, evidence.trials).estimate
    np.testing.assert_array_equal(matrix(evidence), expected.astype(np.float32))


def test_influence_on_the_training_set_has_mem_on_its_diagonal():
    targets = Evidence(BALANCED.numbers, BALANCED.membership, BALANCED.train_correct, BALANCED.train_correct)
    mem = memorization(SufficientStatistics.of(BALANCED)).estimate
    np.testing.assert_array_equal(np.diag(matrix(targets)), mem.astype(np.float32))


@pytest.mark.slower
@given(memory=st.integers(1, 200_000))
@settings(deadline=None, max_examples=10)
def test_the_matrix_is_the_same_in_blocks_of_any_size(memory: int):
    np.testing.assert_array_equal(matrix(BALANCED, memory), matrix(BALANCED))


def test_a_memory_map_can_be_filled(tmp_path: Path):
    out = np.lib.format.open_memmap(tmp_path / "infl.npy", mode="w+", dtype=np.float32, shape=(N, Q))
    influence_matrix(PackedEvidence.of(BALANCED), out, memory=50_000)
    out.flush()
    np.testing.assert_array_equal(np.load(tmp_path / "infl.npy"), matrix(BALANCED))


def brute_force(
    evidence: Evidence, at_least: float | None, q_at_most: float | None, top: int | None, same_class: bool
) -> dict[tuple[int, int], tuple[float, float]]:
    """Pairs and their infl and q-value, from all p-values sorted."""
    statistics = SufficientStatistics.of(evidence)
    joint = joint_counts(evidence.membership, evidence.test_correct)
    infl = influence(joint, statistics.n_in, statistics.test_correct, evidence.trials).estimate.astype(np.float32)
    test = PairTest(statistics.n_in, statistics.test_correct, evidence.trials)
    pairs = [
        (i, j)
        for i in range(N)
        for j in range(Q)
        if test.defined[i] and (not same_class or labels(N)[i] == labels(Q)[j])
    ]
    i, j = np.array(pairs).T
    q = benjamini_hochberg(test.p[test.cells_of(joint[i, j], i, j)])
    ranks = {
        column: sorted((i for i, j in pairs if j == column), key=lambda i, j=column: (-infl[i, j], i))
        for column in range(Q)
    }
    found: dict[tuple[int, int], tuple[float, float]] = {}
    for (row, column), value in zip(pairs, q.tolist(), strict=True):
        rank = ranks[column].index(row)
        if (
            (at_least is None or infl[row, column] >= np.float32(at_least))
            and (q_at_most is None or value <= q_at_most)
            and (top is None or rank < top)
        ):
            found[row, column] = (float(infl[row, column]), value)
    return found


CONDITIONS = [
    (0.02, None, None),
    (-0.1, None, None),
    (None, 0.9, None),
    (0.1, 0.9, None),
    (None, None, 3),
    (0.2, 0.97, 5),
    (None, None, 1000),
    (2.0, None, None),
    (None, 1e-9, None),
]


@pytest.mark.parametrize("same_class", [True, False])
@pytest.mark.parametrize("evidence", [BALANCED, UNIFORM])
@pytest.mark.parametrize(("at_least", "q_at_most", "top"), CONDITIONS)
def test_pairs_equal_brute_force(
    evidence: Evidence, at_least: float | None, q_at_most: float | None, top: int | None, same_class: bool
):
    packed, mem = pack(evidence)
    groups = [(g.train, g.test) for g in class_groups(labels(N), labels(Q))] if same_class else None
    expected = brute_force(evidence, at_least, q_at_most, top, same_class)
    for memory in (1 << 30, 30_000):
        pairs = find_pairs(packed, mem, at_least=at_least, q_at_most=q_at_most, top=top, groups=groups, memory=memory)
        found = list(zip(pairs["train_index"].tolist(), pairs["test_index"].tolist(), strict=True))
        assert set(found) == set(expected)
        assert len(found) == len(expected)
        assert pairs["infl"].tolist() == [expected[pair][0] for pair in found]
        assert pairs["q_value"].tolist() == [expected[pair][1] for pair in found]
        np.testing.assert_array_equal(pairs["mem"], mem[pairs["train_index"]])
        assert found == sorted(found, key=lambda pair: (-expected[pair][0], pair))


def lower_tail(s: int, inside: int, correct: int, trials: int) -> float:
    """P[S < s] + P[S = s] / 2 of the hypergeometric S, from binomial coefficients."""
    lowest = max(0, inside + correct - trials)
    ways = [comb(correct, k) * comb(trials - correct, inside - k) for k in range(lowest, s + 1)]
    return float((Fraction(sum(ways)) - Fraction(ways[-1], 2)) / comb(trials, inside))


@pytest.mark.parametrize("same_class", [True, False])
@pytest.mark.parametrize("evidence", [BALANCED, UNIFORM])
@pytest.mark.parametrize(("at_least", "most", "top"), [(0.02, None, None), (0.0, None, 3), (None, 0.99, None)])
def test_harmful_pairs_equal_brute_force(
    evidence: Evidence, at_least: float | None, most: float | None, top: int | None, same_class: bool
):
    packed, mem = pack(evidence)
    trials = evidence.trials
    groups = [(g.train, g.test) for g in class_groups(labels(N), labels(Q))] if same_class else None
    infl, p, se = {}, {}, {}
    for i in range(N):
        inside = evidence.membership[:, i]
        if 0 < inside.sum() < trials:  # others are undefined
            for j in np.flatnonzero(labels(Q) == labels(N)[i]).tolist() if same_class else range(Q):
                right = evidence.test_correct[:, j]
                a, b = int(right[inside].sum()), int(right[~inside].sum())
                n, m = int(inside.sum()), trials - int(inside.sum())
                infl[i, j] = np.float32((a * m - b * n) / (n * m))
                se[i, j] = ((a / n) * (1 - a / n) / (n - 1) + (b / m) * (1 - b / m) / (m - 1)) ** 0.5 if m > 1 else 0
                p[i, j] = lower_tail(a, n, a + b, trials)
    q = dict(zip(p, benjamini_hochberg(np.array(list(p.values()))).tolist(), strict=True))
    order = sorted(infl, key=lambda pair: (infl[pair], pair))
    ranked = {j: [pair for pair in order if pair[1] == j] for j in range(Q)}
    expected = [
        pair
        for pair in order
        if (at_least is None or infl[pair] <= -np.float32(at_least))
        and (most is None or q[pair] <= most)
        and (top is None or pair in ranked[pair[1]][:top])
    ]
    assert len({infl[pair] for pair in expected}) < len(expected)  # there are ties
    for memory in (1 << 30, 30_000):
        found = find_pairs(
            packed, mem, at_least=at_least, q_at_most=most, top=top, harmful=True, groups=groups, memory=memory
        )
        pairs = list(zip(found["train_index"].tolist(), found["test_index"].tolist(), strict=True))
        assert pairs == expected
        assert found["infl"].tolist() == [infl[pair] for pair in pairs]
        assert found["q_value"] == pytest.approx([q[pair] for pair in pairs], rel=1e-9)
        known = [row for row, (i, _) in enumerate(pairs) if evidence.membership[:, i].sum() < trials - 1]
        assert found["se"][known] == pytest.approx([se[pairs[row]] for row in known], abs=1e-7)
        assert not np.signbit(found["infl"][found["infl"] == 0]).any()


def test_a_planted_harm_is_found_and_helps_no_one():
    """One training sample confuses the models about a test sample; no pair of an even coin is significant."""
    random = np.random.default_rng(5)
    correct = random.random(BALANCED.test_correct.shape) < 0.5
    correct[:, 7] = ~BALANCED.membership[:, 11]
    evidence = Evidence(BALANCED.numbers, BALANCED.membership, BALANCED.train_correct, correct)
    packed, mem = pack(evidence)
    found = find_pairs(packed, mem, q_at_most=0.01, harmful=True)
    assert (found["train_index"].tolist(), found["test_index"].tolist(), found["infl"].tolist()) == ([11], [7], [-1])
    assert (11, 7) not in zip(
        *(find_pairs(packed, mem, at_least=0.0)[n] for n in ("train_index", "test_index")), strict=True
    )
    nothing = find_pairs(packed, mem, at_least=1.5, harmful=True)
    assert all(len(column) == 0 for column in nothing.values())


def test_same_class_pairs_are_those_of_the_pairs_table():
    train, test = labels(N), labels(Q)
    table = build_tables(Counts.of(BALANCED, train, test), Provenance("a" * 16, "f" * 64, {}, {}))[1]
    groups = [(group.train, group.test) for group in class_groups(train, test)]
    pairs = find_pairs(*pack(BALANCED), at_least=PAIRS_FLOOR, groups=groups)
    for name, column in table.columns.items():
        np.testing.assert_array_equal(pairs[name].astype(column.dtype), column)


def test_many_trials_of_a_uniform_design_are_found_in_blocks_too():
    """Where p-values come from the normal approximation, pairs are still the same in blocks of any size."""
    evidence = made_evidence(N, Q, 60, design=Design(kind="uniform"))
    packed, mem = pack(evidence)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("memscore.statistics.significance.CELLS", 1000)
        whole = find_pairs(packed, mem, at_least=0.0)
        parts = find_pairs(packed, mem, at_least=0.0, memory=100_000)
    exact = find_pairs(packed, mem, at_least=0.0)
    for name, column in whole.items():
        np.testing.assert_array_equal(parts[name], column)
    np.testing.assert_allclose(whole["q_value"], exact["q_value"], rtol=0.1)
    assert (whole["q_value"] != exact["q_value"]).any()


def test_another_product_can_be_used():
    packed, mem = pack(BALANCED)
    shapes: list[tuple[int, ...]] = []

    def matmul(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        assert left.dtype == right.dtype == np.float32
        shapes.append((*left.shape, *right.shape))
        return left @ right

    pairs = find_pairs(packed, mem, at_least=0.02, matmul=matmul)
    assert shapes == [(N, 80, 80, Q)]
    on_torch = find_pairs(packed, mem, at_least=0.02, matmul=torch_matmul("cpu"), memory=40_000)
    for name, column in find_pairs(packed, mem, at_least=0.02).items():
        np.testing.assert_array_equal(pairs[name], column)
        np.testing.assert_array_equal(on_torch[name], column)


def test_some_condition_is_needed():
    with pytest.raises(InvalidInput, match="at_least"):
        find_pairs(*pack(BALANCED))


@pytest.mark.slower
def test_memory_stays_below_the_limit():
    """3,000 x 2,000 pairs of 100 trials: their S alone would be 24 MB. The tables of the test take 1.4 MB more."""
    random = np.random.default_rng(0)
    bits = random.integers(0, 256, (100, 375), np.uint8), random.integers(0, 256, (100, 250), np.uint8)
    packed, limit = PackedEvidence(*bits, 3000, 2000), 8 << 20
    out = np.empty((3000, 2000), np.float32)
    tracemalloc.start()
    try:
        influence_matrix(packed, out, memory=limit)
        assert tracemalloc.get_traced_memory()[1] < limit
        tracemalloc.reset_peak()
        find_pairs(packed, np.zeros(3000), top=2, q_at_most=0.0, memory=limit)
        assert tracemalloc.get_traced_memory()[1] < limit + (4 << 20)
    finally:
        tracemalloc.stop()


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from([-0.5, -0.0, 0.0, 0.25, 1.0])), max_size=40
    )
)
def test_pairs_are_sorted_by_infl_then_index(rows: list[tuple[int, int, float]]):
    columns = {
        "train_index": np.array([row[0] for row in rows], np.int64),
        "test_index": np.array([row[1] for row in rows], np.int64),
        "infl": np.array([row[2] for row in rows], np.float32),
    }
    order = np.lexsort((columns["test_index"], columns["train_index"], -columns["infl"]))
    found = strongest_first(columns)
    for name, column in columns.items():
        np.testing.assert_array_equal(found[name], column[order])
