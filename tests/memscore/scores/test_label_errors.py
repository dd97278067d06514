"""Probabilities of wrong labels from votes that were made up, where it is known which labels are wrong."""

import numpy as np
import pytest

from memscore.scores.label_errors import GivenAndPredicted, label_errors
from memscore.scores.tables import ScoreTable

CLASSES = 6
META = {"study": "s", "trials": 100, "fingerprint": "f"}


def made(
    samples: int = 3000, errors: float = 0.1, seed: int = 0, *, next_class: bool = False, held_out: int = 30
) -> tuple[ScoreTable, np.ndarray]:
    """Scores from some held-out trials, and which labels are wrong: a share of `errors`, drawn for images of all kinds.

    One sample in 20 looks like another class without being of it; what trials agree on less has smaller margins.
    """
    random = np.random.default_rng(seed)
    true = np.arange(samples) % CLASSES
    other = (true + random.integers(1, CLASSES, samples)) % CLASSES
    wrong = random.random(samples) < errors
    step = 1 if next_class else random.integers(1, CLASSES, samples)
    given = np.where(wrong, (true + step) % CLASSES, true)
    hard = random.random(samples) < 0.05
    looks = np.where(hard, other, true)
    certain = np.where(hard, random.uniform(-0.3, 1, samples), random.normal(3, 1, samples))
    share = np.rint(held_out / (1 + np.exp(-2 * certain.clip(-1)))) / held_out
    right = looks == given
    p_out = np.where(right, share, (1 - share) * (true == given))
    margin = np.where(right, 1, -1) * certain * random.uniform(1.5, 2.5, samples) - 3 * (~right & wrong)
    columns = {
        "label": given,
        "p_out": p_out,
        "vote_label": np.where(right, np.where(share < 1, other, -1), looks),
        "vote_share": np.where(right, (1 - share), share),
        "margin_out": margin,
        "mem": 1 - p_out,
        "mem_low": 1 - p_out - 0.2,
    }
    rest = {
        name: np.zeros(4 if name.startswith("test_") else samples)
        for name in ScoreTable.dtypes.keys() - ScoreTable.optional - columns.keys()
    }
    none = {"test_vote_label": np.full(4, -1), "test_vote_share": np.zeros(4)}
    return ScoreTable.of({**rest, **none, **columns}, META), wrong & (looks != given)


@pytest.mark.parametrize("next_class", [False, True])
@pytest.mark.parametrize("errors", [0.03, 0.1, 0.2])
def test_about_as_many_are_suspected_as_are_wrong(errors: float, next_class: bool):
    scores, wrong = made(errors=errors, next_class=next_class)
    found = label_errors(scores)
    assert found.suspected is not None
    suspected = found.order[: found.suspected]
    assert wrong[suspected].mean() >= 0.85
    assert wrong[suspected].sum() >= 0.65 * wrong.sum()
    assert found.precision is not None
    assert 0.95 <= found.precision < 1
    assert found.expected == pytest.approx(wrong.sum(), rel=0.3)


@pytest.mark.parametrize("held_out", [6, 15, 30])
@pytest.mark.parametrize("next_class", [False, True])
@pytest.mark.parametrize("errors", [0.03, 0.1, 0.2])
def test_labels_that_trials_contradict_are_as_often_wrong_as_expected(errors: float, next_class: bool, held_out: int):
    """Also where the image is ambiguous, so that a wrong label is not far behind the true one."""
    scores, wrong = made(errors=errors, next_class=next_class, held_out=held_out)
    probability = label_errors(scores).label_error
    contradicted = probability > 0
    assert probability.sum() == pytest.approx(wrong.sum(), rel=0.1)
    assert wrong[contradicted & (probability <= 0.02)].mean() <= 0.04
    assert wrong[probability >= 0.9].mean() >= 0.96


def test_right_labels_are_not_suspected():
    """5 % of the samples look like another class."""
    scores, _ = made(errors=0)
    found = label_errors(scores)
    assert found.suspected is not None
    assert found.suspected <= 15


