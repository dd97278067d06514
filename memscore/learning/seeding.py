"""Seeding of the global random generators, for networks that draw: dropout, stochastic depth, noise.

torch's global generators, and those of `random` and NumPy's legacy functions, are seeded from a name. A generator
that a network creates itself (`numpy.random.default_rng()`) cannot be seeded.
"""

from __future__ import annotations

import random
from collections.abc import Generator
from contextlib import contextmanager

import numpy as np
import torch

from memscore.study.randomness import seed_for


def seed(*name: str | int) -> None:
    """Seed every global generator, on every device in use, with a number that depends only on `name`."""
    number = seed_for(*name)
    # Not torch.manual_seed: before CUDA is in use it records the whole stack, which takes longer than a few steps.
    torch.default_generator.manual_seed(number)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(number)
    random.seed(number)
    np.random.seed(number % 2**32)  # noqa: NPY002 -- users' networks draw from it


@contextmanager
def seeded(*name: str | int) -> Generator[None]:
    """Seed the generators within the block, and restore them afterwards."""
    with kept_generators():
        seed(*name)
        yield


@contextmanager
def kept_generators() -> Generator[None]:
    """Restore the global generators after the block, whatever it draws or seeds."""
    ours, numpys = random.getstate(), np.random.get_state()  # noqa: NPY002 -- as above
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices=devices):
        try:
            yield
        finally:
            random.setstate(ours)
            np.random.set_state(numpys)  # noqa: NPY002 -- as above
