"""Weights and masks for training loops: what they keep, and one sentence for what cannot be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from memscore import sampling
from memscore.errors import InvalidInput
from memscore.scores.tables import ScoreTable

MEM = np.array([0.0, 0.5, 1.0, np.nan, -0.1])


@dataclass(frozen=True)
class Chosen:
    indices: np.ndarray


@pytest.fixture
def table() -> ScoreTable:
    columns = {
        name: np.zeros(2 if name.startswith("test_") else len(MEM))
        for name in ScoreTable.dtypes.keys() - ScoreTable.optional
    }
    meta = {"study": "s", "trials": 100, "fingerprint": "f"}
    return ScoreTable.of({**columns, "mem": MEM, "risk": np.array([0.9, 0.1, np.nan, 0.2, 0.3])}, meta)


def test_memorized_samples_count_less(table: ScoreTable):
    assert sampling.weights(table, 2.0) == pytest.approx(np.exp([0, -1, -2, 0, 0]))
    assert sampling.weights(table, 2.0, threshold=0.4) == pytest.approx(np.exp([0, -2, -2, 0, 0]))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"alpha": "2"}, "alpha must be a number, not '2'"),
        ({"alpha": float("nan")}, "alpha must be from 0 to 100, not nan"),
        ({"threshold": "0.15"}, r"threshold must be a number, not '0\.15'"),
        ({"threshold": float("nan")}, r"threshold must be a number, such as 0\.15, not nan"),
    ],
)
def test_what_cannot_weigh(table: ScoreTable, given: dict[str, Any], said: str):
    with pytest.raises(InvalidInput, match=said):
        sampling.weights(table, **given)
    wrong: Any = table["mem"].repeat(9)
    with pytest.raises(InvalidInput, match="scores must be a ScoreTable, not an array"):
        sampling.weights(wrong)


@pytest.mark.parametrize(
    ("conditions", "kept"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"drop": [1, 4]}, [0, 2, 3]),
        ({"drop": Chosen(np.array([0]))}, [1, 2, 3, 4]),
        ({"drop": np.array([True, False, False, True, False])}, [1, 2, 4]),
        ({"drop": []}, [0, 1, 2, 3, 4]),
        ({"mem_max": 0.5}, [0, 1, 3, 4]),
        ({"risk_max": 0.25, "mem_max": 0.9}, [1, 3]),
    ],
)
def test_what_is_kept(table: ScoreTable, conditions: dict[str, Any], kept: list[int]):
    assert np.flatnonzero(sampling.keep(table, **conditions)).tolist() == kept


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        ({"drop": [5]}, "drop must lie in 0 to 4"),
        ({"drop": [-1]}, "drop must lie in 0 to 4"),
        ({"drop": [0.5]}, "drop must be indices"),
        ({"drop": "abc"}, "drop must be indices"),
        ({"drop": [[1], [2, 3]]}, "drop must be a list or an array of numbers, all rows of one length"),
        ({"mem_max": "0.9"}, r"mem_max must be a number, not '0\.9'"),
        ({"risk_max": "0.9"}, r"risk_max must be a number, not '0\.9'"),
        ({"risk_max": float("nan")}, r"risk_max must be a number, such as 0\.15, not nan"),
        ({"drop": np.ones(4, np.bool_)}, "drop must be indices, or a mask with one value for each of the 5 samples"),
        ({"drop": np.ones(5, np.bool_)}, "drop every training sample"),
    ],
)
def test_what_cannot_be_dropped(table: ScoreTable, conditions: dict[str, Any], said: str):
    with pytest.raises(InvalidInput, match=said):
        sampling.keep(table, **conditions)


def test_a_sampler_draws_by_weight_and_depends_on_its_seed():
    weights = [0.0, 1.0, 3.0, 0.0]
    drawn = list(sampling.sampler(weights, samples=4000, seed=1))
    assert set(drawn) == {1, 2}
    assert np.mean(np.array(drawn) == 2) == pytest.approx(0.75, abs=0.03)
    assert drawn == list(sampling.sampler(weights, samples=4000, seed=1))
    assert drawn != list(sampling.sampler(weights, samples=4000, seed=2))
    assert sorted(sampling.sampler(weights, replacement=False)) == [1, 2], "each once, without those of weight 0"


@pytest.mark.parametrize(
    ("weights", "wanted", "said"),
    [
        ([[1.0]], {}, "one-dimensional"),
        ([-1.0, 2.0], {}, "none below 0"),
        ([0.0, 0.0], {}, "and one above"),
        ([float("nan"), 1.0], {}, "weights must be"),
        ([1.0, 0.0], {"samples": 2, "replacement": False}, "samples must be from 1 to 1"),
        ([1.0], {"samples": 0}, "samples must be at least 1, not 0"),
        ([1.0], {"samples": "2"}, "samples must be a whole number, not '2'"),
        ([1.0], {"seed": "0"}, "seed must be a whole number, not '0'"),
        ([1.0], {"seed": -1}, "seed must be at least 0 and below 9223372036854775808, not -1"),
        ([1.0], {"seed": 2**63}, "seed must be at least 0 and below"),
        ([1.0], {"replacement": "no"}, "replacement must be True or False, not 'no'"),
        (["a"], {}, "weights must be a one-dimensional array of numbers"),
        ([[1.0], [2.0, 3.0]], {}, "weights must be a list or an array of numbers"),
    ],
)
def test_what_cannot_be_sampled(weights: Any, wanted: dict[str, Any], said: str):
    with pytest.raises(InvalidInput, match=said):
        sampling.sampler(weights, **wanted)
