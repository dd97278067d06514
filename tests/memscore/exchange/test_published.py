"""Published scores as files: the layouts that are read, and others refused with a sentence."""

import io
from typing import Any

import numpy as np
import pytest

from memscore.errors import InvalidInput
from memscore.exchange.feldman_zhang import published_of
from memscore.exchange.published import read_published
from memscore.study.evidence import unpack_trials
from memscore.study.spec import Design
from tests.conftest import make_dataset, make_trials

DATASET = make_dataset()
LABELS = DATASET.y_train, DATASET.y_test


def encoded(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def cscores(**change: Any) -> bytes:
    return encoded(**{"labels": DATASET.y_train, "scores": np.linspace(0, 1, 60, dtype=np.float32), **change})


def listed(**change: Any) -> bytes:
    """Three pairs: sample i of either kind is of class i modulo 3."""
    arrays = {
        "tr_idx": np.array([0, 4, 4]),
        "tt_idx": np.array([3, 1, 7]),
        "infl": np.array([0.5, 0.3, 0.1]),
        "mem": np.array([0.9, 0.6, 0.6]),
    }
    return encoded(**{**arrays, **change})


def test_the_matrix_of_influence_gives_mem_and_its_strong_pairs():
    evidence = unpack_trials(make_trials(DATASET, Design(), blocks=4), Design(), 60, 20)
    written = published_of([evidence], *LABELS)
    found = read_published("feldman-zhang", written.encode(), *LABELS)
    np.testing.assert_array_equal(found.mem, written.mem.astype(float))
    assert found.held_out_accuracy == pytest.approx(1 - np.nanmean(written.mem))
    assert found.pairs is not None
    strong = {
        (int(train), int(test)): float(matrix[a, b])
        for label, matrix in written.infl.items()
        for a, train in enumerate(written.members(label)[0])
        for b, test in enumerate(written.members(label)[1])
        if matrix[a, b] >= np.float32(0.15)
    }
    given = zip(found.pairs.train_index.tolist(), found.pairs.test_index.tolist(), strict=True)
    assert dict(zip(given, found.pairs.infl.tolist(), strict=True)) == strong


def test_a_list_of_pairs_gives_the_mem_of_their_training_samples():
    found = read_published("feldman-zhang", listed(), *LABELS)
    assert np.flatnonzero(np.isfinite(found.mem)).tolist() == [0, 4]
    assert (found.mem[0], found.mem[4]) == (0.9, 0.6)
    assert found.held_out_accuracy is None
    assert found.pairs is not None
    assert found.pairs.infl.tolist() == [0.5, 0.3, 0.1]


def test_a_list_for_cifar_100_comes_with_the_histogram_of_all_its_samples():
    labels = np.tile(np.arange(100, dtype=np.int32), 500), np.arange(100, dtype=np.int32)
    pairs = {"tr_idx": np.array([0, 104]), "tt_idx": np.array([0, 4]), "infl": np.ones(2), "mem": np.ones(2)}
    found = read_published("feldman-zhang", encoded(**pairs), *labels)
    assert found.histogram is not None
    assert len(found.histogram) == 18
    assert sum(found.histogram) == 50_000
    centres = (np.arange(18) + 0.5) / 18
    assert found.held_out_accuracy == pytest.approx(1 - centres @ found.histogram / 50_000, abs=5e-4)
    assert read_published("feldman-zhang", listed(), *LABELS).histogram is None


def test_c_scores_are_held_out_accuracies():
    found = read_published("cscores", cscores(), *LABELS)
    np.testing.assert_allclose(found.mem, 1 - np.linspace(0, 1, 60), atol=1e-6)
    assert found.held_out_accuracy == pytest.approx(0.5)
    assert found.pairs is None


@pytest.mark.parametrize(
    ("kind", "payload", "sentence"),
    [
        ("carlini", cscores(), "must be one of feldman-zhang, cscores, not 'carlini'"),
        ("cscores", cscores(labels=DATASET.y_train[::-1].copy()), "samples seem to be in a different order"),
        ("cscores", cscores(labels=DATASET.y_train[:-1]), "59 training samples and the dataset 60"),
        ("cscores", cscores(scores=np.zeros(59)), "scores has the shape [59], not [60]"),
        ("cscores", cscores(scores=np.full(60, 1.5)), "60 values of scores are not between 0 and 1"),
        ("cscores", cscores(scores=np.full(60, np.nan)), "60 values of scores are not between 0 and 1"),
        ("cscores", cscores(scores=np.arange(60)), "scores holds whole numbers"),
        ("cscores", b"x", "not a usable C-score file"),
        ("cscores", listed(), "the array labels is missing"),
        ("feldman-zhang", cscores(), "the array tr_labels is missing"),
        ("feldman-zhang", listed(tt_idx=np.array([3, 1, 20])), "an index in tt_idx is not among the 20 samples"),
        ("feldman-zhang", listed(tr_idx=np.array([-1, 4, 4])), "an index in tr_idx is not among the 60 samples"),
        ("feldman-zhang", listed(tt_idx=np.array([4, 1, 7])), "1 of 3 pairs are of two classes"),
        ("feldman-zhang", listed(infl=np.array([0.5, 7, 0.1])), "1 values of infl are not between -1 and 1"),
        ("feldman-zhang", listed(mem=np.array([0.5])), "mem has the shape [1], not [3]"),
        ("feldman-zhang", listed(tr_idx=np.empty(0, int)), "tr_idx is empty"),
    ],
)
def test_other_files_are_refused(kind: str, payload: bytes, sentence: str):
    with pytest.raises(InvalidInput) as error:
        read_published(kind, payload, *LABELS)
    assert sentence in str(error.value)
