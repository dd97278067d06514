"""Tables: content, digest, encoding, and refusal of anything damaged."""

import io
import json

import numpy as np
import pytest

from memscore.errors import Damaged, FingerprintMismatch
from memscore.evidence import unpack_trials
from memscore.randomness import random_order
from memscore.spec import Design
from memscore.statistics import SufficientStatistics, influence, joint_counts, memorization
from memscore.tables import PAIRS_FLOOR, PairsTable, ScoreTable
from tests.conftest import build, make_dataset, make_trials

DESIGN = Design()


@pytest.fixture(scope="module")
def made():
    dataset = make_dataset()
    trials = make_trials(dataset, DESIGN, blocks=4)
    return dataset, trials, *build(dataset, trials, DESIGN, "a" * 16)


def test_scores_are_those_of_the_statistics(made):
    dataset, trials, scores, _ = made
    evidence = unpack_trials(trials, DESIGN, len(dataset.y_train), len(dataset.y_test))
    mem = memorization(SufficientStatistics.of(evidence))
    np.testing.assert_array_equal(scores["mem"], mem.estimate.astype(np.float32))
    np.testing.assert_array_equal(scores["se"], mem.standard_error.astype(np.float32))
    np.testing.assert_array_equal(scores["n_in"] + scores["n_out"], 40)
    np.testing.assert_allclose(scores["test_p"], evidence.test_correct.mean(axis=0), rtol=1e-6)
    assert (scores["mem_low"] <= scores["mem"] + 1e-6).all()
    assert (scores["mem"] <= scores["mem_high"] + 1e-6).all()


def test_pairs_are_all_same_class_pairs_above_the_floor(made):
    dataset, trials, scores, pairs = made
    evidence = unpack_trials(trials, DESIGN, len(dataset.y_train), len(dataset.y_test))
    statistics = SufficientStatistics.of(evidence)
    joint = joint_counts(evidence.membership, evidence.test_correct)
    infl = influence(joint, statistics.n_in, statistics.test_correct, 40).estimate
    same = dataset.y_train[:, None] == dataset.y_test[None, :]
    expected = {(i, j) for i, j in zip(*np.nonzero(same & (infl >= PAIRS_FLOOR)), strict=True)}
    assert set(zip(pairs["train_index"], pairs["test_index"], strict=True)) == expected
    np.testing.assert_allclose(pairs["infl"], infl[pairs["train_index"], pairs["test_index"]], rtol=1e-6)
    np.testing.assert_array_equal(pairs["mem"], scores["mem"][pairs["train_index"]])
    assert (np.diff(pairs["infl"]) <= 0).all()
    best = np.where(same, infl, -np.inf).max(axis=0)
    np.testing.assert_allclose(scores["test_infl_max"], best, rtol=1e-6)


def test_the_digest_does_not_depend_on_the_order_in_which_trials_finished(made):
    dataset, trials, scores, pairs = made
    shuffled = [trials[k] for k in random_order(len(trials), "shuffle")]
    again, pairs_again = build(dataset, shuffled, DESIGN, "a" * 16)
    assert again.digest == scores.digest
    assert again.encode() == scores.encode()
    assert pairs_again.digest == pairs.digest


def test_other_evidence_or_another_study_has_another_digest(made):
    dataset, trials, scores, _ = made
    assert build(dataset, trials[:30], DESIGN, "a" * 16)[0].digest != scores.digest
    assert build(dataset, trials, DESIGN, "b" * 16)[0].digest != scores.digest


@pytest.mark.parametrize("kind", [ScoreTable, PairsTable])
def test_a_table_survives_encoding(made, kind: type[ScoreTable | PairsTable]):
    table = made[2] if kind is ScoreTable else made[3]
    decoded = kind.decode(table.encode())
    assert decoded.meta == table.meta
    for name in kind.dtypes:
        np.testing.assert_array_equal(decoded[name], table[name])


def test_a_changed_byte_is_noticed_anywhere_in_the_columns(made):
    payload = made[2].encode()
    for position in range(200, len(payload) - 1500, 997):
        damaged = bytearray(payload)
        damaged[position] ^= 1
        try:
            decoded = ScoreTable.decode(bytes(damaged))
        except Damaged:
            continue
        assert decoded.meta == made[2].meta  # a byte of padding
        assert all(np.array_equal(decoded[name], made[2][name], equal_nan=True) for name in ScoreTable.dtypes)


@pytest.mark.parametrize("payload", [b"", b"PK", b"nonsense" * 100, b"\x93NUMPY\x01\x00v\x00{}"])
def test_what_is_not_a_table_is_refused(payload: bytes):
    with pytest.raises(Damaged, match="not a memscore score table"):
        ScoreTable.decode(payload)


def test_pickled_arrays_are_refused(made):
    buffer = io.BytesIO()
    columns = {**made[2].columns, "mem": np.array([{}], dtype=object)}
    np.savez(buffer, meta=np.array(json.dumps(made[2].meta)), **columns)
    with pytest.raises(Damaged):
        ScoreTable.decode(buffer.getvalue())


def test_a_table_of_another_dataset_is_refused(made):
    with pytest.raises(FingerprintMismatch, match="another dataset than 'mine'"):
        made[2].require_dataset("0" * 64, "mine")


def test_under_fitting_is_warned_of(made):
    dataset, trials, scores, _ = made
    assert scores.warnings == []
    from dataclasses import replace

    poor = [replace(trial, train_bits=bytes(len(trial.train_bits))) for trial in trials]
    warnings = build(dataset, poor, DESIGN, "a" * 16)[0].warnings
    assert len(warnings) == 1
    assert "does not interpolate" in warnings[0]


def test_undefined_mem_is_nan_and_warned_of():
    """Ten uniform trials leave some of 60 samples without a held-out trial."""
    dataset, design = make_dataset(), Design(kind="uniform", subset_ratio=0.9)
    scores, _ = build(dataset, make_trials(dataset, design, blocks=1), design, "a" * 16)
    missing = scores["n_out"] == 0
    assert missing.any()
    assert np.isnan(scores["mem"][missing]).all()
    assert any("never held out" in warning for warning in scores.warnings)
