"""Typical and atypical sets against the paper's definitions, written out in full."""

import numpy as np
import pytest

from memscore.errors import Damaged, InvalidInput
from memscore.scores.sets import Sets, Thresholds, split
from memscore.scores.tables import ATYPICAL, TYPICAL, PairsTable, ScoreTable, is_atypical, is_typical
from memscore.study.spec import Design
from tests.conftest import build, make_dataset, make_trials

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
