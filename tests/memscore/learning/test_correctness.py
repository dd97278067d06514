"""When a network is right: also where its logits are no numbers."""

import pytest
import torch

from memscore.learning import correctness
from memscore.learning.correctness import is_correct, margins, predictions

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


def test_margins_are_the_true_class_s_lead():
    assert margins(LOGITS, LABELS).tolist() == [1, -3, 0]
    assert margins(torch.stack([LOGITS, LOGITS + 5]), LABELS).tolist() == [[1, -3, 0]] * 2
    assert margins(LOGITS.to(torch.float64), LABELS).dtype == torch.float32


def test_margins_of_half_precision_are_not_rounded_twice():
    logits = torch.tensor([[256.0, 0.5078125]], dtype=torch.bfloat16)
    assert margins(logits, torch.tensor([0])).tolist() == [255.4921875]


def test_margins_of_many_samples_are_found_a_part_at_a_time(monkeypatch: pytest.MonkeyPatch):
    logits, labels = torch.randn(3, 50, 7), torch.arange(50) % 7
    whole = margins(logits, labels)
    monkeypatch.setattr(correctness, "ROWS", 8)
    assert torch.equal(margins(logits, labels), whole)
    assert torch.equal(whole > 0, predictions(logits) == labels)
