"""When a network is right: also where its logits are no numbers."""

import pytest
import torch

from memscore.learning.correctness import is_correct

LABELS = torch.tensor([0, 1, 0])
LOGITS = torch.tensor([[2.0, 1, 0], [0, 0, 3], [1, 1, 0]])


def test_the_largest_logit_decides_and_the_lowest_class_wins_a_tie():
    assert is_correct(LOGITS, LABELS).tolist() == [True, False, True]


def test_stacked_models_share_labels():
    stacked = torch.stack([LOGITS, LOGITS.flip(0)])
    assert is_correct(stacked, LABELS).tolist() == [[True, False, True], [True, False, True]]


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_sample_with_a_logit_that_is_not_finite_is_wrong_whatever_its_label(value: float, place: int):
    for label in range(3):
        logits = LOGITS.clone()
        logits[0, place] = value
        assert is_correct(logits, torch.tensor([label, 1, 0])).tolist() == [False, False, True]
        assert is_correct(torch.full((3, 3), value), torch.tensor([0, 1, 2])).tolist() == [False] * 3
