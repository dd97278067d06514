"""A recorder for CPUs that does what a CUDA graph does: it records operations, and replays them on the same memory.

Whatever a step decides on the host, or reads from a Python number, is fixed when it is recorded. A replay that differs
from the step itself shows that the step depends on more than what lies at fixed places.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from memscore.learning.replay import WARM_UP

FORBIDDEN = ("_local_scalar_dense", "nonzero", "random_", "uniform_", "normal_", "bernoulli", "_unique2")
"""Operations that wait for the device, have a shape that depends on data, or draw random numbers."""


class Tape(TorchDispatchMode):
    """Records the operations of a step while it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[Callable[..., Any], Any, Any, list[Tensor]]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        assert name not in FORBIDDEN, f"{name} cannot be recorded"
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        given = {_place(one) for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)}
        # A view, or a tensor that was changed in place, needs no copy: replaying changes the memory that it lies in.
        made = [one for one in tree_leaves(result) if isinstance(one, Tensor) and _place(one) not in given]
        self.operations.append((func, args, kwargs, made))
        return result

    def replay(self) -> None:
        """Do it all again, with the results where they were."""
        for func, args, kwargs, made in self.operations:
            fresh = [one for one in tree_leaves(func(*args, **kwargs)) if isinstance(one, Tensor)]
            if made:
                assert len(fresh) == len(made), func
                for old, new in zip(made, fresh, strict=True):
                    old.copy_(new)


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


class Taped:
    """A step that is taken as it is at first, then recorded, then replayed."""

    def __init__(self, step: Callable[[], None]) -> None:
        self.step = step
        self.taken = 0
        self.replayed = 0
        self.tape: Tape | None = None

    def __call__(self) -> None:
        """Take the step."""
        self.taken += 1
        if self.taken <= WARM_UP:
            self.step()
        elif self.tape is None:
            with Tape() as self.tape:
                self.step()
        else:
            self.replayed += 1
            with torch.no_grad():
                self.tape.replay()


class Tapes:
    """Makes recordings; `made` has them all."""

    def __init__(self) -> None:
        self.made: list[Taped] = []
        self.forgotten = 0
        self.usable = True

    def __call__(self, step: Callable[[], None]) -> Taped:
        """What takes this step."""
        self.made.append(Taped(step))
        return self.made[-1]

    def forget(self) -> None:
        """Count it; the garbage collector does the rest."""
        self.forgotten += 1

    @property
    def replayed(self) -> int:
        """Steps of all recordings that were replayed."""
        return sum(one.replayed for one in self.made)


class Launches(Tapes):
    """Records nothing: each step is taken as it is."""

    def __call__(self, step: Callable[[], None]) -> Any:
        """The step."""
        return step
