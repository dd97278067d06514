"""Scores in a training loop: weights by hand, draws that can be repeated, and refusals of other datasets."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from memscore.errors import FingerprintMismatch, InvalidInput
from memscore.scores.tables import ScoreTable
from memscore.study.spec import Design
from tests.conftest import build, make_dataset, make_trials
from trainer.sampling import IndexedDataset, require_same, sample_weights, subset, weighted_sampler


@pytest.fixture(scope="module")
def table() -> ScoreTable:
    dataset = make_dataset()
    scores = build(dataset, make_trials(dataset, Design(), blocks=2), Design(), "a" * 16)[0]
    mem = scores["mem"].copy()
    mem[:4] = (0.5, 1.0, -0.2, np.nan)
    return ScoreTable.of({**scores.columns, "mem": mem}, scores.meta)


@pytest.fixture(scope="module")
def images(table: ScoreTable) -> TensorDataset:
    return TensorDataset(torch.arange(60.0)[:, None], torch.from_numpy(table["label"].astype(np.int64)))


def test_memorized_samples_weigh_less_and_undefined_ones_do_not(table: ScoreTable):
    weights = sample_weights(table, alpha=2.0)
    assert weights.dtype == np.float64
    np.testing.assert_allclose(weights[:4], [np.exp(-1), np.exp(-2), 1, 1])
    np.testing.assert_allclose(sample_weights(table, 2.0, threshold=0.5)[:4], [1, np.exp(-2), 1, 1])
    assert (sample_weights(table, alpha=0) == 1).all()


def test_draws_depend_on_the_seed_and_follow_the_weights(table: ScoreTable, images: TensorDataset):
    def draws(seed: int) -> list[int]:
        return list(weighted_sampler(table, images, alpha=50.0, threshold=0.15, samples=2000, seed=seed))

    assert draws(0) == draws(0) != draws(1)
    assert not table.atypical(0.15)[draws(0)].any()
    assert len(weighted_sampler(table, images)) == 60


def test_batches_say_which_samples_they_hold(table: ScoreTable, images: TensorDataset):
    loader = DataLoader(IndexedDataset(images, table), batch_size=16, shuffle=True)
    seen: list[int] = []
    for values, labels, indices in loader:
        assert torch.equal(values[:, 0].long(), indices)
        np.testing.assert_array_equal(labels.numpy(), table["label"][indices])
        seen += indices.tolist()
    assert sorted(seen) == list(range(60))
    assert IndexedDataset(torch.arange(5))[3] == (3, 3)  # pyright: ignore[reportArgumentType]


def test_a_subset_keeps_the_order(table: ScoreTable, images: TensorDataset):
    chosen = subset(images, table.mask(label=1))
    assert [int(chosen[place][0]) for place in range(len(chosen))] == np.flatnonzero(table["label"] == 1).tolist()
    for wrong in (np.ones(59, np.bool_), np.ones(60, np.int64)):
        with pytest.raises(InvalidInput, match=r"must be bool \[60\]"):
            subset(images, wrong)  # pyright: ignore[reportArgumentType]


def test_another_dataset_is_refused(table: ScoreTable, images: TensorDataset):
    class Labelled(TensorDataset):
        targets = np.roll(table["label"], 1).tolist()

    class Named(TensorDataset):
        fingerprint = "f" * 64

    with pytest.raises(FingerprintMismatch, match="60 training samples, but the dataset has 20"):
        weighted_sampler(table, TensorDataset(torch.zeros(20)))
    with pytest.raises(FingerprintMismatch, match="labels or their order differ"):
        require_same(table, Labelled(*images.tensors))
    with pytest.raises(FingerprintMismatch, match="a different dataset"):
        IndexedDataset(Named(*images.tensors), table)


@pytest.mark.parametrize(("alpha", "threshold"), [(-1.0, None), (np.nan, None), (np.inf, 0.15), (1.0, np.nan)])
def test_weights_that_would_be_no_weights_are_refused(table: ScoreTable, alpha: float, threshold: float | None):
    with pytest.raises(InvalidInput, match=r"alpha must be from 0 to 100|threshold must be a number"):
        sample_weights(table, alpha, threshold)
