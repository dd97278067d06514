"""Which samples are trained on, in what order: by hand, and as properties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from memscore.errors import InvalidInput
from trainer.config import TrainConfig
from trainer.samples import SampleSplit, batch_slices, choose_samples, epoch_order

LABELS = np.repeat(np.arange(4), 50).astype(np.int32)
MEM = np.tile(np.array([0.0, 0.01, 0.1, 0.5, np.nan], np.float32), 40)


def chosen(**fields: object) -> SampleSplit:
    return choose_samples(LABELS, MEM, TrainConfig.model_validate({"method": "pgd", **fields}))


def test_a_share_of_each_class_is_held_out():
    samples = chosen(validation=0.1)
    assert np.bincount(LABELS[samples.validation]).tolist() == [5, 5, 5, 5]
    assert not np.intersect1d(samples.train, samples.validation).size
    assert len(samples.train) + len(samples.validation) == len(LABELS)
    assert chosen(validation=0.001).validation.size == 4  # one of each class at least
    assert chosen(validation=0, select_on="test").validation.size == 0


@pytest.mark.parametrize(("share", "atypical"), [(0, 0), (0.2, 8), (1, 40)])
def test_typical_samples_and_a_share_of_the_atypical_ones_are_kept(share: float, atypical: int):
    samples = chosen(keep_atypical=share)
    kept = np.concatenate([samples.train, samples.validation])
    assert (MEM[kept] > 0.15).sum() == atypical
    assert (MEM[kept] < 0.02).sum() == 80
    assert len(kept) == 80 + atypical  # nothing between, nothing unknown


def test_sets_of_different_shares_can_have_one_size():
    samples = chosen(keep_atypical=1, match_size=0)
    kept = np.concatenate([samples.train, samples.validation])
    assert len(kept) == 80
    assert 10 < (MEM[kept] > 0.15).sum() < 40


def test_the_smaller_share_is_a_part_of_the_larger_one():
    small, large = (chosen(keep_atypical=share, validation=0, select_on="test").train for share in (0.2, 0.6))
    assert set(small) < set(large)


def test_the_most_memorized_are_left_out():
    mem = np.linspace(0, 1, len(LABELS), dtype=np.float32)
    mem[:3] = np.nan
    config = TrainConfig(method="pgd", leave_out=0.2)
    samples, every = (choose_samples(LABELS, mem, one) for one in (config, TrainConfig(method="pgd")))
    assert np.array_equal(samples.validation, every.validation)
    out = np.setdiff1d(every.train, samples.train)
    assert len(out) == round(0.2 * len(every.train))
    assert np.nanmin(mem[out]) > np.nanmax(mem[samples.train])


def test_leaving_out_at_random_takes_as_many_of_each_class():
    mem = np.where(LABELS == 2, 0.9, np.where(LABELS == 1, 0.5, 0.1)).astype(np.float32)
    by_mem, at_random, every = (
        choose_samples(LABELS, mem, TrainConfig.model_validate({"method": "pgd", **fields})).train
        for fields in ({"leave_out": 0.3}, {"leave_out": 0.3, "leave_out_by": "random"}, {})
    )
    assert np.bincount(LABELS[by_mem]).tolist() == np.bincount(LABELS[at_random]).tolist() == [45, 36, 0, 45]
    assert set(by_mem) != set(at_random)
    assert set(at_random) < set(every)


def test_unknown_mem_is_never_left_out():
    mem = np.full(len(LABELS), np.nan, np.float32)
    mem[:10] = 0.5
    for by in ("mem", "random"):
        fields = {"method": "pgd", "leave_out": 0.04, "leave_out_by": by, "validation": 0, "select_on": "test"}
        samples = choose_samples(LABELS, mem, TrainConfig.model_validate(fields))
        out = np.setdiff1d(np.arange(len(LABELS)), samples.train)
        assert len(out) == 8
        assert out.max() < 10


@pytest.mark.parametrize(
    ("share", "message"),
    [
        (0.1, "leave_out=0.1 is more than the 10 samples of known mem among the 180 training samples"),
        (0.0001, "leave_out=0.0001 is none of the 180 training samples"),
    ],
)
def test_a_share_that_cannot_be_left_out_is_refused(share: float, message: str):
    mem = np.full(len(LABELS), np.nan, np.float32)
    mem[:10] = 0.5
    with pytest.raises(InvalidInput, match=message):
        choose_samples(LABELS, mem, TrainConfig(method="pgd", leave_out=share))


def test_too_few_are_left_by_what_was_left_out():
    mem = np.zeros(len(LABELS), np.float32)
    with pytest.raises(InvalidInput, match=r"left to train on \(1\); lower `validation`, or lower `leave_out`"):
        choose_samples(LABELS, mem, TrainConfig(method="pgd", leave_out=0.995))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"leave_out": 0.1, "keep_atypical": 0.5}, "leave_out and keep_atypical exclude each other"),
        ({"leave_out_by": "random"}, "leave_out_by needs leave_out"),
        ({"leave_out": 1}, "less than 1"),
    ],
)
def test_what_cannot_be_left_out_is_refused(fields: dict[str, object], message: str):
    with pytest.raises(ValidationError, match=message):
        TrainConfig.model_validate({"method": "pgd", **fields})


def test_nothing_to_train_on_is_refused():
    with pytest.raises(InvalidInput, match="Too few samples are left to train on \\(0\\)"):
        chosen(keep_atypical=0, typical=-1)


def test_no_class_is_held_out_whole():
    labels = np.array([0] * 20 + [1] * 2 + [2], np.int32)
    samples = choose_samples(labels, None, TrainConfig(method="erm", validation=0.95))
    assert np.bincount(labels[samples.train]).tolist() == [1, 1, 1]
    assert np.bincount(labels[samples.validation]).tolist() == [19, 1]


def test_classes_of_one_sample_have_none_to_select_on():
    labels = np.arange(10, dtype=np.int32)
    with pytest.raises(InvalidInput, match=r"none can be held out for selection; .* --set select_on=test"):
        choose_samples(labels, None, TrainConfig(method="erm"))
    assert len(choose_samples(labels, None, TrainConfig(method="erm", select_on="test")).train) == 10


@given(count=st.integers(1, 300), size=st.integers(2, 70), processes=st.integers(1, 4))
@settings(deadline=None)
def test_batches_cover_an_epoch_but_for_what_cannot_be_shared(count: int, size: int, processes: int):
    size *= processes
    slices = batch_slices(count, size, processes)
    lengths = [one.stop - one.start for one in slices]
    assert all(length % processes == 0 for length in lengths)
    assert all(length > processes for length in lengths[1:])
    assert all(length == size for length in lengths[:-1])
    assert count - sum(lengths) <= processes + (processes - 1)


def test_an_epoch_is_a_permutation_of_its_own():
    samples, config = chosen(), TrainConfig(method="pgd")
    first, second = (epoch_order(samples, LABELS, config, epoch) for epoch in (0, 1))
    assert sorted(first) == sorted(second) == samples.train.tolist()
    assert first.tolist() != second.tolist()


def test_balanced_batches_hold_equally_many_of_each_of_their_classes():
    config = TrainConfig(method="pgd", batch_size=12, classes_per_batch=3)
    order = epoch_order(chosen(), LABELS, config, 0)
    assert len(order) % 12 == 0
    for batch in order.reshape(-1, 12):
        assert sorted(np.unique(LABELS[batch], return_counts=True)[1].tolist()) == [4, 4, 4]
    assert len(np.unique(order)) > 100


def test_more_classes_a_batch_than_there_are_is_refused():
    config = TrainConfig(method="pgd", batch_size=10, classes_per_batch=5)
    with pytest.raises(InvalidInput, match="classes_per_batch is 5, but there are 4 classes"):
        epoch_order(chosen(), LABELS, config, 0)
