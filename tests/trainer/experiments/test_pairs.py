"""Figure 8 on pairs whose likeness is known."""

import numpy as np
import pytest

from tests.trainer.experiments.synthetic_study import Pair, like, made, noise, study, words

COUNT, STRONG = 60, 0.6
TRAIN = noise(COUNT, 5)
PAIRS: list[Pair] = [(i, i, STRONG - i / 1000, 1e-6) for i in range(COUNT)]


def _study(test_images: np.ndarray, pairs: list[Pair] = PAIRS, **given: object):
    whole = {"mem": np.full(COUNT, 0.9), "images": TRAIN, "test_images": test_images, "test_p": 0.7, **given}
    return study(pairs=pairs, **whole)  # pyright: ignore[reportArgumentType]


def test_partners_that_are_nearly_the_same_are_found():
    artifact = made("fig8", _study(like(TRAIN, 6)))
    assert words(artifact) == ["confirmed", "confirmed", "confirmed"]
    assert list(artifact.figures) == ["fig8-fashion-5"]


def test_partners_that_are_unlike_do_not_confirm():
    verdicts = made("fig8", _study(noise(COUNT, 7))).verdicts
    assert [one.verdict for one in verdicts[:2]] == ["undecided", "contradicted"]
    assert verdicts[0].value == pytest.approx(0.5, abs=0.2)


def test_accuracy_without_the_training_image_follows_from_that_of_all_trials():
    """0.7 in 700 of 1000 trials with infl 0.6: 0.7 = 0.7 (p + 0.6) + 0.3 p, so p = 0.28."""
    row = made("fig8", _study(TRAIN)).numbers[0]
    assert row["right without"] == pytest.approx(0.28)
    assert words(made("fig8", _study(TRAIN, test_p=1.0)))[2] == "contradicted"


def test_only_significant_pairs_of_one_class_above_both_bounds_are_taken():
    pairs = [
        (0, 0, 0.6, 1e-6),
        (1, 1, 0.6, 0.2),  # chance
        (2, 3, 0.6, 1e-6),  # of two classes
        (3, 3, 0.1, 1e-6),
        (4, 4, 0.6, 1e-6),  # whose mem is low
    ]
    mem = np.where(np.arange(COUNT) == 4, 0.1, 0.9)
    artifact = made("fig8", _study(TRAIN, pairs, mem=mem))
    assert [(row["training sample"], row["test sample"]) for row in artifact.numbers] == [(0, 0)]
    assert "| 2 | 1 | 1 |" in artifact.tables[0]


def test_each_image_counts_once_in_its_strongest_pair():
    pairs = [(0, 0, 0.6, 1e-6), (0, 2, 0.5, 1e-6), (2, 0, 0.5, 1e-6), (2, 2, 0.4, 1e-6)]
    counted = [row["counted"] for row in made("fig8", _study(TRAIN, pairs)).numbers]
    assert counted == [True, False, False, True]


def test_without_pairs_nothing_is_decided():
    artifact = made("fig8", _study(TRAIN, []))
    assert words(artifact) == ["not testable"] * 3
    assert not artifact.figures


def test_a_pair_without_other_atypical_images_cannot_be_ranked():
    mem = np.where(np.arange(COUNT) == 0, 0.9, 0.0)
    assert words(made("fig8", _study(TRAIN, PAIRS[:1], mem=mem)))[:2] == ["not testable"] * 2
