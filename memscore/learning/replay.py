"""A training step recorded once as a CUDA graph, then replayed.

A step of a small network is a hundred kernels of some microseconds, and to launch them one by one takes the host longer
than the GPU takes to run them. A replay launches all of them at once. The kernels, and so the bits, are the same.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

WARM_UP = 3
"""Steps taken as they are before one is recorded: they choose kernels, and make what a step keeps, such as momentum."""


class Replay:
    """`step` on each call; on a GPU, after the first calls, from a recording.

    `step` must read what changes between calls from tensors that stay where they are, and decide nothing on the host.
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
            # On a stream of its own, as the recording is: what the steps leave behind must not belong to another.
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
