"""Which samples each trial trains on: balanced blocks, or independent uniform subsets.

Block b covers the trials 10 b to 10 b + 9 and depends only on (seed, b).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from memscore.arrays import Bools
from memscore.errors import InvalidInput
from memscore.study.randomness import random_words
from memscore.study.spec import BLOCK, Design, Recipe

FULL_STACK = 5
"""Full trials that a stacked network trains together."""

GPU_BLOCKS = 4
"""Blocks that a GPU trains as one stack; never another number, since results depend on it by rounding."""


@dataclass(frozen=True)
class Unit:
    """The trials that one worker trains and stores together: stacks or one trial.

    A stack is a block or five full trials; a GPU trains several blocks at once.
    """

    numbers: tuple[int, ...]
    full: bool = False

    def __str__(self) -> str:
        kind = "full trial" if self.full else "trial"
        if len(self.numbers) == 1:
            return f"{kind} {self.numbers[0]}"
        return f"{kind}s {', '.join(f'{one[0]} to {one[-1]}' for one in _runs(self.numbers))}"

    @property
    def blocks(self) -> list[Unit]:
        """The units of one block each that this one consists of; itself, unless it has several."""
        if self.full or len(self.numbers) <= BLOCK:
            return [self]
        of_block: dict[int, list[int]] = {}
        for number in self.numbers:
            of_block.setdefault(number // BLOCK, []).append(number)
        return [Unit(tuple(numbers)) for numbers in of_block.values()]


def _runs(numbers: tuple[int, ...]) -> list[list[int]]:
    """The numbers as runs of consecutive ones."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs


def grouped(missing: Iterable[Unit], size: int) -> Iterator[Unit]:
    """The same trials, with up to `size` whole blocks in one unit; full and single trials stay units of their own."""
    group: list[Unit] = []
    for unit in missing:
        if unit.full or len(unit.numbers) < BLOCK:
            yield from _joined(group)
            group = []
            yield unit
            continue
        group.append(unit)
        if len(group) == size:
            yield from _joined(group)
            group = []
    yield from _joined(group)


def _joined(group: list[Unit]) -> list[Unit]:
    return [Unit(tuple(number for unit in group for number in unit.numbers))] if group else []


def units(recipe: Recipe, trials: int, *, full: bool = False, present: Iterable[int] = ()) -> list[Unit]:
    """The units to train, in order, so that a study with the trials `present` has the first `trials`.

    For a stacked network, a stack with a missing trial is trained again as a whole; the last stack is always complete.
    """
    size = (FULL_STACK if full else BLOCK) if recipe.stacked else 1
    there = set(present)
    stacks = [tuple(range(first, first + size)) for first in range(0, trials, size)]
    return [Unit(numbers, full) for numbers in stacks if not there.issuperset(numbers)]


def unit_membership(design: Design, samples: int, unit: Unit) -> Bools:
    """Membership bool [k, samples] of the k trials of a unit that is not of several blocks; all True for full trials.

    Raises like `block_membership`.
    """
    if unit.full:
        return np.ones((len(unit.numbers), samples), np.bool_)
    block = block_membership(design, samples, unit.numbers[0] // BLOCK)
    return block[[number % BLOCK for number in unit.numbers]]


def block_membership(design: Design, samples: int, block: int) -> Bools:
    """Membership bool [10, samples] of one block: True where the trial trains on the sample.

    balanced: each sample is held out exactly `design.held_out_per_block` times, subset sizes differ by at most
    one, and memberships are otherwise random.
    uniform: each trial draws round(ratio * samples) samples independently.

    Raises InvalidInput if there are too few samples for subsets that are neither empty nor complete.
    """
    if design.kind == "balanced":
        if samples < BLOCK:
            raise InvalidInput(f"A balanced design needs at least {BLOCK} training samples, not {samples}.")
        return ~_balanced_held_out(samples, design.held_out_per_block, design.seed, block)
    size = round(design.subset_ratio * samples)
    if not 0 < size < samples:
        raise InvalidInput(f"{samples} training samples are too few for a subset ratio of {design.subset_ratio:g}.")
    keys = random_words((BLOCK, samples), "uniform", design.seed, block)
    membership = np.zeros((BLOCK, samples), np.bool_)
    np.put_along_axis(membership, np.argsort(keys, axis=1, kind="stable")[:, :size], True, axis=1)
    return membership


def _balanced_held_out(samples: int, times: int, seed: int, block: int) -> Bools:
    """Held-out bool [10, samples]: columns sum to `times`, rows to floor or ceil of samples * times / 10.

    Each sample is first assigned `times` uniformly random trials. Then, at random samples, single memberships
    move from trials that hold out too many to trials that hold out too few. A move from trial a to trial b
    needs a sample held out of a but not of b; since a holds out more than b, there are at least as many such
    samples as the difference, so the repair always ends.
    """
    # Sorting random words, stably, gives the same choice in every version of NumPy, unlike Generator.choice.
    keys = random_words((samples, BLOCK), "balanced", seed, block)
    held_out = np.zeros((BLOCK, samples), np.bool_)
    np.put_along_axis(held_out, np.argsort(keys, axis=1, kind="stable")[:, :times].T, True, axis=0)

    trial_order = np.argsort(random_words((BLOCK,), "balanced-rest", seed, block), kind="stable")
    wanted = np.full(BLOCK, samples * times // BLOCK)
    # Where sizes cannot be equal, chance says which trials hold out one more: not always those with low numbers.
    wanted[trial_order[: samples * times % BLOCK]] += 1

    sample_order = random_words((samples,), "balanced-repair", seed, block)
    excess = held_out.sum(axis=1) - wanted
    while excess.any():
        giver, taker = int(np.argmax(excess)), int(np.argmin(excess))
        movable = np.flatnonzero(held_out[giver] & ~held_out[taker])
        movable = movable[np.argsort(sample_order[movable], kind="stable")]
        # No more than either trial is off by, so that no move has to be taken back.
        moved = movable[: min(excess[giver], -excess[taker])]
        held_out[giver, moved] = False
        held_out[taker, moved] = True
        excess = held_out.sum(axis=1) - wanted
    return held_out
