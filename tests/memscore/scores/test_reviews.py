"""What several reviewers decide together."""

import pytest

from memscore.scores.reviews import Decided, Opinion, changes, decided


@pytest.mark.parametrize(
    ("opinions", "decision"),
    [
        ([("fine", None)], Decided("fine")),
        ([("unsure", None), ("unsure", None)], Decided("unsure")),
        ([("error", 3)], Decided("relabel", 3)),
        ([("error", None)], Decided("leave_out")),
        ([("error", 3), ("unsure", None)], Decided("relabel", 3)),
        ([("error", 3), ("error", 3)], Decided("relabel", 3)),
        ([("error", 3), ("error", 4)], Decided("disputed")),
        ([("error", 3), ("error", None)], Decided("disputed")),
        ([("error", 3), ("fine", None)], Decided("disputed")),
        ([("error", 0), ("error", 0), ("unsure", None)], Decided("relabel", 0)),
    ],
)
def test_reviewers_must_agree_unless_they_are_unsure(opinions: list[tuple], decision: Decided):
    given = [Opinion(17, verdict, label) for verdict, label in opinions]
    assert decided(given) == decided(reversed(given)) == {17: decision}


def test_only_agreed_errors_change_a_dataset():
    given = [
        *(Opinion(9, "error", 2), Opinion(4, "error"), Opinion(1, "fine"), Opinion(3, "unsure")),
        *(Opinion(5, "error", 1), Opinion(5, "fine")),
    ]
    decisions = decided(given)
    assert list(decisions) == [1, 3, 4, 5, 9]
    assert changes(decisions) == {4: None, 9: 2}
    assert changes(decided([])) == {}
