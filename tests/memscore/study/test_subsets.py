"""Subsets: balance, randomness, and dependence on (seed, block) alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memscore.errors import InvalidInput
from memscore.study.bits import digest, pack
from memscore.study.spec import BLOCK, Design
from memscore.study.subsets import Unit, block_membership, grouped, units
from tests.conftest import QUICK


@given(
    samples=st.integers(10, 400),
    tenths=st.integers(1, 9),
    seed=st.integers(0, 2**63 - 1),
    block=st.integers(0, 10**6),
)
@settings(deadline=None)
def test_a_balanced_block_holds_every_sample_out_equally_often(samples: int, tenths: int, seed: int, block: int):
    membership = block_membership(Design(subset_ratio=tenths / 10, seed=seed), samples, block)
    assert membership.shape == (BLOCK, samples)
    assert ((~membership).sum(axis=0) == BLOCK - tenths).all()
    sizes = membership.sum(axis=1)
    assert sizes.max() - sizes.min() <= 1


def test_digits_block_has_the_sizes_of_the_design():
    membership = block_membership(Design(), 1437, 0)
    assert set(membership.sum(axis=1)) == {1005, 1006}
    assert (membership.sum(axis=0) == 7).all()


def test_a_block_never_changes():
    """The digest pins the drawing of subsets: stored evidence depends on it for good."""
    assert digest(pack(block_membership(Design(seed=5), 1437, 3))) == (
        "a79141259a8e77aa6873daa5d666be3be0280b3465aeaa985d671d96a889e5c2"
    )


def test_blocks_and_seeds_are_unrelated():
    blocks = [block_membership(Design(seed=seed), 1000, block) for seed in (0, 1) for block in (0, 1)]
    for one in range(4):
        for other in range(one):
            agreement = (blocks[one] == blocks[other]).mean()
            assert agreement == pytest.approx(0.7**2 + 0.3**2, abs=0.02)


def test_memberships_of_two_samples_in_a_balanced_block_are_nearly_independent():
    """Held out together with chance 3/10 * 2/9 each way: that of independent uniform triples, 0.09."""
    together = [
        (~membership[:, 0] & ~membership[:, 1]).mean()
        for membership in (block_membership(Design(seed=seed), 200, 0) for seed in range(600))
    ]
    assert np.mean(together) == pytest.approx(0.09, abs=0.01)


@pytest.mark.slower
def test_every_sample_is_equally_likely_in_each_trial():
    share = np.mean([block_membership(Design(seed=seed), 15, 0) for seed in range(2000)], axis=0)
    assert np.abs(share - 0.7).max() < 0.05  # five standard errors


def test_uniform_subsets_have_one_size():
    membership = block_membership(Design(kind="uniform", subset_ratio=0.55), 101, 2)
    assert (membership.sum(axis=1) == round(0.55 * 101)).all()


@pytest.mark.parametrize("kind", ["balanced", "uniform"])
def test_too_few_samples_are_refused(kind: str):
    with pytest.raises(InvalidInput, match="training samples"):
        block_membership(Design.model_validate({"kind": kind, "subset_ratio": 0.9}), 3, 0)


def test_blocks_are_grouped_and_full_trials_are_not():
    missing = units(QUICK, 60, present=range(10, 20)) + units(QUICK, 5, full=True)
    found = list(grouped(missing, 4))
    assert [str(unit) for unit in found] == ["trials 0 to 9, 20 to 49", "trials 50 to 59", "full trials 0 to 4"]
    assert [len(unit.blocks) for unit in found] == [4, 1, 1]
    assert [block for unit in found for block in unit.blocks] == missing
    assert list(grouped(missing, 1)) == missing


def test_single_trials_stay_single():
    missing = units(QUICK.model_copy(update={"network": "cnn"}), 3)
    assert list(grouped(missing, 4)) == missing
    assert [str(unit) for unit in missing] == ["trial 0", "trial 1", "trial 2"]
    assert missing[0].blocks == [Unit((0,))]
