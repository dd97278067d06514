"""The signature of a network sees what changes results, and nothing else."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from memscore.learning.networks.behaviour import signature_of, signature_of_recipe
from memscore.study import signatures
from memscore.study.spec import Recipe

SHAPE = (1, 8, 8)
SOURCE = """
import numpy as np, torch
from torch import nn
from torch.nn import functional as F

class Net(nn.Module):
    def __init__(self, shape, classes, width):
        super().__init__()
        self.conv, self.head = nn.Conv2d(shape[0], width, 3), nn.Linear(width, classes)
        self.register_buffer("shift", torch.tensor(0.0), persistent=False)
    def forward(self, x):
        x = F.relu(self.conv(x + self.shift))
        x = F.dropout(x, 0.3, self.training)
        return self.head(x.mean((2, 3)))

def net(shape, classes, width=8):
    return Net(shape, classes, width)
"""


@pytest.fixture
def signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The signature of the network in a source, as a process that starts now would find it."""
    monkeypatch.syspath_prepend(tmp_path)
    count = iter(range(100))

    def sign(source: str, **options: int) -> str:
        name = f"network_{next(count)}_{abs(hash(str(tmp_path)))}"
        (tmp_path / f"{name}.py").write_text(source)
        return signature_of(f"{name}:net", SHAPE, 10, options)

    return sign


def test_nothing_of_what_was_drawn_before_matters(signed):
    _ = torch.rand(3), random.random(), np.random.rand()  # noqa: NPY002 -- move the generators
    one = signed(SOURCE)
    torch.rand(5)
    assert signed(SOURCE) == one
    assert signed(SOURCE + "\n# a remark\n") == one
    assert len(one) <= signatures.LONGEST


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("F.relu(", "torch.tanh("),
        ("0.3, self.training", "0.35, self.training"),  # in training alone
        ("torch.tensor(0.0)", "torch.tensor(-0.5)"),  # outside the state dict
        ("self.head(x.mean((2, 3)))", "1.05 * self.head(x.mean((2, 3)))"),
        ("x = F.relu", "x = x + (torch.round(4 * x) / 4 - x).detach(); x = F.relu"),
        ("x + self.shift)", "x + self.shift + 3 * (x - x.detach()))"),  # the same outputs, other gradients
        ("return Net(shape", "torch.rand(1); return Net(shape"),  # other initial weights
        ("self.conv, self.head", "self.other, self.conv, self.head"),
        ("self.register_buffer", "self.conv.requires_grad_(False); self.register_buffer"),  # frozen
    ],
)
def test_whatever_changes_results_is_seen(signed, old: str, new: str):
    changed = SOURCE.replace(old, new, 1)
    if "self.other" in new:
        changed = changed.replace("= nn.Conv2d", "= nn.Linear(1, 1), nn.Conv2d", 1)
    assert changed != SOURCE
    assert not signatures.same(signed(SOURCE), signed(changed))


def test_options_count(signed):
    assert not signatures.same(signed(SOURCE), signed(SOURCE, width=9))


def test_a_network_that_draws_from_a_generator_of_its_own_is_told_by_its_tensors_alone(signed):
    wild = SOURCE.replace("x = F.relu", "x = x + float(np.random.default_rng().normal()); x = F.relu")
    assert signatures.same(signed(wild), signed(wild))
    assert not signatures.same(signed(wild), signed(wild, width=9))


def test_networks_that_draw_from_the_legacy_generators_are_seeded(signed):
    for draw in ("np.random.rand()", "__import__('random').random()"):
        drawing = SOURCE.replace("x = F.relu", f"x = x + {draw} * self.training; x = F.relu")
        assert signed(drawing).count(":") == 3  # with outputs
        assert signatures.same(signed(drawing), signed(drawing))


def test_the_global_generators_are_left_as_they_were(signed):
    torch.manual_seed(0)
    state, ours = torch.random.get_rng_state(), random.getstate()
    signed(SOURCE)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert random.getstate() == ours


def test_every_recipe_has_one():
    mlp = Recipe(network="mlp", hidden=(8,), epochs=2, batch_size=32, learning_rate=0.1)
    wider = mlp.model_copy(update={"hidden": (9,)})
    assert not signatures.same(signature_of_recipe(mlp, SHAPE, 10), signature_of_recipe(wider, SHAPE, 10))
    longer = mlp.model_copy(update={"epochs": 9})
    assert signature_of_recipe(mlp, SHAPE, 10) == signature_of_recipe(longer, SHAPE, 10)
