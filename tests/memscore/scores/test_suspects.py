"""Label errors, near-duplicates and groups, each on data in which they were put on purpose."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from memscore.errors import InvalidInput
from memscore.scores.label_errors import LabelErrors
from memscore.scores.suspects import duplicates, group_memorization, note_on, read_groups, suspects
from memscore.scores.tables import PairsTable, ScoreTable
from memscore.statistics.estimates import SufficientStatistics, memorization, newcombe
from memscore.study.evidence import pack_trial, unpack_trials
from memscore.study.spec import BLOCK, Design
from memscore.study.subsets import block_membership
from tests.conftest import build, make_dataset

DESIGN = Design()
TWINS = {"twins": np.array([3, 33]), "others": np.array([4, 34])}


def simulate(blocks: int = 40, seed: int = 0, design: Design = DESIGN):
    """Evidence of 60 training samples: right where trained on, else mostly right, but for

    sample 6, a wrong label: never right unless trained on; test sample 0 is its copy: right only with it;
    samples 3 and 33, copies of each other and unlike anything else: right where either was trained on.
    """
    dataset = make_dataset()
    random = np.random.default_rng(seed)
    trials = []
    for block in range(blocks):
        for k, member in enumerate(block_membership(design, 60, block)):
            correct = member | (random.random(60) < 0.95)
            correct[6] = member[6]
            correct[[3, 33]] = member[3] | member[33]
            test = random.random(20) < 0.95
            test[0] = member[6]
            number = block * BLOCK + k
            trials.append(pack_trial(number, member, correct, test, device="cpu", code_version="test", seconds=1.0))
    return dataset, trials


@pytest.fixture(scope="module")
def made():
    dataset, trials = simulate()
    return *build(dataset, trials, DESIGN, "a" * 16), unpack_trials(trials, DESIGN, 60, 20)


def test_the_wrong_label_is_the_first_suspect(made):
    scores = made[0]
    order = suspects(scores, 60)
    assert order[0] == 6
    assert len(order) == 60
    assert (np.diff(scores["mem_low"][order]) <= 0).all()
    assert list(suspects(scores, 3)) == list(order[:3])


def test_the_note_says_how_many_look_mislabelled():
    errors = LabelErrors(np.arange(9), np.zeros(9), 4, 0.95, 0.97, 5.0, [])
    assert note_on(errors).startswith("4 samples look mislabelled, with a probability of 97 % on average. ")
    assert note_on(replace(errors, suspected=1)).startswith("1 sample looks mislabelled, ")
    assert "No group of samples is expected" in note_on(replace(errors, suspected=0, precision=None))
    assert "held-out trial" not in note_on(errors)
    assert "on average. 1 more sample is assigned to another class by every" in note_on(replace(errors, contradicted=1))
    assert "labels. 1,234 more samples are" in note_on(replace(errors, contradicted=1234, suspected=0, precision=None))
    assert "New trials record predictions" in note_on(replace(errors, suspected=None, precision=None))


def test_few_trials_do_not_make_a_suspect():
    columns = {
        name: np.zeros(4 if name.startswith("test_") else 3) for name in ScoreTable.dtypes.keys() - ScoreTable.optional
    }
    columns |= {"mem": np.array([1.0, 0.9, np.nan]), "mem_low": np.array([0.2, 0.85, np.nan])}
    meta = {"study": "s", "trials": 10, "fingerprint": "f"}
    assert list(suspects(ScoreTable.of(columns, meta), 5)) == [1, 0]
    imported = ScoreTable.of(columns | {"mem_low": np.full(3, np.nan)}, meta)
    assert list(suspects(imported, 5)) == [0, 1]


def test_the_copy_in_the_test_set_is_found(made):
    pairs: PairsTable = made[1]
    rows = duplicates(pairs)
    assert [(pairs["train_index"][row], pairs["test_index"][row]) for row in rows] == [(6, 0)]
    assert len(duplicates(pairs, 0.02, 0)) > 1


def test_twins_hide_each_other_and_are_found_as_a_group(made):
    evidence = made[2]
    mem = memorization(SufficientStatistics.of(evidence)).estimate
    np.testing.assert_allclose(mem[[3, 33]], 0.3, atol=0.1)  # without one, 30 % of the trials lack the other too
    twins, others = group_memorization([evidence], TWINS, 0.7)
    np.testing.assert_array_equal(twins.scores.estimate, [1, 1])
    assert (twins.scores.low > 0.85).all()
    assert (np.abs(others.scores.estimate - 0.05) < 0.15).all()
    assert twins.n_all == (evidence.membership[:, 3] & evidence.membership[:, 33]).sum()
    assert twins.n_none == (~evidence.membership[:, 3] & ~evidence.membership[:, 33]).sum()
    assert twins.n_all / 400 == pytest.approx(twins.expected_all, abs=0.05)
    assert twins.n_none / 400 == pytest.approx(twins.expected_none, abs=0.05)
    assert (twins.expected_all, twins.expected_none) == pytest.approx((0.49, 0.09))
    assert twins.warning is None


def test_with_larger_subsets_twins_are_hidden_more():
    design = Design(subset_ratio=0.9)
    _, trials = simulate(design=design)
    evidence = unpack_trials(trials, design, 60, 20)
    mem = memorization(SufficientStatistics.of(evidence)).estimate
    assert (mem[[3, 33]] < 0.2).all()
    twins = group_memorization([evidence], TWINS, 0.9)[0]
    np.testing.assert_array_equal(twins.scores.estimate, [1, 1])
    assert 0 < twins.n_none < 20


def test_parts_of_the_evidence_add_up(made):
    evidence = made[2]
    whole = group_memorization([evidence], TWINS, 0.7)
    parts = [evidence.select(slice(start, start + 100)) for start in range(0, 400, 100)]
    for one, other in zip(whole, group_memorization(parts, TWINS, 0.7), strict=True):
        np.testing.assert_array_equal(one.scores.low, other.scores.low)
        assert (one.n_all, one.n_none) == (other.n_all, other.n_none)
    one = whole[0]
    ones, zeros = np.array([one.n_all] * 2), np.zeros(2, np.int64)
    low, high = newcombe(ones, ones, zeros, np.array([one.n_none] * 2))
    np.testing.assert_allclose([one.scores.low, one.scores.high], [low, high])


def test_a_group_of_one_is_its_sample(made):
    evidence = made[2]
    mem = memorization(SufficientStatistics.of(evidence))
    (group,) = group_memorization([evidence], {"one": np.array([17])}, 0.7)
    np.testing.assert_array_equal(group.scores.estimate, mem.estimate[[17]])
    np.testing.assert_array_equal(group.scores.low, mem.low[[17]])


def test_a_group_too_large_is_undefined_and_said_to_be(made):
    (group,) = group_memorization([made[2]], {"many": np.arange(20)}, 0.7)
    assert group.n_none == 0
    assert np.isnan(group.scores.estimate).all()
    assert group.warning is not None
    assert "no trial trained on" in group.warning
    (nothing,) = group_memorization([], {"two": np.array([0, 1])}, 0.7)
    assert nothing.warning is not None
    assert "trained on all of its 2 members; about one in 2 does" in nothing.warning


def test_groups_are_read(tmp_path: Path):
    path = tmp_path / "groups.csv"
    path.write_text("\ufeffindex,group,note\n33,twins,x\n3,twins,y\n4,other,\n3,other,\n")
    groups = read_groups(path, 60)
    assert {name: members.tolist() for name, members in groups.items()} == {"twins": [3, 33], "other": [3, 4]}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "names the columns index and group"),
        ("index,name\n1,a\n", "names the columns index and group"),
        ("index,group\n", "no rows below its header"),
        ("index,group\n1,a\nx,a\n", "line 3: the index 'x' is not a whole number"),
        ("index,group\n1.5,a\n", "line 2: the index '1.5' is not"),
        ("index,group\n60,a\n", "line 2: there is no training sample 60; indices go from 0 to 59"),
        ("index,group\n-1,a\n", "there is no training sample -1"),
        ("index,group\n1\n", "line 2: the group has no name"),
        ("index,group\n1,a\n1,b\n1,a\n", "line 4: sample 1 is already in group 'a'"),
        ("index,group\n1,\xff\n", "cannot be read"),
    ],
)
def test_wrong_groups_are_refused_with_the_line(tmp_path: Path, text: str, sentence: str):
    path = tmp_path / "groups.csv"
    with path.open("w", encoding="latin-1") as file:
        file.write(text)
    with pytest.raises(InvalidInput) as error:
        read_groups(path, 60)
    assert sentence in str(error.value)
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_groups(tmp_path / "nothing.csv", 60)
