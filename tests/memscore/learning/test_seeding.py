"""Networks that draw random numbers draw the same ones again, and nobody else notices."""

import random

import numpy as np
import torch

from memscore.learning.seeding import kept_generators, seed, seeded


def drawn() -> tuple[float, float, float]:
    return torch.rand(1).item(), random.random(), np.random.rand()  # noqa: NPY002


def test_a_name_decides_what_is_drawn_by_each_generator():
    seed("step", 0, 3)
    one = drawn()
    seed("step", 0, 4)
    other = drawn()
    seed("step", 0, 3)
    assert drawn() == one
    assert all(a != b for a, b in zip(one, other, strict=True))


def test_outside_the_generators_go_on_as_if_nothing_had_been_drawn():
    seed("before")
    expected = drawn()
    seed("before")
    with seeded("within"):
        inside = drawn()
        with kept_generators():
            drawn()
        after = drawn()
    assert drawn() == expected
    with seeded("within"):
        assert (drawn(), drawn()) == (inside, after)


def test_an_error_within_leaves_the_generators_too():
    seed("before")
    expected = drawn()
    seed("before")
    try:
        with seeded("within"):
            raise ValueError
    except ValueError:
        pass
    assert drawn() == expected
