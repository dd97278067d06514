"""Figure 6 on images whose classes are known to lie apart or not."""

import numpy as np

from tests.trainer.experiments.synthetic_study import like, made, noise, study, words
from trainer.experiments.kinds.examples import AROUND, EACH, LEVELS

CLASSES, MEMBERS = 3, 40
LABELS = np.repeat(np.arange(CLASSES), MEMBERS)
MEM = np.tile(np.repeat(LEVELS, [30, 4, 6]), CLASSES)


def _images(*, memorized_elsewhere: bool) -> np.ndarray:
    """Images like the prototype of their class; or those with mem near 1 like that of the next one."""
    looks = np.where((MEM > 0.9) & memorized_elsewhere, (LABELS + 1) % CLASSES, LABELS)
    return like(noise(CLASSES, 3)[looks], 4)


def test_memorized_images_that_look_like_another_class_are_found():
    artifact = made("fig6", study(MEM, labels=LABELS, images=_images(memorized_elsewhere=True)))
    assert words(artifact) == ["confirmed"]
    assert list(artifact.figures) == ["fig6-fashion-5"]


def test_memorized_images_that_look_like_their_class_do_not_confirm():
    assert words(made("fig6", study(MEM, labels=LABELS, images=_images(memorized_elsewhere=False)))) == ["undecided"]


def test_the_shown_ones_are_near_their_level_and_of_each_class():
    rows = made("fig6", study(MEM, labels=LABELS)).numbers
    assert len(rows) == EACH * len(LEVELS) * CLASSES
    assert all(min(abs(row["mem"] - level) for level in LEVELS) <= AROUND for row in rows)
    assert {row["class"] for row in rows} == {"0", "1", "2"}


def test_without_samples_at_one_end_nothing_is_decided():
    assert words(made("fig6", study(np.zeros(40)))) == ["not testable"]
