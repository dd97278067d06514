"""A training step recorded once as a CUDA graph, then replayed.

A step of a small network is a hundred kernels of a few microseconds each, and the host takes longer to launch them one
by one than the GPU takes to run them. A replay launches them all at once. The kernels, and so the bits, are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

WARM_UP = 3
"""Ordinary steps before the recording: they select kernels and allocate persistent state such as momentum."""

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