def test_the_probability_falls_along_the_order():
    scores, wrong = made()
    found = label_errors(scores)
    along = found.label_error[found.order]
    assert (np.diff(along) <= 0).all()
    tied = np.diff(along) == 0
    assert (np.diff(scores["margin_out"][found.order])[tied] >= 0).all()
    assert 0 <= along.min() <= along.max() <= 1
    assert found.suspected is not None
    assert found.cutoff == along[found.suspected - 1]
    assert found.expected == pytest.approx(along.sum())
    for part in (along > 0.9, along < 0.1):
        assert along[part].mean() == pytest.approx(wrong[found.order[part]].mean(), abs=0.08)


def test_a_higher_precision_suspects_fewer():
    scores, _ = made()
    counts = [label_errors(scores, precision).suspected or 0 for precision in (0.5, 0.8, 0.9, 0.99)]
    assert counts == sorted(counts, reverse=True)
    scores, _ = made(next_class=True)
    assert (label_errors(scores, 0.5).suspected or 0) >= (label_errors(scores, 0.999).suspected or 0) > 0


def test_samples_that_no_held_out_trial_agrees_with_are_counted_beyond_the_suspected_ones():
    scores, _ = made(held_out=6)
    for precision in (0.5, 0.9, 0.999):
        found = label_errors(scores, precision)
        unanimous = np.isfinite(scores["margin_out"]) & (scores["vote_share"] == 1)
        assert found.contradicted == int((unanimous & ~found.suspects).sum())
    assert found.contradicted > 0


def test_the_confusion_counts_the_suspected_by_given_and_predicted_class():
    scores, _ = made(next_class=True)
    found = label_errors(scores)
    suspected = found.order[: found.suspected]
    assert sum(one.count for one in found.confusion) == found.suspected
    counts = [one.count for one in found.confusion]
    assert counts == sorted(counts, reverse=True)
    for one in found.confusion[:CLASSES]:
        assert one.given == (one.predicted + 1) % CLASSES
        both = (scores["label"][suspected] == one.given) & (scores["vote_label"][suspected] == one.predicted)
        assert one == GivenAndPredicted(one.given, one.predicted, int(both.sum()))


def test_the_order_of_the_samples_does_not_matter():
    scores, _ = made()
    order = np.random.default_rng(1).permutation(len(scores))
    train = {name: column[order] for name, column in scores.columns.items() if not name.startswith("test_")}
    shuffled = ScoreTable.of({**scores.columns, **train}, META)
    np.testing.assert_allclose(label_errors(shuffled).label_error, label_errors(scores).label_error[order], atol=1e-6)


def test_without_votes_samples_are_ranked_by_memorization():
    scores, _ = made()
    old = ScoreTable.of({name: scores[name] for name in ScoreTable.dtypes.keys() - ScoreTable.optional}, META)
    found = label_errors(old)
    assert (np.diff(scores["mem_low"][found.order]) <= 0).all()
    assert np.isnan(found.label_error).all()
    assert (found.suspected, found.precision, found.cutoff, found.expected) == (None, None, None, None)
    assert found.confusion == []


def test_samples_without_votes_come_last():
    """In a study that began with trials of bits, some samples may lack held-out trials with margins."""
    scores, _ = made(600)
    margins = scores["margin_out"].copy()
    margins[[5, 7]] = np.nan
    found = label_errors(ScoreTable.of({**scores.columns, "margin_out": margins}, META))
    assert sorted(found.order[-2:]) == [5, 7]
    assert sorted(found.order) == list(range(600))
    assert np.isnan(found.label_error[[5, 7]]).all()


@pytest.mark.parametrize("samples", [1, 2, 7])
def test_few_samples_are_no_error(samples: int):
    found = label_errors(made(samples)[0])
    assert len(found.order) == samples
    everywhere = made(60)[0]
    lost = {"p_out": np.zeros(60), "vote_label": (everywhere["label"] + 1) % 3, "vote_share": np.ones(60)}
    assert label_errors(ScoreTable.of({**everywhere.columns, **lost, "margin_out": -np.ones(60)}, META)).suspected == 0
