"""Ranks, words, influences and rivals of a training sample."""

import numpy as np

from memscore.scores.explanation import Rival, in_words, influenced, others, places, rivals
from memscore.scores.tables import PairsTable, ScoreTable


def table() -> ScoreTable:
    columns = {name: np.full(5, np.nan) for name in ScoreTable.dtypes.keys() - ScoreTable.optional}
    columns |= {
        "mem": np.array([0.5, 0.75, np.nan, 0.0, 0.5]),
        "mem_low": np.array([0.4, 0.6, np.nan, 0.0, np.nan]),
        "mem_high": np.array([0.6, 0.9, np.nan, 0.1, np.nan]),
        "p_in": np.array([1, 1, 1, 1, np.nan]),
        "p_out": np.array([0.5, 0.25, np.nan, 1, np.nan]),
        "n_in": np.array([98, 98, 140, 98, 0]),
        "n_out": np.array([42, 42, 0, 42, 0]),
        "label": np.array([0, 1, 0, 0, 1]),
        "test_label": np.zeros(5),
        "test_infl_index": np.full(5, -1),
    }
    return ScoreTable.of(columns, {"study": "s", "trials": 140, "fingerprint": "f"})


def pairs() -> PairsTable:
    rows = [(1, 7, 0.6), (0, 7, 0.5), (2, 7, 0.4), (0, 3, 0.3), (3, 9, 0.2), (2, 3, 0.1), (4, 3, 0.05)]
    train, test, infl = zip(*rows, strict=True)
    columns = {"train_index": train, "test_index": test, "infl": infl, "se": infl, "q_value": infl, "mem": infl}
    return PairsTable.of(
        {name: np.array(values) for name, values in columns.items()}, {"study": "s", "trials": 140, "fingerprint": "f"}
    )


def test_ranks_count_who_is_memorized_more_and_an_undefined_mem_has_none():
    assert [str(rank) for rank in places(table(), 1)] == ["1 of 5", "1 of 2"]
    assert [str(rank) for rank in places(table(), 0)] == ["2 of 5 (tied with 1 other)", "1 of 3"]
    assert [(rank.rank, rank.among) for rank in places(table(), 2)] == [(None, 5), (None, 3)]


def test_a_score_in_words_tells_the_counts_behind_it():
    assert in_words(table(), 0, "cat") == (
        "Right in 98 of 98 trials that trained on it, and in 21 of 42 that did not: mem 0.500 (95 % interval 0.400 to "
        "0.600); rank 2 of 5 (tied with 1 other) in memorization, 1 of 3 in class cat."
    )
    assert "mem is undefined" in in_words(table(), 2, "cat")
    imported = in_words(table(), 4, "dog")
    assert imported.startswith("Imported without counts: mem 0.500; rank 2 of 5 (tied with 1 other) in memorization")


def test_influences_go_out_from_a_sample_and_come_from_others_beside_it():
    assert influenced(pairs(), 0).tolist() == [1, 3]
    assert others(pairs(), 0, np.array([7])).tolist() == [0, 2]


def test_rivals_share_test_samples_and_the_greatest_overlap_is_nearest():
    found = rivals(pairs(), 0, 10)
    assert found == [Rival(1, 1, 0.5), Rival(2, 2, 0.5), Rival(4, 1, 0.05)]
    assert rivals(pairs(), 0, 1) == found[:1]
    assert rivals(pairs(), 3, 10) == []


def test_rivals_may_be_those_of_pairs_that_hold_alone():
    made = pairs()
    held = made.columns | {"q_value": np.array([0.01, 0.02, 0.9, 0.9, 0.9, 0.01, 0.01], np.float32)}
    of = PairsTable.of(held, {"study": "s", "trials": 140, "fingerprint": "f"})
    assert influenced(of, 0).tolist() == [1, 3]
    assert rivals(of, 0, 10, holding=True) == [Rival(1, 1, 0.5)]
    assert rivals(made, 0, 10, holding=True) == []
    untested = PairsTable.of(held | {"q_value": np.full(7, np.nan, np.float32)}, dict(of.meta))
    assert rivals(untested, 0, 10, holding=True) == rivals(untested, 0, 10)
