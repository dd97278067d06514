"""A training step recorded once as a CUDA graph, then replayed.

A step of a small network is a hundred kernels of a few microseconds each, and the host takes longer to launch them one
by one than the GPU takes to run them. A replay launches them all at once. The kernels, and so the bits, are the same.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

WARM_UP = 3
"""Ordinary steps before the recording: they select kernels and allocate persistent state such as momentum."""


class Replay:
    """Runs `step` on each call; after the first calls, it replays a recording.

    `step` must read all changing values from tensors at fixed addresses, and must not branch on the host.
    """

    def __init__(self, step: Callable[[], None], device: torch.device) -> None:
        self.step = step
        self.stream = torch.cuda.Stream(device)
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
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph, stream=self.stream):
                self.step()
        self.graph.replay()
