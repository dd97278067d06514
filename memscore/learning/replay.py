"""A training step recorded once as a CUDA graph, then replayed.

A step of a small network is a hundred kernels of a few microseconds each, and the host takes longer to launch them one
by one than the GPU takes to run them. A replay launches them all at once. The kernels, and so the bits, are the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Literal

import torch
from torch import Tensor, nn

WARM_UP = 3
"""Ordinary steps before the recording: they select kernels and allocate persistent state such as momentum."""

COMPARED = (WARM_UP + 1, WARM_UP + 2)
"""The steps that are also launched, to compare: the first replays, the second of which has another batch."""

log = logging.getLogger(__name__)

Step = Callable[[], None]
"""Reads all changing values from tensors at fixed addresses, and does not branch on the host."""


class Replay:
    """Runs `step` on each call; after the first calls, it replays a recording.

    Recordings that share a `pool` of memory must never run at the same time, and those on one `stream` must be made
    one after the other. `errors` is which calls of other threads a recording forbids: as in `torch.cuda.graph`.
    """

    def __init__(
        self,
        step: Step,
        device: torch.device,
        stream: torch.cuda.Stream | None = None,
        pool: Any = None,
        errors: Literal["global", "thread_local"] = "global",
    ) -> None:
        self.step = step
        self.stream = torch.cuda.Stream(device) if stream is None else stream
        self.pool = pool
        self.errors = errors
        self.taken = 0
        self.graph: torch.cuda.CUDAGraph | None = None

    def __call__(self) -> None:
        """Take a step."""
        self.taken += 1
        if self.taken <= WARM_UP:
            # On the same separate stream as the recording: state the steps allocate must not belong to another one.
            self.stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self.stream):
                self.step()
            torch.cuda.current_stream().wait_stream(self.stream)
            return
        if self.graph is None:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=self.pool, stream=self.stream, capture_error_mode=self.errors):
                self.step()
            self.graph = graph
        self.graph.replay()


class Compared:
    """Takes a step by `replay`, whose first results are compared with the step's own, and not used if they differ.

    `state` returns all tensors that the step changes, at their fixed places.
    """

    def __init__(self, step: Step, replay: Step, state: Callable[[], Sequence[Tensor]]) -> None:
        self._step, self._take, self._state = step, replay, state
        self._taken = 0

    def __call__(self) -> None:
        """Take a step."""
        self._taken += 1
        if self._taken not in COMPARED or self._take is self._step:
            self._take()
        elif same_bits(_nothing(self._take), _nothing(self._step), self._state()) is False:
            log.warning(DIFFERS)
            self._take = self._step


DIFFERS = (
    "A replayed step ended with other numbers than the same step launched kernel by kernel, so that all further steps "
    "are launched, which is slower. Please report it, with the versions of torch and of the driver."
)


def same_bits(
    replay: Callable[[], Sequence[Tensor]], launch: Callable[[], Sequence[Tensor]], state: Sequence[Tensor]
) -> bool | None:
    """Take one step twice from the same state, replayed and launched, and say whether it ended with the same numbers.

    Compared are the tensors of `state`, which the step changes in place, and those that it returns. The state is then
    the launched step's. None if the device has no memory for both, a recording's and a launched step's: the state is
    then the replayed step's.
    """
    before = _copies(state)
    results = _copies(replay())
    after = _copies(state)
    _put(state, before)
    try:
        launched = [*_copies(launch()), *_copies(state)]
    except torch.OutOfMemoryError:
        log.info("A replayed step is not compared with the launched one: the device has no memory for both.")
        _put(state, after)
        return None
    replayed = [*results, *after]
    return len(replayed) == len(launched) and all(
        one.shape == two.shape and torch.allclose(one, two, rtol=0, atol=0, equal_nan=True)
        for one, two in zip(replayed, launched, strict=True)
    )


def trained_tensors(network: nn.Module, optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """All that a step of training changes in place: weights, statistics and the optimizer's state."""
    kept = chain.from_iterable(one.values() for one in optimizer.state.values())
    return [*network.parameters(), *network.buffers(), *(one for one in kept if isinstance(one, Tensor))]


def _put(tensors: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    with torch.no_grad():
        for tensor, value in zip(tensors, values, strict=True):
            tensor.copy_(value)


def _copies(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [one.detach().to("cpu", copy=True) for one in tensors]


def _nothing(step: Step) -> Callable[[], Sequence[Tensor]]:
    def take() -> Sequence[Tensor]:
        step()
        return ()

    return take


@dataclass
class Recorder:
    """Makes recordings one after the other, on one stream and in one pool of memory."""

    device: torch.device
    errors: Literal["global", "thread_local"] = "global"
    made: list[Replay] = field(default_factory=list[Replay])
    usable: bool = True

    def __post_init__(self) -> None:
        self.stream = torch.cuda.Stream(self.device)
        self.pool = torch.cuda.graph_pool_handle()

    def __call__(self, step: Step) -> Replay:
        """What takes this step."""
        self.made.append(Replay(step, self.device, self.stream, self.pool, self.errors))
        return self.made[-1]

    def forget(self) -> None:
        """Free the recordings, none of which may be called again."""
        # A graph that is freed while the device still runs it, or whose workspace another one goes on using, crashes.
        torch.cuda.synchronize(self.device)
        for one in self.made:
            if one.graph is not None:
                one.graph.reset()
        self.made.clear()
        self.pool = torch.cuda.graph_pool_handle()
